/** The failed half of a `Result`: why a text is no identifier, and where. */
import type { IdentifierFault } from './identifier.js'

/** Every reason there is; clients may rely on them. */
export type FaultReason =
  // any scheme
  | 'empty'
  | 'too-long'
  | 'control-character'
  | 'unpaired-surrogate'
  | 'noncharacter'
  | 'invisible-character'
  | 'white-space'
  // handles and their prefixes
  | 'no-slash'
  | 'empty-prefix'
  | 'bad-prefix'
  | 'reserved-prefix'
  | 'prefix-too-long'
  | 'empty-suffix'
  | 'slash'
  // VAA codes
  | 'bad-agency'
  | 'bad-country'
  | 'bad-industry'
  | 'bad-enterprise'
  // object identifiers
  | 'too-few-arcs'
  | 'empty-arc'
  | 'leading-zero'
  | 'bad-first-arc'
  | 'bad-second-arc'
  | 'bad-character'
  // raw URL paths
  | 'not-escaped'
  | 'bad-escape'
  | 'bad-utf8'
  | 'double-encoded'

export type Malformed = { readonly ok: false } & IdentifierFault & { readonly reason: FaultReason }

/** `position` is zero-based, in UTF-16 code units of the text given; `message` says what is wrong and what to do. */
export function malformed(reason: FaultReason, position: number, message: string): Malformed {
  return { ok: false, reason, position, message }
}
