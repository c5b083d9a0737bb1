/** Which values of a record someone asked for, and which of them this reader may see. */
import { foldAscii } from '../identifier/characters.js'
import { ADMIN_READ, type IdentifierRecord, PUBLIC_READ, type Value } from './record.js'
import { isSecretType } from './secret.js'
import { FIRST_ATTRIBUTE_INDEX } from './template.js'

/** What is asked for; a value matches by any of the three. All empty: everything. */
export interface Selection {
  readonly indexes: readonly number[]
  /** ASCII case does not matter; one that ends in "." stands for itself without the dot and for all its subtypes. */
  readonly types: readonly string[]
  /** Names of the template's attributes. */
  readonly attributes: readonly string[]
}

/**
 * `owner`: the enterprise that registered the record, and administrators. `keeper`: an owner who may also write, or whom
 * HS_ADMIN lets read all: he may see the secrets by which others prove who they are.
 */
export type Reader = 'public' | 'owner' | 'keeper'

export const EVERYTHING: Selection = { indexes: [], types: [], attributes: [] }

/** @returns the same array when the reader may see all of it */
export function visibleValues(values: readonly Value[], reader: Reader): readonly Value[] {
  const sufficient = reader === 'public' ? PUBLIC_READ : ADMIN_READ | PUBLIC_READ
  const isVisible = ({ permissions, type }: Value) =>
    (permissions & sufficient) !== 0 && (reader === 'keeper' || !isSecretType(type))
  return values.every(isVisible) ? values : values.filter(isVisible)
}

/** @returns the same array when everything is asked for */
export function selectValues(values: readonly Value[], selection: Selection): readonly Value[] {
  const { indexes, types, attributes } = selection
  if (indexes.length + types.length + attributes.length === 0) return values
  const wantedTypes = types.map(foldAscii)
  return values.filter(
    (value) =>
      indexes.includes(value.index) ||
      (isAttribute(value) && attributes.includes(value.type)) ||
      (wantedTypes.length > 0 && matchesAnyType(value.type, wantedTypes)),
  )
}

/** A record's values as a reader is shown them: the template's attributes apart from the free values. */
export interface RecordParts {
  readonly attributes: readonly Value[]
  readonly values: readonly Value[]
}

/** Splits values of `record`, all of them or some; a record without a template has free values only. */
export function partsOf(record: Pick<IdentifierRecord, 'template'>, values: readonly Value[]): RecordParts {
  if (record.template === '') return { attributes: [], values }
  const firstAttribute = values.findIndex(isAttribute)
  if (firstAttribute < 0) return { attributes: [], values }
  // Ascending by index, so that free values come first.
  return { attributes: values.slice(firstAttribute), values: values.slice(0, firstAttribute) }
}

function isAttribute({ index }: Value): boolean {
  return index >= FIRST_ATTRIBUTE_INDEX
}

/** @param wantedTypes each with its ASCII letters folded */
export function matchesAnyType(type: string, wantedTypes: readonly string[]): boolean {
  const folded = foldAscii(type)
  return wantedTypes.some((wanted) =>
    wanted.endsWith('.') ? folded === wanted.slice(0, -1) || folded.startsWith(wanted) : folded === wanted,
  )
}
