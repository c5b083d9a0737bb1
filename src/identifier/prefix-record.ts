/**
 * The handle of a prefix itself: `0.NA/88.118.8` names the prefix 88.118.8, and its record says who serves and administers
 * what lies below it. Prefixes that begin with `0` belong to the Handle System's own administration, nobody is allotted one.
 *
 *   prefix-handle = "0.NA/" handle-prefix         ; key 0.na/88.118.8, in any case
 *
 * Source: RFC 3651 §2 and §3.
 */
import { foldAscii } from './characters.js'
import type { Identifier } from './identifier.js'
import { prefixCandidates } from './parse.js'
import { prefixEnd, prefixLengthFault } from './schemes/handle.js'

/** Canonical prefix of all handles of prefixes. */
export const PREFIX_AUTHORITY = '0.na'
const KEY_START = `${PREFIX_AUTHORITY}/`
const SPELLING_START = '0.NA/'

/** Of a canonical handle prefix. */
export function prefixHandle(prefix: string): Identifier {
  const spelling = SPELLING_START + prefix
  return { scheme: 'handle', key: foldAscii(spelling), prefix: PREFIX_AUTHORITY, spelling }
}

export function isPrefixHandle({ prefix }: Pick<Identifier, 'prefix'>): boolean {
  return prefix === PREFIX_AUTHORITY
}

/** The canonical prefix that the identifier is the handle of; undefined for all other identifiers. */
export function prefixNamedBy(identifier: Identifier): string | undefined {
  if (!isPrefixHandle(identifier)) return undefined
  const named = prefixInKey(identifier.key)
  const isWhole = named !== '' && prefixEnd(named, 0) === named.length && prefixLengthFault(named, 0) === undefined
  return isWhole ? named : undefined
}

/**
 * Of a canonical key: `88.118.8/x` lies below 88.118.8, `0.na/88.118.8` names it. An object identifier may itself be a
 * prefix: `urn:oid:1.2`.
 */
export function prefixInKey(key: string): string {
  if (key.startsWith(KEY_START)) return key.slice(KEY_START.length)
  const slash = key.indexOf('/')
  return slash < 0 ? key : key.slice(0, slash)
}

/** Prefixes that may decide who answers, the longest first. What lies below a prefix and the prefix's own handle have the same. */
export function routingCandidates(identifier: Identifier): readonly string[] {
  const named = prefixNamedBy(identifier)
  return prefixCandidates(named === undefined ? identifier : { ...identifier, prefix: named })
}

/** Of a canonical prefix: nobody is allotted it. */
export function isReservedPrefix(prefix: string): boolean {
  return prefix === '0' || prefix.startsWith('0.')
}

/** Whether a canonical prefix is one of handles, which have records; arcs of object identifiers have none. */
export function isHandlePrefix(prefix: string): boolean {
  return !prefix.startsWith('urn:oid:')
}
