/**
 * From any text to the identifier it is. The scheme is decided by a cheap look, in this order:
 *
 *   1. VAA and a digit, in any case                    a VAA code
 *   2. urn:oid: or oid:, in any case                   an object identifier
 *   3. digits and dots only, at least one of each,
 *      a digit first, and no slash                     an object identifier
 *   4. all else, hdl: included                         a handle
 *
 * The scheme so decided has the last word: its fault is the answer, and no other scheme is tried. Keys of different
 * schemes never meet: a handle's key holds "/", an OID's does not. What is given as key or spelling parses to the same key.
 *
 * Runs on every look-up: an ordinary handle takes one pass and, without capitals, no new text but its prefix.
 */
import type { Identifier, IdentifierFault } from './identifier.js'
import type { Result } from './result.js'
import { parseHandle } from './schemes/handle.js'
import { OID_KEY_START, parseOid } from './schemes/oid.js'
import { oidUriLength, opensVaa } from './schemes/openings.js'
import { parseVaa } from './schemes/vaa.js'

const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39

export function parseIdentifier(text: string): Result<Identifier, IdentifierFault> {
  const first = text.charCodeAt(0)
  if (first >= ZERO && first <= NINE) return isDottedDigits(text) ? parseOid(text) : parseHandle(text)
  if (opensVaa(text)) return parseVaa(text)
  return oidUriLength(text) > 0 ? parseOid(text) : parseHandle(text)
}

/**
 * Every prefix that could be responsible, longest first: `88.118.8`, `88.118`, `88`.
 * For an OID itself and each ancestor down to two arcs: any of them may be what a node was allotted.
 */
export function prefixCandidates(identifier: Identifier): readonly string[] {
  if (identifier.scheme === 'oid') return oidCandidates(identifier.key)
  const candidates = [identifier.prefix]
  for (let dot = identifier.prefix.lastIndexOf('.'); dot > 0; dot = identifier.prefix.lastIndexOf('.', dot - 1)) {
    candidates.push(identifier.prefix.slice(0, dot))
  }
  return candidates
}

function oidCandidates(key: string): readonly string[] {
  const candidates = [key]
  const firstDot = key.indexOf('.', OID_KEY_START.length)
  for (let dot = key.lastIndexOf('.'); dot > firstDot; dot = key.lastIndexOf('.', dot - 1)) {
    candidates.push(key.slice(0, dot))
  }
  return candidates
}

function isDottedDigits(text: string): boolean {
  let dots = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === DOT) dots++
    else if (unit < ZERO || unit > NINE) return false
  }
  return dots > 0
}
