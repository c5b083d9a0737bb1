/**
 * What depends on the version of the protocol.
 *
 * Versions are compared as software in use does: any 5.x is older than any 2.x. That was a slip, and is kept.
 */
import { RC } from './codes.js'

export interface Version {
  readonly major: number
  readonly minor: number
}

export const VERSION_2_11: Version = { major: 2, minor: 11 }
export const VERSION_3_0: Version = { major: 3, minor: 0 }

const OLDER_THAN_ANY = 5

/** Whether `a` is older than `b`. */
export function isOlder(a: Version, b: Version): boolean {
  const [first, second] = [rank(a), rank(b)]
  return first === second ? a.minor < b.minor : first < second
}

function rank({ major }: Version): number {
  return major === OLDER_THAN_ANY ? -1 : major
}

/**
 * The version to answer in: what the request suggests, or the node's own when that is older. A request may itself be written in
 * an older version than it suggests, so that any server reads it.
 */
export function answerVersion(suggested: Version, own: Version): Version {
  return isOlder(suggested, own) ? suggested : own
}

/** Codes of a digest in front of a body, and of hashes elsewhere. 0 has no code on the wire: the length is there instead. */
export const DIGEST = { unnamed: 0, md5: 1, sha1: 2, sha256: 3 } as const

const FIRST_WITH_SHA1: Version = { major: 2, minor: 1 }
const FIRST_WITH_SHA256: Version = { major: 2, minor: 7 }

export function digestCodeFor(version: Version): number {
  if (isOlder(version, FIRST_WITH_SHA1)) return DIGEST.md5
  return isOlder(version, FIRST_WITH_SHA256) ? DIGEST.sha1 : DIGEST.sha256
}

const FIRST_WITH_NEW_CODES: Version = { major: 2, minor: 5 }

/** A response code in the words of a client: before 2.5 two of them were not there. */
export function responseCodeFor(version: Version, code: number): number {
  if (!isOlder(version, FIRST_WITH_NEW_CODES)) return code
  if (code === RC.serverBackup) return RC.prefixReferral
  return code === RC.invalidValue ? RC.valueExists : code
}
