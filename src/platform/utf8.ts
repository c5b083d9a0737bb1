/** Text and its UTF-8, strictly: what is no UTF-8 gives no text, and half a character gives no octets. */
import { isUtf8 } from 'node:buffer'

/** Below 13 characters V8 builds no rope, and a loop beats the call into native code. */
const SHORT_READ = 12

/** In every Node that runs us, and in TypeScript's library from ES2024 on. */
type WellFormable = string & { isWellFormed(): boolean }

/** The text of the octets from `start` up to `end`, or undefined when they are no UTF-8. */
export function readUtf8(bytes: Buffer, start: number, end: number): string | undefined {
  const short = end - start <= SHORT_READ ? shortAscii(bytes, start, end) : undefined
  if (short !== undefined) return short
  const text = bytes.toString('utf8', start, end)
  // The decoder puts U+FFFD for what is no UTF-8; only then is a closer look due.
  return text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, end)) ? undefined : text
}

/** Half of a character has no UTF-8; the platform would quietly write U+FFFD. */
export function hasUtf8(text: string): boolean {
  return (text as WellFormable).isWellFormed()
}

function shortAscii(bytes: Buffer, start: number, end: number): string | undefined {
  let text = ''
  for (let position = start; position < end; position++) {
    const octet = bytes[position]!
    if (octet > 0x7f) return undefined
    text += String.fromCharCode(octet)
  }
  return text
}
