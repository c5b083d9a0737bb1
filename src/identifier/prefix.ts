/**
 * Prefixes: what is allotted to an enterprise or a node.
 *
 *   88.118.8   10.1000   1.2.156.3000           a handle prefix: dotted digits alone are always one
 *   urn:oid:1.2.156.3000   oid:1.2.156.3000     an arc, with at least two numbers
 *
 * The canonical name is what `parseIdentifier` gives as prefix, and what `prefixCandidates` lists.
 */

import { foldAscii } from './characters.js'
import { type Malformed, malformed } from './fault.js'
import type { IdentifierFault } from './identifier.js'
import type { Result } from './result.js'
import { prefixEnd, prefixLengthFault } from './schemes/handle.js'
import { parseOid } from './schemes/oid.js'
import { oidUriLength } from './schemes/openings.js'

export function parsePrefix(text: string): Result<string, IdentifierFault> {
  if (oidUriLength(text) > 0) {
    const arc = parseOid(text)
    return arc.ok ? { ok: true, value: arc.value.key } : arc
  }
  const fault = handlePrefixFault(text)
  return fault ?? { ok: true, value: foldAscii(text) }
}

function handlePrefixFault(text: string): Malformed | undefined {
  if (text === '') return malformed('empty', 0, 'No prefix: write one, such as 88.118.8, or urn:oid: and an arc.')
  const end = prefixEnd(text, 0)
  if (typeof end !== 'number') return end
  if (end < text.length)
    return malformed(
      'slash',
      end,
      `"/" at position ${end}: a prefix ends before it. Leave out the "/" and what follows.`,
    )
  return prefixLengthFault(text, 0)
}
