/**
 * Which characters an identifier may hold, whatever its scheme.
 *
 * Refused are control characters, what is no character at all, and what nobody can see: two identifiers that look the
 * same on paper must not be two records. Of white space only the plain space U+0020 is legal, and a scheme may refuse it too.
 *
 * The tables are written out, not taken from the running engine's Unicode version, so that every implementation and
 * every release refuses the same. Source: Unicode 17 DerivedCoreProperties.txt and PropList.txt.
 */
import { type Malformed, malformed } from './fault.js'

const DELETE = 0x7f
/** The first code point after the C1 controls. */
const AFTER_CONTROLS = 0xa0

const NON_ASCII = /[\u0080-\uffff]/

/** Inclusive ranges, ascending: Default_Ignorable_Code_Point, line and paragraph separator, interlinear annotation. */
const INVISIBLE: readonly (readonly [first: number, last: number])[] = [
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f],
  [0x61c, 0x61c], // Arabic letter mark
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f], // zero-width space and joiners, LRM, RLM
  [0x2028, 0x202e], // line and paragraph separator, bidi embeddings and overrides
  [0x2060, 0x206f], // word joiner, invisible operators, bidi isolates
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff], // byte order mark
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff], // tags, more variation selectors
]

/** White_Space beyond the controls, the separators above and the plain space. */
const WIDE_SPACE: readonly (readonly [first: number, last: number])[] = [
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
]

/** Octets of UTF-8 that the character at `at` takes; 0 when no identifier may hold it. A character of 4 octets takes 2 code units. */
export function octetsAt(text: string, at: number): number {
  const unit = text.charCodeAt(at)
  return unit >= 0x20 && unit < DELETE ? 1 : unusualOctetsAt(text, at)
}

/** Where the text from `from` on goes beyond `limitOctets` of UTF-8: the first character past it, or -1. Looks no further. */
export function positionBeyond(text: string, from: number, limitOctets: number): number {
  // A code unit never takes more than 3 octets.
  if ((text.length - from) * 3 <= limitOctets) return -1
  let octets = 0
  for (let at = from; at < text.length; ) {
    const codePoint = text.codePointAt(at)!
    octets += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
    if (octets > limitOctets) return at
    at += codePoint < 0x10000 ? 1 : 2
  }
  return -1
}

/** The fault of a character for which `octetsAt` gave 0, or of a space where none may be. */
export function characterFault(text: string, at: number): Malformed {
  const codePoint = text.codePointAt(at)!
  const name = `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`
  const where = `at position ${at}`
  switch (reasonAgainst(codePoint)) {
    case 'control-character':
      return malformed('control-character', at, `Control character ${name} ${where}: remove it.`)
    case 'unpaired-surrogate':
      return malformed('unpaired-surrogate', at, `Half of a character (${name}) ${where}: the text was cut or garbled.`)
    case 'noncharacter':
      return malformed('noncharacter', at, `${name} ${where} is not a character: remove it.`)
    case 'invisible-character':
      return malformed('invisible-character', at, `Invisible character ${name} ${where}: remove it.`)
    default:
      return malformed(
        'white-space',
        at,
        `White space (${name}) ${where}: only plain spaces inside a suffix are legal.`,
      )
  }
}

/** Folds A-Z only: `toLowerCase` would also fold other letters, merging identifiers that are different ones. */
export function foldAscii(text: string): string {
  if (!NON_ASCII.test(text)) return text.toLowerCase()
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Apart, so that the compiler puts the ordinary case of `octetsAt` into its callers' loops: three times as fast. */
function unusualOctetsAt(text: string, at: number): number {
  const codePoint = text.codePointAt(at)!
  if (reasonAgainst(codePoint) !== undefined) return 0
  if (codePoint < 0x800) return 2
  return codePoint < 0x10000 ? 3 : 4
}

type CharacterReason =
  | 'control-character'
  | 'unpaired-surrogate'
  | 'noncharacter'
  | 'invisible-character'
  | 'white-space'

function reasonAgainst(codePoint: number): CharacterReason | undefined {
  if (codePoint < 0x20 || (codePoint >= DELETE && codePoint < AFTER_CONTROLS)) return 'control-character'
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return 'unpaired-surrogate'
  if ((codePoint & 0xfffe) === 0xfffe || (codePoint >= 0xfdd0 && codePoint <= 0xfdef)) return 'noncharacter'
  if (isWithin(INVISIBLE, codePoint)) return 'invisible-character'
  return isWithin(WIDE_SPACE, codePoint) ? 'white-space' : undefined
}

function isWithin(ranges: readonly (readonly [first: number, last: number])[], codePoint: number): boolean {
  for (const [first, last] of ranges) {
    if (codePoint < first) return false
    if (codePoint <= last) return true
  }
  return false
}
