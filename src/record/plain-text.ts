/**
 * Texts as octets of UTF-8, looked at where they lie. Plain is a text without anything that could be refused, escaped or
 * misread: no C0 control (TAB and line ends included), no backslash, no override of the direction of writing.
 */

/** A text within octets, `to` being the octet after it. Reused: copy it before the next is read. */
export interface Span {
  from: number
  to: number
}

const SPACE = 0x20
const DELETE = 0x7f
const BACKSLASH = 0x5c
/** First octet of U+2000 to U+2FFF. */
const GENERAL_PUNCTUATION = 0xe2

/**
 * Puts the plain text that begins at `span.from` into the span; it ends where `stop` stands, an ASCII character, or at
 * `span.to` at the latest. False when it is not plain.
 */
export function readPlainText(octets: Uint8Array, span: Span, stop: number): boolean {
  const { from, to } = span
  for (let at = from; at < to; at += 1) {
    const octet = octets[at]!
    if (octet === stop) {
      span.to = at
      return true
    }
    if (octet < SPACE || octet === BACKSLASH) return false
    if (octet === GENERAL_PUNCTUATION && isBidiOverride(octets, at)) return false
  }
  return true
}

/** U+202A to U+202E, U+2066 to U+2069. */
function isBidiOverride(octets: Uint8Array, at: number): boolean {
  const second = octets[at + 1]
  const third = octets[at + 2]!
  if (second === 0x80) return third >= 0xaa && third <= 0xae
  return second === 0x81 && third >= 0xa6 && third <= 0xa9
}

/** Whether a plain text is certainly more than white space; false does not say that it is not. */
export function isPlainlyVisible(octets: Uint8Array, { from, to }: Span): boolean {
  if (from === to) return false
  const first = octets[from]!
  // Three octets that begin so are U+4000 to U+9FFF, where there is no white space.
  return (first > SPACE && first < DELETE) || (first >= 0xe4 && first <= 0xe9)
}

export function spanEquals(octets: Uint8Array, { from, to }: Span, text: Uint8Array): boolean {
  if (to - from !== text.length) return false
  for (let at = 0; at < text.length; at += 1) if (octets[from + at] !== text[at]) return false
  return true
}
