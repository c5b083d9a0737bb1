/** What is asked of any text from outside, so that it can be stored, logged and given back as it came. */
import { positionBeyond } from '../identifier/characters.js'

/** Why a text is refused, and where. */
export interface TextFault {
  readonly reason: string
  /** Zero-based, in UTF-16 code units; missing where the whole is meant. */
  readonly position?: number
}

const LONE_SURROGATE = /\p{Surrogate}/u
const CONTROL = /\p{Cc}/u

/** PostgreSQL's text holds no NUL, and UTF-8 no halves of characters. */
export function unstorable(text: string): TextFault | undefined {
  const nul = text.indexOf('\0')
  if (nul >= 0) return { reason: `has a NUL character at position ${nul}: remove it`, position: nul }
  const half = text.search(LONE_SURROGATE)
  if (half < 0) return undefined
  return { reason: `has half a character at position ${half}: the text was cut or garbled`, position: half }
}

export function tooLong(text: string, maxOctets: number): TextFault | undefined {
  const position = positionBeyond(text, 0, maxOctets)
  if (position < 0) return undefined
  return { reason: `has ${Buffer.byteLength(text)} octets of UTF-8: at most ${maxOctets} are allowed`, position }
}

export function controlCharacter(text: string): TextFault | undefined {
  const position = text.search(CONTROL)
  return position < 0 ? undefined : { reason: `has a control character at position ${position}: remove it`, position }
}
