/**
 * Object identifiers (ITU-T X.660), in dots or as a URN (RFC 3061).
 *
 *   text  = [ [ "urn:" ] "oid:" ] oid       ; the words in any case
 *   oid   = arc 1*( "." arc )               ; at least two arcs, at most 255 octets
 *   arc   = "0" / ( %x31-39 *DIGIT )        ; the first 0, 1 or 2; the second below 40 under 0 and 1
 *
 * Key: `urn:oid:` and the dotted form. Prefix: the parent arc likewise; an OID of two arcs is its own prefix, since
 * the three roots are not a node's to hold. Arcs are text throughout: some (2.25 and a UUID) exceed every number type.
 */
import { characterFault, octetsAt, positionBeyond } from '../characters.js'
import { type Malformed, malformed } from '../fault.js'
import type { Identifier, IdentifierFault } from '../identifier.js'
import type { Result } from '../result.js'
import { oidUriLength } from './openings.js'

export const OID_KEY_START = 'urn:oid:'
const MAX_OID_OCTETS = 255
const SPACE = 0x20

const ARC = /^(?:0|[1-9][0-9]*)$/
const DIGIT = /^[0-9]$/

export function parseOid(text: string): Result<Identifier, IdentifierFault> {
  const from = oidUriLength(text)
  const fault = arcsFault(text, from)
  if (fault !== undefined) return fault

  const spelling = text.slice(from)
  const key = OID_KEY_START + spelling
  const hasParent = spelling.indexOf('.') !== spelling.lastIndexOf('.')
  const prefix = hasParent ? key.slice(0, key.lastIndexOf('.')) : key
  return { ok: true, value: { scheme: 'oid', key, prefix, spelling } }
}

/** What is wrong with the arcs that begin at `from`, if anything: the first fault in reading order. */
function arcsFault(text: string, from: number): Malformed | undefined {
  if (from === text.length) return malformed('empty', from, 'No object identifier: write one, such as 1.2.156.3000.7.')
  const beyond = positionBeyond(text, from, MAX_OID_OCTETS)
  if (beyond >= 0)
    return malformed('too-long', beyond, `The object identifier is longer than ${MAX_OID_OCTETS} octets: shorten it.`)

  const arcs = text.slice(from).split('.')
  let position = from
  for (const [ordinal, arc] of arcs.entries()) {
    const fault = ARC.test(arc) ? rangeFault(arcs, ordinal, position) : arcFault(text, arc, position)
    if (fault !== undefined) return fault
    position += arc.length + 1
  }
  if (arcs.length > 1) return undefined
  return malformed(
    'too-few-arcs',
    text.length,
    'An object identifier has at least two arcs: write on with "." and a number.',
  )
}

function rangeFault(arcs: readonly string[], ordinal: number, position: number): Malformed | undefined {
  const arc = arcs[ordinal]!
  if (ordinal === 0 && !(arc === '0' || arc === '1' || arc === '2')) {
    return malformed(
      'bad-first-arc',
      position,
      `The first arc of an object identifier is 0, 1 or 2, not ${arc}. If a handle is meant, "/" and its suffix are missing.`,
    )
  }
  if (ordinal === 1 && arcs[0] !== '2' && (arc.length > 2 || Number(arc) > 39)) {
    return malformed('bad-second-arc', position, `Under ${arcs[0]} the second arc is at most 39, not ${arc}.`)
  }
  return undefined
}

/** Why `arc`, which begins at `position`, is no number. */
function arcFault(text: string, arc: string, position: number): Malformed {
  if (arc === '')
    return malformed(
      'empty-arc',
      position,
      `A number is missing at position ${position}: there must be one before and after every ".".`,
    )
  let at = position
  while (at < position + arc.length && DIGIT.test(text.charAt(at))) at++
  if (at === position + arc.length) {
    return malformed(
      'leading-zero',
      position,
      `The arc ${arc} at position ${position} begins with 0: write it without.`,
    )
  }
  if (text.charCodeAt(at) === SPACE || octetsAt(text, at) === 0) return characterFault(text, at)
  return malformed(
    'bad-character',
    at,
    `"${String.fromCodePoint(text.codePointAt(at)!)}" at position ${at}: an object identifier is digits and dots only.`,
  )
}
