/**
 * Rows of an NDJSON file, shaped as the items of a batch:
 * `{"identifier", "template"?, "attributes"?, "values"?, "ttlSeconds"?, "ifMatch"?, "ifNoneMatch"?, "intent"?, "reason"?}`.
 */
import { messageOf, NodeError } from '../platform/errors.js'
import { readDraft } from '../record/draft.js'
import type { ImportOptions } from './import-options.js'
import { plainJsonRows } from './import-plain-json.js'
import {
  badRow,
  type ImportRow,
  preconditionOf,
  type RowBase,
  type RowReader,
  registrationRow,
  withdrawalRow,
} from './import-rows.js'
import type { Precondition } from './registration.js'

/** JSON text to its value. @throws with a message for people; a NodeError's faults are taken as they are */
export type ParseJson = (text: string) => unknown

export function jsonRowReader(options: ImportOptions, parseJson: ParseJson): RowReader {
  const readPlain = plainJsonRows(options)
  return (record, place) => {
    const { row, line, nowSeconds } = place
    const base = { row, line, identifier: '' }
    if (record.fault !== undefined) return badRow(base, record.fault)
    const plain = readPlain(record.octets, place)
    if (plain !== undefined) return plain
    let parsed: unknown
    try {
      parsed = parseJson(record.text)
    } catch (error) {
      return badRow(base, error instanceof NodeError ? error : `is not JSON: ${messageOf(error)}`)
    }
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      return badRow(base, 'each line must be a JSON object with identifier, template, attributes and values')
    return rowOfItem(base, parsed as Record<string, unknown>, { options, nowSeconds })
  }
}

function rowOfItem(
  lineBase: RowBase,
  item: Readonly<Record<string, unknown>>,
  { options, nowSeconds }: { readonly options: ImportOptions; readonly nowSeconds: number },
): ImportRow {
  const { identifier, intent = 'register', reason, ifMatch, ifNoneMatch, ...content } = item
  if (typeof identifier !== 'string') return badRow(lineBase, 'must be a text', 'identifier')
  const base = { ...lineBase, identifier }
  const precondition = readPrecondition(ifMatch, ifNoneMatch)
  if (precondition === 'malformed')
    return badRow(base, 'must be a version number (ifMatch) or "*" (ifNoneMatch), not both', 'ifMatch')
  if (intent === 'withdraw') {
    if (reason !== undefined && typeof reason !== 'string') return badRow(base, 'must be a text', 'reason')
    return withdrawalRow(base, { reason, precondition })
  }
  if (intent !== 'register') return badRow(base, 'must be "register" or "withdraw"', 'intent')
  const whole = options.template === '' ? content : { template: options.template, ...content }
  return registrationRow(base, {
    draft: readDraft(whole, nowSeconds),
    precondition: precondition ?? preconditionOf(options),
  })
}

function readPrecondition(ifMatch: unknown, ifNoneMatch: unknown): Precondition | undefined | 'malformed' {
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  if (ifMatch === undefined) return ifNoneMatch === '*' ? { kind: 'absent' } : 'malformed'
  if (ifNoneMatch !== undefined || !Number.isSafeInteger(ifMatch) || (ifMatch as number) < 1) return 'malformed'
  return { kind: 'version', version: ifMatch as number }
}
