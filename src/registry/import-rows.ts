/** A row of an import: what is to be registered, or why it cannot be. */
import type { Identifier } from '../identifier/identifier.js'
import { parseIdentifier } from '../identifier/parse.js'
import { type Fault, NodeError } from '../platform/errors.js'
import type { DraftResult } from '../record/draft-result.js'
import type { Value } from '../record/record.js'
import { type StoredContent, storedContent } from '../record/stored-content.js'
import type { ImportOptions } from './import-options.js'
import type { SourceRecord } from './import-records.js'
import { type Precondition, type Registration, registrationFault } from './registration.js'

export interface RowBase {
  /** Data rows of the file, counted from 1; the header is none. */
  readonly row: number
  readonly line: number
  /** As the file has it, or built from its suffix; '' when it could not be read. */
  readonly identifier: string
}

export interface GoodRow extends RowBase {
  /** Its values are as they are stored: thousands of rows wait for their chunk, and objects that wait cost the collector dear. */
  readonly registration: Registration
}

export interface BadRow extends RowBase {
  readonly faults: readonly Fault[]
}

export type ImportRow = GoodRow | BadRow

export interface RowPlace {
  readonly row: number
  readonly line: number
  /** Becomes the timestamp of its values. */
  readonly nowSeconds: number
}

/** Reads one record as a row. */
export type RowReader = (record: SourceRecord, place: RowPlace) => ImportRow

const ABSENT: Precondition = { kind: 'absent' }
const IN_CONTENT: readonly Value[] = []

export function isGood(row: ImportRow): row is GoodRow {
  return 'registration' in row
}

/** In mode `create` whatever is registered already stands in the way. */
export function preconditionOf(options: ImportOptions): Precondition | undefined {
  return options.mode === 'create' ? ABSENT : undefined
}

export function registrationRow(
  base: RowBase,
  { draft, precondition }: { readonly draft: DraftResult; readonly precondition: Precondition | undefined },
): ImportRow {
  const parsed = parseIdentifier(base.identifier)
  const faults = parsed.ok ? [] : [identifierFault(parsed)]
  if (!draft.ok) return { ...base, faults: [...faults, ...draft.faults] }
  if (!parsed.ok) return { ...base, faults }
  return { ...base, registration: registrationOf(parsed.value, storedContent(draft.value), precondition) }
}

function registrationOf(
  identifier: Identifier,
  content: StoredContent,
  precondition: Precondition | undefined,
): Registration {
  const { template } = content
  const wanted = { identifier, intent: 'register', template, values: IN_CONTENT, content } as const
  return precondition === undefined ? wanted : { ...wanted, precondition }
}

/** A row whose content came the short way; undefined when its identifier cannot be read. */
export function plainRow(
  { row, line }: RowPlace,
  identifier: string,
  { content, precondition }: { readonly content: StoredContent; readonly precondition: Precondition | undefined },
): GoodRow | undefined {
  const parsed = parseIdentifier(identifier)
  if (!parsed.ok) return undefined
  return { row, line, identifier, registration: registrationOf(parsed.value, content, precondition) }
}

export function withdrawalRow(
  base: RowBase,
  about: { readonly reason: string | undefined; readonly precondition: Precondition | undefined },
): ImportRow {
  const parsed = parseIdentifier(base.identifier)
  if (!parsed.ok) return { ...base, faults: [identifierFault(parsed)] }
  const { reason, precondition } = about
  const registration: Registration = {
    identifier: parsed.value,
    intent: 'withdraw',
    template: '',
    values: [],
    ...(precondition !== undefined ? { precondition } : {}),
    ...(reason !== undefined ? { reason } : {}),
  }
  const fault = registrationFault(registration)
  return fault === undefined ? { ...base, registration } : badRow(base, fault)
}

/** From a reason, or from an error with its own faults. */
export function badRow(base: RowBase, why: string | NodeError, field = 'row'): BadRow {
  const reason = typeof why === 'string' ? why : why.message
  const faults = why instanceof NodeError && why.faults.length > 0 ? why.faults : [{ field, reason }]
  return { ...base, faults }
}

function identifierFault(found: { readonly position: number; readonly message: string }): Fault {
  return { field: 'identifier', position: found.position, reason: found.message }
}
