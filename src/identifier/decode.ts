/**
 * An identifier from the raw path of a URL: percent-decoded exactly once, as UTF-8 (RFC 3986 §2.1, RFC 3629).
 *
 *   88.118.8/a%2Fb        88.118.8/a/b
 *   88.118.8/100%25       88.118.8/100%        a percent sign that begins no escape is just that
 *   88.118.8/a%252Fb      refused              encoded twice: whoever decodes once more asks for another identifier
 *   88.118.8/%C0%AF       refused              not UTF-8
 *
 * Nothing else is interpreted: no `+`, no `.` and `..`, no case. Pass the path without its query.
 */
import { type Malformed, malformed } from './fault.js'
import type { IdentifierFault } from './identifier.js'
import type { Result } from './result.js'

const ESCAPE = /^%[0-9a-f]{2}$/i
const ESCAPED = /%[0-9a-f]{2}/i
const PERCENT = 0x25

export function decodePathIdentifier(rawPath: string): Result<string, IdentifierFault> {
  let decoded = ''
  let plainFrom = 0
  for (let at = 0; at < rawPath.length; ) {
    const unit = rawPath.charCodeAt(at)
    if (unit > 0x7e || unit <= 0x20) return notEscaped(at)
    if (unit !== PERCENT) {
      at++
      continue
    }
    const character = decodeCharacter(rawPath, at)
    if (typeof character !== 'number') return character
    decoded += rawPath.slice(plainFrom, at) + String.fromCodePoint(character)
    at += 3 * octetsOf(character)
    plainFrom = at
  }
  if (plainFrom === 0) return { ok: true, value: rawPath }
  decoded += rawPath.slice(plainFrom)
  return doubleEncodingFault(rawPath, decoded) ?? { ok: true, value: decoded }
}

/** The code point whose escapes begin at `at`. */
function decodeCharacter(rawPath: string, at: number): number | Malformed {
  const lead = octetAt(rawPath, at)
  if (lead < 0) return badEscape(at)
  if (lead < 0x80) return lead
  const count =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
  if (count === 0) return badUtf8(at)

  let codePoint = lead & (0x7f >> count)
  for (let ordinal = 1; ordinal < count; ordinal++) {
    const octet = octetAt(rawPath, at + 3 * ordinal)
    if (octet < 0x80 || octet > 0xbf) return badUtf8(at)
    codePoint = (codePoint << 6) | (octet & 0x3f)
  }
  // A longer sequence than needed, or a surrogate, would be a second spelling of the same text.
  const isShortest = octetsOf(codePoint) === count
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff
  return isShortest && !isSurrogate && codePoint <= 0x10ffff ? codePoint : badUtf8(at)
}

/** The octet whose escape begins at `at`, or -1 when there is none. */
function octetAt(rawPath: string, at: number): number {
  const escaped = rawPath.slice(at, at + 3)
  return ESCAPE.test(escaped) ? Number.parseInt(escaped.slice(1), 16) : -1
}

function octetsOf(codePoint: number): number {
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  return codePoint < 0x10000 ? 3 : 4
}

/** Every percent sign in `decoded` was a %25 in `rawPath`, in the same order, so the position can be counted. */
function doubleEncodingFault(rawPath: string, decoded: string): Malformed | undefined {
  const again = decoded.search(ESCAPED)
  if (again < 0) return undefined
  let position = rawPath.indexOf('%25')
  for (let at = decoded.indexOf('%'); at < again; at = decoded.indexOf('%', at + 1)) {
    position = rawPath.indexOf('%25', position + 3)
  }
  return malformed(
    'double-encoded',
    position,
    `Percent-encoded twice at position ${position}: encode the identifier once. One that really holds "${decoded.slice(again, again + 3)}" can only be asked for in the body of a request.`,
  )
}

function notEscaped(at: number): Malformed {
  return malformed(
    'not-escaped',
    at,
    `The character at position ${at} can't stand in a URL as it is: percent-encode it as UTF-8.`,
  )
}

function badEscape(at: number): Malformed {
  return malformed(
    'bad-escape',
    at,
    `"%" at position ${at} is not followed by two hexadecimal digits: write a percent sign itself as %25.`,
  )
}

function badUtf8(at: number): Malformed {
  return malformed(
    'bad-utf8',
    at,
    `The escapes at position ${at} are not UTF-8: encode the text as UTF-8, then percent-encode it.`,
  )
}
