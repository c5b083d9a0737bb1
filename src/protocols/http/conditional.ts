/**
 * Conditional requests (RFC 9110 §13.1). This node's entity tags are `"v<version>"`, followed by `-<hash>` when the
 * representation is not the plain one; the version in front is what a write can be made to depend on.
 *
 *   If-Match / If-None-Match = "*" / #entity-tag
 *   entity-tag = [ "W/" ] DQUOTE *( %x21 / %x23-7E / %x80-FF ) DQUOTE
 */
import { NodeError } from '../../platform/errors.js'

export interface EntityTag {
  readonly weak: boolean
  /** With its quotes, as on the wire. */
  readonly tag: string
}

export type TagList = '*' | readonly EntityTag[]

const ONE = /[ \t]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,|$)/y
const VERSION = /^"v(\d{1,15})(?:-[\w-]+)?"$/
const MAX_TAGS = 50

/** @throws NodeError `request-malformed` naming the header and the position */
export function parseTagList(header: string, field: 'If-Match' | 'If-None-Match'): TagList {
  if (header.trim() === '*') return '*'
  const tags: EntityTag[] = []
  ONE.lastIndex = 0
  while (ONE.lastIndex < header.length) {
    const position = ONE.lastIndex
    const found = ONE.exec(header)
    if (found === null || tags.length === MAX_TAGS) throw malformed(field, position)
    tags.push({ weak: found[1] !== undefined, tag: found[2]! })
  }
  if (tags.length === 0) throw malformed(field, 0)
  return tags
}

export function formatTag(version: number, variant = ''): string {
  return variant === '' ? `"v${version}"` : `"v${version}-${variant}"`
}

/** The version a tag of ours names, else undefined. */
export function versionOfTag(tag: string): number | undefined {
  const found = VERSION.exec(tag)
  return found === null ? undefined : Number(found[1])
}

/** For GET and HEAD: whether the client already has this representation, so that 304 is the answer (weak comparison). */
export function isNotModified(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch === tag) return true
  const list = parseTagList(ifNoneMatch, 'If-None-Match')
  return list === '*' || list.some((one) => one.tag === tag)
}

/** Versions named by If-Match. A weak tag never matches here (strong comparison, RFC 9110 §13.1.1). */
export function versionsMatched(tags: readonly EntityTag[]): readonly number[] {
  return versionsOf(tags.filter((one) => !one.weak))
}

/** Versions named by If-None-Match (weak comparison). */
export function versionsOf(tags: readonly EntityTag[]): readonly number[] {
  return tags.map((one) => versionOfTag(one.tag)).filter((version) => version !== undefined)
}

function malformed(field: string, position: number): NodeError {
  return new NodeError(
    'request-malformed',
    `${field} must be * or a list of entity tags in double quotes, such as "v3".`,
    { faults: [{ field, position, reason: 'no entity tag stands here' }] },
  )
}
