/**
 * Writes JSON as octets into a buffer that is used again and again; what comes out is a latin1 string of these octets, as
 * node sends it in one piece with a head. Nothing here waits, so one writer serves every answer.
 */
import { isUtf8 } from 'node:buffer'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** What follows the backslash where an octet must be escaped and has a short form (RFC 8259 §7). */
const SHORT_ESCAPES = new Uint8Array(0x80)
for (const [octet, letter] of Object.entries({ 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' })) {
  SHORT_ESCAPES[Number(octet)] = letter.charCodeAt(0)
}

export class JsonOctets {
  readonly #bytes: Buffer
  #at = 0
  /** All octets of texts so far, or'ed: whether any of them is beyond ASCII. */
  #all = 0

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafeSlow(room)
  }

  get room(): number {
    return this.#bytes.length
  }

  begin(): void {
    this.#at = 0
    this.#all = 0
  }

  /** JSON already, in ASCII. */
  raw(json: string): void {
    const bytes = this.#bytes
    let at = this.#at
    for (let index = 0; index < json.length; index++) bytes[at++] = json.charCodeAt(index)
    this.#at = at
  }

  /** A text in its quotes. */
  string(text: string): void {
    const bytes = this.#bytes
    let at = this.#at
    bytes[at++] = QUOTE
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) {
        this.#anyString(text)
        return
      }
      bytes[at++] = unit
    }
    bytes[at++] = QUOTE
    this.#at = at
  }

  /** Octets of UTF-8 as a text in its quotes. False for one that needs an escape in long form. */
  text(source: Uint8Array, start: number, end: number): boolean {
    const bytes = this.#bytes
    let at = this.#at
    let all = 0
    bytes[at++] = QUOTE
    for (let index = start; index < end; index++) {
      const octet = source[index]!
      if (octet < 0x20 || octet === QUOTE || octet === BACKSLASH) {
        const letter = SHORT_ESCAPES[octet]!
        if (letter === 0) return false
        bytes[at++] = BACKSLASH
        bytes[at++] = letter
      } else {
        all |= octet
        bytes[at++] = octet
      }
    }
    bytes[at++] = QUOTE
    this.#all |= all
    this.#at = at
    return true
  }

  /** Undefined when a text was no UTF-8. */
  finish(): string | undefined {
    if (this.#all > 0x7f && !isUtf8(this.#bytes.subarray(0, this.#at))) return undefined
    return this.#bytes.toString('latin1', 0, this.#at)
  }

  #anyString(text: string): void {
    this.#at += this.#bytes.write(JSON.stringify(text), this.#at)
  }
}
