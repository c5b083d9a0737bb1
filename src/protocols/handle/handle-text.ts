/**
 * The handle of a message as an identifier. In this protocol a text without a slash is a prefix, and means its own handle:
 * `88.118.8` is `0.NA/88.118.8`, also where it would be an object identifier elsewhere; that is written `urn:oid:1.2.156…` here.
 */
import type { Identifier, IdentifierFault } from '../../identifier/identifier.js'
import { parseIdentifier } from '../../identifier/parse.js'
import type { Result } from '../../identifier/result.js'
import { parseHandle } from '../../identifier/schemes/handle.js'
import { oidUriLength } from '../../identifier/schemes/openings.js'

/** Where the handles of prefixes are. */
export const PREFIX_HANDLES = '0.NA/'

export function handleIdentifier(text: string): Result<Identifier, IdentifierFault> {
  if (text.includes('/') || oidUriLength(text) > 0) return parseIdentifier(text)
  return text === '' ? parseHandle(text) : parseHandle(PREFIX_HANDLES + text)
}
