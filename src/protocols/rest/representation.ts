/** What a look-up shows of a record: which values, to whom, in which media type, and the entity tag that says so. */
import { createHash } from 'node:crypto'
import { shown } from '../../record/faults.js'
import { nameAdvice } from '../../record/nearest.js'
import type { IdentifierRecord } from '../../record/record.js'
import {
  partsOf,
  type Reader,
  type RecordParts,
  type Selection,
  selectValues,
  visibleValues,
} from '../../record/select.js'
import { findTemplate } from '../../record/template.js'
import { formatTag } from '../http/conditional.js'
import { type LookupOptions, malformedQuery, selectsNothing } from './lookup-options.js'

export const MEDIA_TYPES = ['application/json', 'application/x-protobuf'] as const
export type MediaType = (typeof MEDIA_TYPES)[number]

export interface Viewing {
  readonly reader: Reader
  readonly media: MediaType
  readonly options: Pick<LookupOptions, 'selection' | 'allValues'>
}

/**
 * Attributes and free values apart. Who asks for a part gets that part only: with `index` or `type` the values that match,
 * attributes among them (each also under its name); with `attribute` those attributes. `values=all` lists every value
 * whatever else is asked for by name.
 */
export function shownParts(record: IdentifierRecord, { reader, options }: Viewing): RecordParts {
  const visible = visibleValues(record.values, reader)
  const { selection, allValues } = options
  const byDefault = partsOf(record, visible)
  if (selectsNothing(options)) return byDefault
  const asked = selectsPart(selection) ? selectValues(visible, selection) : visible
  const matching = selectsValues(selection) ? selectValues(visible, { ...selection, attributes: [] }) : []
  return {
    attributes: partsOf(record, asked).attributes,
    values: allValues && !selectsValues(selection) ? visible : matching,
  }
}

/**
 * Names nobody can have meant are refused; a record of free values has no attributes, and then none are shown.
 * @throws NodeError `request-malformed` naming the nearest attribute
 */
export function requireAttributes({ template: name }: IdentifierRecord, { attributes }: Selection): void {
  const template = attributes.length === 0 ? undefined : findTemplate(name)
  if (template === undefined) return
  const known = template.attributes.map((attribute) => attribute.name)
  const unknown = attributes.filter((asked) => !known.includes(asked))
  if (unknown.length === 0) return
  throw malformedQuery(
    unknown.map((asked) => ({
      field: 'attribute',
      reason: `${shown(asked)} is no attribute of template ${name}: ${nameAdvice(asked, known)}`,
    })),
  )
}

/** Another representation of the same version has another tag, or a cache would give one for the other. */
export function tagOf(version: number, { reader, media, options }: Viewing): string {
  const { selection, allValues } = options
  if (reader === 'public' && media === 'application/json' && selectsNothing(options)) return formatTag(version)
  const asked = JSON.stringify([reader, media, allValues, selection.indexes, selection.types, selection.attributes])
  return formatTag(version, createHash('sha256').update(asked).digest('base64url').slice(0, 11))
}

function selectsPart(selection: Selection): boolean {
  return selectsValues(selection) || selection.attributes.length > 0
}

function selectsValues({ indexes, types }: Selection): boolean {
  return indexes.length + types.length > 0
}
