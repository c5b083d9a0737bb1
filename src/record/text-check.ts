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

/** Line ends and tabs are text; the other controls are commands to whatever shows it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const COMMAND = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/
const BIDI_OVERRIDE = /[\u202a-\u202e\u2066-\u2069]/

/** What makes a text look other than it is, or commands a terminal: C0 controls but TAB, LF and CR, and bidi overrides. */
export function misleading(text: string): TextFault | undefined {
  const command = text.search(COMMAND)
  if (command >= 0)
    return {
      reason: `has the control character ${codeOf(text, command)} at position ${command}: remove it`,
      position: command,
    }
  const override = text.search(BIDI_OVERRIDE)
  if (override < 0) return undefined
  return {
    reason: `has ${codeOf(text, override)}, which turns the direction of writing, at position ${override}: remove it`,
    position: override,
  }
}

function codeOf(text: string, position: number): string {
  return `U+${text.charCodeAt(position).toString(16).toUpperCase().padStart(4, '0')}`
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
