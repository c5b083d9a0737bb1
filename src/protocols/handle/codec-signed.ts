/**
 * What the credential of a message is made over: the header and the body, and from version 2.6 on some of the envelope
 * in front of them.
 *
 *   up to 2.5  nothing
 *   2.6        major minor and twelve octets in which software in use mixes the three numbers below up
 *   2.7        major minor session request counter
 *   from 2.8   major minor suggestedMajor suggestedMinor session request counter
 *
 * Versions take an octet each number, the others four. The counter is the credential's index.
 */
import { writeUint32 } from '../../platform/byte-writer.js'
import { MAC } from './codec-credential.js'
import { suggestionOf } from './codec-envelope.js'
import type { MessageEnvelope } from './codec-message.js'
import { isOlder, type Version } from './codec-version.js'

export interface Signed {
  readonly envelope: MessageEnvelope
  /** `SIGNED` or `MAC`. */
  readonly type: string
  readonly counter: number
  /** As `signedPartOf` gives it. */
  readonly headerAndBody: Uint8Array
}

const V2_5: Version = { major: 2, minor: 5 }
const V2_6: Version = { major: 2, minor: 6 }
const V2_7: Version = { major: 2, minor: 7 }
const V2_8: Version = { major: 2, minor: 8 }

/**
 * The octets, or undefined where nobody knows them: what 2.5 and 2.6 make of a session's numbers was never seen. Such a
 * message can't be verified; a server that speaks no version between 2.4 and 2.7 is not sent any.
 */
export function signedOctets({ envelope, type, counter, headerAndBody }: Signed): Uint8Array | undefined {
  const { version, sessionId } = envelope
  if (isOlder(version, V2_5)) return headerAndBody
  if (isOlder(version, V2_7)) {
    if (type === MAC || sessionId !== 0 || counter !== 0) return undefined
    return isOlder(version, V2_6) ? headerAndBody : Buffer.concat([sixBlock(version), headerAndBody])
  }
  return Buffer.concat([envelopeBlock(envelope, counter), headerAndBody])
}

/** Without a session the numbers that end up in it are 0. */
function sixBlock({ major, minor }: Version): Uint8Array {
  const block = new Uint8Array(14)
  block.set([major, minor])
  return block
}

function envelopeBlock(envelope: MessageEnvelope, counter: number): Uint8Array {
  const { version } = envelope
  const suggested = suggestionOf(envelope)
  const versions = isOlder(version, V2_8)
    ? [version.major, version.minor]
    : [version.major, version.minor, suggested.major, suggested.minor]
  const block = new Uint8Array(versions.length + 12)
  block.set(versions)
  writeUint32(block, versions.length, envelope.sessionId)
  writeUint32(block, versions.length + 4, envelope.requestId)
  writeUint32(block, versions.length + 8, counter)
  return block
}
