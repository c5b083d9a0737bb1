/**
 * Writes JSON as octets into a buffer that is used again and again; what comes out is a latin1 string of these octets, as
 * node sends it in one piece with a head. Nothing here waits, so one writer serves every answer.
 *
 * Four octets at a time, which is three times as fast as one: whether any of four is a quote, a backslash or a control
 * character is told by arithmetic on all of them (Anderson, Bit Twiddling Hacks: "Determine if a word has a byte less than n").
 */
import { isUtf8 } from 'node:buffer'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const EACH = 0x01010101
const HIGH = 0x80808080 | 0

/** What follows the backslash where an octet must be escaped and has a short form (RFC 8259 §7). */
const SHORT_ESCAPES = new Uint8Array(0x80)
for (const [octet, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' })) {
  SHORT_ESCAPES[Number(octet)] = letter.charCodeAt(0)
}

/** JSON already, in ASCII, made ready to be written often. */
export interface Piece {
  readonly words: Int32Array
  readonly length: number
}

export function piece(json: string): Piece {
  const words = new Int32Array(Math.ceil(json.length / 4))
  const view = new DataView(words.buffer)
  for (const [at, char] of [...json].entries()) view.setUint8(at, char.charCodeAt(0))
  // In the order in which they are stored again, whatever the machine's own is.
  return { words: words.map((_, at) => view.getInt32(at * 4, true)), length: json.length }
}

export class JsonOctets {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0
  /** All octets of texts so far, or'ed: whether any of them is beyond ASCII. */
  #all = 0

  /** @param room octets at most; a few more are written over and never given out */
  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafeSlow(room + 4)
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
  }

  get room(): number {
    return this.#bytes.length - 4
  }

  begin(): void {
    this.#at = 0
    this.#all = 0
  }

  raw({ words, length }: Piece): void {
    const view = this.#view
    const start = this.#at
    // Beyond the end of the last word comes what is written next.
    for (let at = 0; at < words.length; at++) view.setInt32(start + at * 4, words[at]!, true)
    this.#at = start + length
  }

  /** JSON already, in ASCII; for what is seldom the same. */
  ascii(json: string): void {
    const bytes = this.#bytes
    let at = this.#at
    for (let index = 0; index < json.length; index++) bytes[at++] = json.charCodeAt(index)
    this.#at = at
  }

  number(value: number): void {
    if (value < 10) this.#bytes[this.#at++] = 0x30 + value
    else this.ascii(String(value))
  }

  /** A text in its quotes. */
  string(text: string): void {
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = QUOTE
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) {
        this.#at += bytes.write(JSON.stringify(text), this.#at)
        return
      }
      bytes[at++] = unit
    }
    bytes[at++] = QUOTE
    this.#at = at
  }

  /** Octets of UTF-8 as a text in its quotes. False for one that needs an escape in long form. */
  text(source: DataView, start: number, end: number): boolean {
    const view = this.#view
    let at = this.#at
    let all = 0
    view.setUint8(at++, QUOTE)
    for (let from = start; from < end; ) {
      if (from + 4 <= end) {
        const four = source.getInt32(from, true)
        if (mustEscape(four) === 0) {
          view.setInt32(at, four, true)
          all |= four
          from += 4
          at += 4
          continue
        }
      }
      const octet = source.getUint8(from++)
      if (octet < 0x20 || octet === QUOTE || octet === BACKSLASH) {
        const letter = SHORT_ESCAPES[octet]!
        if (letter === 0) return false
        view.setUint8(at++, BACKSLASH)
        view.setUint8(at++, letter)
      } else {
        all |= octet
        view.setUint8(at++, octet)
      }
    }
    view.setUint8(at++, QUOTE)
    this.#all |= all
    this.#at = at
    return true
  }

  /** Undefined when a text was no UTF-8. */
  finish(): string | undefined {
    if ((this.#all & HIGH) !== 0 && !isUtf8(this.#bytes.subarray(0, this.#at))) return undefined
    return this.#bytes.toString('latin1', 0, this.#at)
  }
}

/** 0 when none of the four octets is a control character, a quote or a backslash; it may err to the other side. */
function mustEscape(four: number): number {
  const quotes = four ^ (QUOTE * EACH)
  const backslashes = four ^ (BACKSLASH * EACH)
  const controls = (four - 0x20 * EACH) & ~four
  return (controls | ((quotes - EACH) & ~quotes) | ((backslashes - EACH) & ~backslashes)) & HIGH
}
