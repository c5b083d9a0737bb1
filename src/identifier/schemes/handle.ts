/**
 * Handle identifiers: the national form of 国家.行业.企业 and the general form of the Handle System.
 *
 *   text       = [ "hdl:" ] handle
 *   handle     = prefix "/" suffix                           ; at most 255 octets of UTF-8; the first "/" splits
 *   prefix     = national / general                          ; at most 64 octets
 *   national   = country "." industry [ "." enterprise ]     ; two labels: a secondary node's prefix
 *   country    = "86" / "88"                                 ; the two given to China
 *   industry   = 3*5DIGIT
 *   enterprise = 1*( ALPHA / DIGIT )
 *   general    = segment *( "." segment )                    ; 10.1000  20.500.12345  0.NA  11111
 *   segment    = 1*( %x21-2D / %x30-39 / %x3B-7E / wide )    ; not SP, "." "/" or ":"
 *   suffix     = *( SP / visible ) visible                   ; opaque; may hold ":" and "/"; no space at the end
 *   visible    = %x21-7E / wide
 *   wide       = a character from U+00A1 on that characters.ts does not refuse
 *
 * A prefix holds no ":" and does not begin with VAA and a digit, although the Handle System would allow both: what begins
 * so is a URI or a VAA code, and a key read again must be the same identifier. `hdl:` is stripped, but nothing is
 * percent-decoded. Key: A-Z folded in prefix and suffix, all else byte for byte. Length is judged first, then characters
 * in reading order. `0.NA/88.118.8` is split like every other handle.
 *
 * Source: RFC 3651 §2 for prefix, "/" and suffix; the limits, the refused characters and the folding are this node's.
 */
import { characterFault, foldAscii, octetsAt, positionBeyond } from '../characters.js'
import { type Malformed, malformed } from '../fault.js'
import type { Identifier, IdentifierFault } from '../identifier.js'
import type { Result } from '../result.js'
import { handleUriLength, opensVaa } from './openings.js'

/** The protocol carries up to 2,048; nothing longer than this is registered, so nothing longer is looked up either. */
export const MAX_HANDLE_OCTETS = 255
export const MAX_PREFIX_OCTETS = 64

const SPACE = 0x20
const DOT = 0x2e
const SLASH = 0x2f
const COLON = 0x3a

/** The country decides: 20.500.12345 has the same shape and is a general prefix. */
const NATIONAL = /^8[68]\.\d{3,5}(?:\.[0-9a-z]{1,64})?$/i

export type HandleForm = 'national' | 'general'

/** Tells the national form by country and shape; whether industry and enterprise exist is not asked. */
export function handleForm(prefix: string): HandleForm {
  return NATIONAL.test(prefix) ? 'national' : 'general'
}

export function parseHandle(text: string): Result<Identifier, IdentifierFault> {
  const from = handleUriLength(text)
  if (from === text.length) return malformed('empty', from, 'No identifier: write one, such as 88.118.8/JXDY2106023.')
  const beyond = positionBeyond(text, from, MAX_HANDLE_OCTETS)
  if (beyond >= 0) return tooLong(beyond)

  const slash = prefixEnd(text, from)
  if (typeof slash !== 'number') return slash
  if (slash === text.length) return noSlash(text.length)

  const spelling = from === 0 ? text : text.slice(from)
  const key = foldAscii(spelling)
  const prefix = key.slice(0, slash - from)
  const fault = prefixLengthFault(prefix, from) ?? suffixFault(text, slash + 1)
  return fault ?? { ok: true, value: { scheme: 'handle', key, prefix, spelling } }
}

/** Where the prefix that begins at `from` ends: at the first "/" or the end of the text. */
export function prefixEnd(text: string, from: number): number | Malformed {
  if (opensVaa(text, from)) return reservedPrefix(from)
  let segment = from
  let at = from
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === SLASH) break
    if (unit === DOT) {
      if (at === segment) return missingSegment(at)
      segment = ++at
      continue
    }
    const octets = unit === SPACE || unit === COLON ? 0 : octetsAt(text, at)
    if (octets === 0) return unit === COLON ? colonInPrefix(at) : characterFault(text, at)
    at += octets === 4 ? 2 : 1
  }
  if (at > segment) return at
  return at === from ? emptyPrefix(at) : missingSegment(at)
}

/** `position` is where the prefix begins in the text given. */
export function prefixLengthFault(prefix: string, position: number): Malformed | undefined {
  const beyond = positionBeyond(prefix, 0, MAX_PREFIX_OCTETS)
  if (beyond < 0) return undefined
  return malformed(
    'prefix-too-long',
    position + beyond,
    `The prefix is longer than ${MAX_PREFIX_OCTETS} octets of UTF-8: shorten it.`,
  )
}

/** What is wrong with the suffix that begins at `from`, if anything. */
export function suffixFault(text: string, from: number): Malformed | undefined {
  if (from === text.length)
    return malformed('empty-suffix', from, 'Nothing follows the "/": write the suffix, the part the enterprise gives.')
  for (let at = from; at < text.length; ) {
    const octets = octetsAt(text, at)
    if (octets === 0) return characterFault(text, at)
    at += octets === 4 ? 2 : 1
  }
  let end = text.length
  while (end > from && text.charCodeAt(end - 1) === SPACE) end--
  return end === text.length ? undefined : characterFault(text, end)
}

export function tooLong(position: number): Malformed {
  return malformed(
    'too-long',
    position,
    `The identifier is longer than ${MAX_HANDLE_OCTETS} octets of UTF-8: shorten it.`,
  )
}

export function noSlash(position: number): Malformed {
  return malformed(
    'no-slash',
    position,
    'There is no "/": an identifier is a prefix, "/" and a suffix, such as 88.118.8/JXDY2106023.',
  )
}

function emptyPrefix(at: number): Malformed {
  return malformed('empty-prefix', at, 'There is no prefix before the "/": write it, such as 88.118.8/JXDY2106023.')
}

function missingSegment(at: number): Malformed {
  return malformed(
    'bad-prefix',
    at,
    `Part of the prefix is missing at position ${at}: there must be characters before and after every ".".`,
  )
}

function colonInPrefix(at: number): Malformed {
  return malformed(
    'bad-prefix',
    at,
    `":" at position ${at} can't be part of a prefix: give the identifier alone, not a web address or another URI.`,
  )
}

function reservedPrefix(at: number): Malformed {
  return malformed(
    'reserved-prefix',
    at,
    'What begins with VAA and a digit is a VAA code, not a handle prefix: VAA08810012345678 is the prefix 88.100.12345678.',
  )
}
