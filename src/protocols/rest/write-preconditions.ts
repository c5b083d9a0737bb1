/**
 * On which condition a write is meant: If-Match and If-None-Match as the registry's precondition.
 *
 *   If-Match: "v3"         only while version 3 is the newest      If-Match: *        only when registered
 *   If-None-Match: *       only when not registered
 *
 * Lists of tags are resolved against the version there is now, and the write then depends on that one.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Identifier } from '../../identifier/identifier.js'
import { NodeError } from '../../platform/errors.js'
import type { Precondition } from '../../registry/identifiers.js'
import type { Resolve } from '../../resolution/resolve.js'
import { parseTagList, versionsMatched, versionsOf } from '../http/conditional.js'

/** @throws NodeError `request-malformed`, `precondition-failed` */
export async function readPrecondition(
  headers: IncomingHttpHeaders,
  identifier: Identifier,
  resolve: Resolve,
): Promise<Precondition | undefined> {
  const ifMatch = headers['if-match']
  const ifNoneMatch = headers['if-none-match']
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw new NodeError('request-malformed', 'If-Match and If-None-Match exclude each other in a write.')
  if (ifMatch !== undefined) return matching(ifMatch, identifier, resolve)
  return ifNoneMatch === undefined ? undefined : notMatching(ifNoneMatch, identifier, resolve)
}

async function matching(header: string, identifier: Identifier, resolve: Resolve): Promise<Precondition> {
  const tags = parseTagList(header, 'If-Match')
  if (tags === '*') return { kind: 'present' }
  const versions = versionsMatched(tags)
  const [first] = versions
  if (first === undefined)
    throw new NodeError('precondition-failed', 'If-Match names no strong entity tag of this node, such as "v3".')
  if (versions.length === 1) return { kind: 'version', version: first }
  const current = await currentVersion(identifier, resolve)
  // None of them is current: naming any of them lets the registry say what is.
  return { kind: 'version', version: versions.find((version) => version === current) ?? first }
}

async function notMatching(header: string, identifier: Identifier, resolve: Resolve): Promise<Precondition> {
  const tags = parseTagList(header, 'If-None-Match')
  if (tags === '*') return { kind: 'absent' }
  const current = await currentVersion(identifier, resolve)
  if (current === undefined) return { kind: 'absent' }
  if (versionsOf(tags).includes(current))
    throw new NodeError('precondition-failed', `Version ${current} is the newest, and If-None-Match names it.`)
  return { kind: 'version', version: current }
}

/** undefined: not registered now. */
async function currentVersion(identifier: Identifier, resolve: Resolve): Promise<number | undefined> {
  const answer = await resolve({ identifier, authoritative: true })
  return answer.kind === 'found' ? answer.version : undefined
}
