/**
 * Handles as the Handle protocol writes them: always handles, never another scheme, and a prefix alone stands for its own record.
 *
 *   88.118.8/x       prefix 88.118.8, whose record is 0.NA/88.118.8
 *   0.NA/88.118.8    the record of the prefix 88.118.8; below it stands 0.NA/88.118.8.1, above it 0.NA/88.118
 *   88.118.8         the same record
 */
import type { Identifier } from '../../../identifier/identifier.js'
import { parsePrefix } from '../../../identifier/prefix.js'
import type { Route } from '../../../resolution/authorities.js'
import { findRoute, type RouteTable } from '../../../resolution/authorities.js'
import { RC } from '../codes.js'
import { handleIdentifier, PREFIX_HANDLES } from '../handle-text.js'
import type { Outcome } from './contract.js'
import { refused } from './refusals.js'

export const PREFIX_RECORDS = '0.na'

export function readHandle(text: string): Outcome<Identifier> {
  const parsed = handleIdentifier(text)
  return parsed.ok ? parsed : refused(RC.invalidHandle, parsed.message)
}

/** The prefix that a prefix's record is about, canonical: `88.118.8` of `0.NA/88.118.8`. */
export function prefixNamed(record: Identifier): string | undefined {
  if (record.prefix !== PREFIX_RECORDS) return undefined
  const parsed = parsePrefix(record.key.slice(PREFIX_RECORDS.length + 1))
  return parsed.ok ? parsed.value : undefined
}

/** The prefix that a request about a whole prefix means, canonical. */
export function readPrefixHandle(text: string): Outcome<string> {
  const handle = readHandle(text)
  if (!handle.ok) return handle
  const prefix = prefixNamed(handle.value)
  return prefix === undefined
    ? refused(RC.invalidHandle, `${text} is no prefix: write it as 0.NA/88.118.8.`)
    : { ok: true, value: prefix }
}

export function prefixRecord(prefix: string): string {
  return PREFIX_HANDLES + prefix
}

/**
 * The prefix whose record decides about a handle that has no administrators of its own; undefined at the top, and for an object
 * identifier, whose arc has no record.
 */
export function prefixAbove(handle: Identifier): string | undefined {
  if (handle.scheme === 'oid') return undefined
  const named = prefixNamed(handle)
  if (named === undefined) return handle.prefix === PREFIX_RECORDS ? undefined : handle.prefix
  const dot = named.lastIndexOf('.')
  return dot < 0 ? undefined : named.slice(0, dot)
}

/** The prefix of this node that answers for a handle: for a prefix's record, that prefix or the nearest above it. */
export function responsibleRoute(routes: RouteTable, handle: Identifier): Route | undefined {
  let prefix = prefixNamed(handle)
  if (prefix === undefined) return findRoute(routes, handle)
  while (prefix !== '') {
    const route = routes.get(prefix)
    if (route !== undefined) return route
    prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('.'), 0))
  }
  return undefined
}
