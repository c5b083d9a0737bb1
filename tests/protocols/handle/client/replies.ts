/** Answers that a test's server gives: right ones, from which a test changes what it wants wrong. */
import { type KeyObject, sign } from 'node:crypto'
import type { ServerAddress } from '../../../../src/protocols/handle/client/server-address.js'
import { SIGNED } from '../../../../src/protocols/handle/codec-credential.js'
import {
  encodeMessage,
  type Message,
  signedPartOf,
  withCredential,
} from '../../../../src/protocols/handle/codec-message.js'
import { signedOctets } from '../../../../src/protocols/handle/codec-signed.js'
import type { HandleValue } from '../../../../src/protocols/handle/codec-value.js'
import { FLAG, hasFlag, RC } from '../../../../src/protocols/handle/codes.js'
import { requestDigest } from '../../../../src/protocols/handle/digests.js'
import { publicKeyRecord } from '../../../../src/protocols/handle/keys.js'
import { encodePublicKey } from '../../../../src/record/value-types/hs-pubkey.js'
import { encodeSite, type SiteInterface, TRANSPORTS } from '../../../../src/record/value-types/hs-site.js'
import { mustDecode } from '../whole-messages.js'

export interface Change {
  readonly envelope?: Partial<Message['envelope']>
  readonly header?: Partial<Message['header']>
  readonly body?: Message['body']
}

/** The answer to a request as a right server gives it, but for `change`. */
export function answerTo(request: Buffer, body: Message['body'], change: Change = {}): Buffer {
  return encodeMessage(answerMessage(request, body, change))
}

export function answerMessage(request: Buffer, body: Message['body'], change: Change = {}): Message {
  const { envelope, header } = mustDecode(request)
  const answer: Message = {
    envelope: { ...envelope, suggestedVersion: { major: 2, minor: 11 }, ...change.envelope },
    header: {
      ...header,
      responseCode: RC.success,
      siteSerial: 1,
      expirationSeconds: Math.floor(Date.now() / 1000) + 3600,
      ...change.header,
    },
    body: change.body ?? body,
  }
  const isDigested = hasFlag(answer.header.opFlags, FLAG.returnDigest) || body.kind === 'challenge'
  if (!isDigested) return answer
  const { code, octets } = requestDigest(request, answer.envelope.version)
  return { ...answer, requestDigest: { code, octets: new Uint8Array(octets) } }
}

export function refusalTo(request: Buffer, responseCode: number, message = ''): Buffer {
  return answerTo(request, { kind: 'error', message, indexes: [] }, { header: { responseCode } })
}

export function valuesTo(request: Buffer, values: readonly HandleValue[], change: Change = {}): Buffer {
  return answerTo(request, { kind: 'handle-values', handle: handleIn(request), values }, change)
}

export function handleIn(request: Buffer): string {
  const { body } = mustDecode(request)
  return 'handle' in body ? body.handle : ''
}

export function value(index: number, type: string, data: string | Uint8Array): HandleValue {
  return {
    index,
    timestampSeconds: 1_700_000_000,
    ttlType: 0,
    ttl: 86_400,
    permissions: 14,
    type,
    data: typeof data === 'string' ? new Uint8Array(Buffer.from(data)) : data,
    references: [],
  }
}

export function signedBy(key: KeyObject, bytes: Buffer): Buffer {
  const { envelope } = mustDecode(bytes)
  const octets = signedOctets({ envelope, type: SIGNED, counter: 300, headerAndBody: signedPartOf(bytes) })!
  const isEd25519 = key.asymmetricKeyType === 'ed25519'
  return withCredential(bytes, {
    version: 0,
    options: 0,
    handle: '',
    index: 300,
    type: SIGNED,
    algorithm: isEd25519 ? 'Ed25519' : 'SHA-256',
    signature: sign(isEd25519 ? null : 'sha256', octets, key),
  })
}

export interface SiteOf {
  readonly addresses: readonly ServerAddress[]
  readonly publicKey?: KeyObject
  readonly serial?: number
  readonly flags?: number
}

/** HS_SITE of one server for each address. */
export function siteOctets({ addresses, publicKey, serial = 1, flags = 0x80 }: SiteOf): Uint8Array {
  return encodeSite({
    format: 1,
    protocolVersion: { major: 2, minor: 11 },
    serial,
    flags,
    hashOption: 2,
    hashFilter: '',
    attributes: [],
    servers: addresses.map(({ transport, host, port }, id) => ({
      id: id + 1,
      address: host,
      publicKey: publicKey === undefined ? new Uint8Array(0) : encodePublicKey(publicKeyRecord(publicKey)!),
      interfaces: [{ type: 3, transport: TRANSPORTS[transport], port } satisfies SiteInterface],
    })),
  })
}
