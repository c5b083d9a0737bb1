/** The other side of a session, as RFC 3652 and software in use have it: agreement, MAC, encryption. Everything it finds wrong throws. */
import { createDiffieHellman, type KeyObject } from 'node:crypto'
import { MAC } from '../../../../src/protocols/handle/codec-credential.js'
import {
  decodeOpened,
  encodeMessage,
  encodeSealed,
  type Message,
  signedPartOf,
  withCredential,
} from '../../../../src/protocols/handle/codec-message.js'
import { encodeDiffieHellmanData } from '../../../../src/protocols/handle/codec-session.js'
import { signedOctets } from '../../../../src/protocols/handle/codec-signed.js'
import { FLAG, hasFlag, OP } from '../../../../src/protocols/handle/codes.js'
import { sessionMac } from '../../../../src/protocols/handle/digests.js'
import { open, seal, sessionKeyOf } from '../../../../src/protocols/handle/session-cipher.js'
import { decodePublicKey, encodePublicKey, magnitude, withSign } from '../../../../src/record/value-types/hs-pubkey.js'
import { isEncrypted, mustDecode } from '../whole-messages.js'
import { answerMessage, answerTo, signedBy } from './replies.js'

export interface SessionServer {
  readonly keys: Map<number, Uint8Array>
  /** Counters of the messages that came with a MAC. */
  readonly counters: number[]
  setUp(request: Buffer): Buffer
  /** Verified and decrypted. */
  opened(request: Buffer): Message
  /** Sealed when the request was, with a MAC when `withMac`. */
  reply(
    request: Buffer,
    body: Message['body'],
    options?: { readonly withMac?: boolean; readonly opCode?: number },
  ): Buffer
}

export interface SessionServerOptions {
  readonly signer: KeyObject
  /** The private number, in hexadecimal. */
  readonly privateNumber: string
  readonly change?: (data: { readonly p: Buffer; readonly g: Buffer; readonly y: Buffer }) => object
}

export function sessionServer({ signer, privateNumber, change = () => ({}) }: SessionServerOptions): SessionServer {
  const keys = new Map<number, Uint8Array>()
  const counters: number[] = []
  let nextId = 40
  const server: SessionServer = {
    keys,
    counters,
    setUp(request) {
      const { body } = mustDecode(request)
      if (body.kind !== 'session-request') throw new Error(`a session is not set up by ${body.kind}`)
      const key = decodePublicKey(body.publicKey!)
      if (!key.ok || key.value.kind !== 'dh') throw new Error('no Diffie-Hellman key')
      const own = createDiffieHellman(Buffer.from(key.value.p), Buffer.from(key.value.g))
      own.setPrivateKey(Buffer.from(privateNumber, 'hex'))
      own.generateKeys()
      const sessionId = nextId++
      keys.set(sessionId, sessionKeyOf(own.computeSecret(magnitude(key.value.y))))
      const numbers = { p: own.getPrime(), g: own.getGenerator(), y: own.getPublicKey() }
      const { p, g, y } = { ...numbers, ...change(numbers) }
      const publicKey = encodePublicKey({ kind: 'dh', flags: 0, y: withSign(y), p: withSign(p), g: withSign(g) })
      const data = encodeDiffieHellmanData({ cipher: 3, publicKey })
      return signedBy(signer, answerTo(request, { kind: 'session-answer', mode: 4, data }, { envelope: { sessionId } }))
    },
    opened(request) {
      const sessionId = request.readUInt32BE(4)
      const key = keys.get(sessionId)
      if (key === undefined) throw new Error(`no session ${sessionId}`)
      const { message, octets } = openedBy(key, request)
      if (message.header.opCode === OP.answerChallenge) return message
      const { credential, envelope } = message
      if (credential?.type !== MAC) throw new Error('no MAC')
      counters.push(credential.index)
      const parts = { envelope, type: MAC, counter: credential.index, headerAndBody: signedPartOf(octets) }
      const mac = sessionMac(envelope.version, key, signedOctets(parts)!)
      if (!mac.signature.equals(credential.signature)) throw new Error('the MAC is wrong')
      return message
    },
    reply(request, body, { withMac = false, opCode } = {}) {
      const key = keys.get(request.readUInt32BE(4))!
      const { message, octets } = openedBy(key, request)
      const plain = encodeMessage(message)
      const answer = answerMessage(plain, body, {
        header: {
          ...(opCode === undefined ? {} : { opCode }),
          ...(body.kind === 'challenge' ? { responseCode: 402 } : {}),
        },
      })
      void octets
      const bytes = encodeMessage(answer)
      const parts = { envelope: answer.envelope, type: MAC, counter: 7, headerAndBody: signedPartOf(bytes) }
      const mac = sessionMac(answer.envelope.version, key, signedOctets(parts)!)
      const credential = { version: 0, options: 0, handle: '', index: 7, type: MAC, ...mac }
      const vouched = withMac ? withCredential(bytes, credential) : bytes
      if (!isEncrypted(request)) return vouched
      if (!hasFlag(message.header.opFlags, FLAG.encrypt)) throw new Error('encrypted, and not said to be')
      return encodeSealed(answer.envelope, seal(key, Buffer.alloc(16, 9), vouched.subarray(20)))
    },
  }
  return server
}

function openedBy(key: Uint8Array, request: Buffer): { readonly message: Message; readonly octets: Buffer } {
  if (!isEncrypted(request)) return { message: mustDecode(request), octets: request }
  const content = open(key, request.subarray(20))
  if (content === undefined) throw new Error('not of this session')
  const octets = Buffer.concat([request.subarray(0, 20), content])
  octets[2]! &= ~0x40
  const { version, suggestedVersion, sessionId, requestId } = {
    version: { major: octets[0]!, minor: octets[1]! },
    suggestedVersion: { major: octets[2]! & 0x1f, minor: octets[3]! },
    sessionId: octets.readUInt32BE(4),
    requestId: octets.readUInt32BE(8),
  }
  const decoded = decodeOpened({ version, suggestedVersion, sessionId, requestId }, content)
  if (!decoded.ok) throw new Error(decoded.message)
  return { message: decoded.value, octets }
}
