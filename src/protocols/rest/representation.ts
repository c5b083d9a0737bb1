/** What a look-up shows of a record: which values, to whom, in which media type, and the entity tag that says so. */
import { createHash } from 'node:crypto'
import type { IdentifierRecord } from '../../record/record.js'
import { partsOf, type Reader, type RecordParts, selectValues, visibleValues } from '../../record/select.js'
import { formatTag } from '../http/conditional.js'
import type { LookupOptions } from './lookup-options.js'

export const MEDIA_TYPES = ['application/json', 'application/x-protobuf'] as const
export type MediaType = (typeof MEDIA_TYPES)[number]

export interface Viewing {
  readonly reader: Reader
  readonly media: MediaType
  readonly options: Pick<LookupOptions, 'selection' | 'allValues'>
}

/**
 * Attributes and free values apart; with `index` or `type` the values that match, with `attribute` only those attributes.
 */
export function shownParts(record: IdentifierRecord, { reader, options }: Viewing): RecordParts {
  const visible = visibleValues(record.values, reader)
  const { selection, allValues } = options
  const byDefault = partsOf(record, visible)
  return {
    attributes:
      selection.attributes.length === 0
        ? byDefault.attributes
        : byDefault.attributes.filter(({ type }) => selection.attributes.includes(type)),
    values: selectsValues(selection)
      ? selectValues(visible, { ...selection, attributes: [] })
      : allValues
        ? visible
        : byDefault.values,
  }
}

/** Another representation of the same version has another tag, or a cache would give one for the other. */
export function tagOf(version: number, { reader, media, options }: Viewing): string {
  const { selection, allValues } = options
  const isPlain =
    reader === 'public' &&
    media === 'application/json' &&
    !allValues &&
    !selectsValues(selection) &&
    selection.attributes.length === 0
  if (isPlain) return formatTag(version)
  const asked = JSON.stringify([reader, media, allValues, selection.indexes, selection.types, selection.attributes])
  return formatTag(version, createHash('sha256').update(asked).digest('base64url').slice(0, 11))
}

function selectsValues({ indexes, types }: LookupOptions['selection']): boolean {
  return indexes.length + types.length > 0
}
