/**
 * Sets a session up by Diffie-Hellman: each side sends a public number, the server signs its own, and the key follows from
 * both. Whoever sits between can neither read the key nor put himself in the server's place, as long as the server's key is known.
 *
 * The group is that of 1,024 bits which software in use takes; it keeps out forgers, not those who store what they hear and
 * have years of computers: whoever must fear them asks over https.
 */
import { createDiffieHellman, type DiffieHellman, getDiffieHellman } from 'node:crypto'
import { decodePublicKey, encodePublicKey, magnitude, withSign } from '../../../record/value-types/hs-pubkey.js'
import type { Message } from '../codec-message.js'
import { decodeDiffieHellmanData, SESSION_CIPHER, SESSION_MODE } from '../codec-session.js'
import { FLAG, OP, RC } from '../codes.js'
import { sessionKeyOf } from '../session-cipher.js'
import { type Conversation, converse, refusalOf, type Tools } from './converse.js'
import type { Identity } from './identity.js'
import { DEFAULT_FLAGS, type Random, type Request, withoutSerial } from './request.js'
import type { Server } from './server.js'
import { Session } from './session.js'
import { faultOf } from './verification.js'

export interface SessionWish {
  readonly server: Server
  readonly identity: Identity
  readonly isEncrypting: boolean
  readonly timeoutMs: number
}

const LIFETIME_SECONDS = 24 * 3600
const PRIVATE_OCTETS = 32
const FLAGS = DEFAULT_FLAGS | FLAG.certify | FLAG.returnDigest

/** @throws HandleFault; `refused` when the server has no sessions */
export async function setUpSession(wish: SessionWish, tools: Tools): Promise<Session> {
  const { server, identity, timeoutMs, isEncrypting } = wish
  const own = ownNumbers(tools.random)
  const conversation: Conversation = { server: withoutSerial(server), request: requestFor(identity, own), timeoutMs }
  for await (const message of converse(conversation, tools)) {
    if (message.header.responseCode !== RC.success) throw refusalOf(server, message)
    const endsAtMs = performance.now() + LIFETIME_SECONDS * 1000
    return new Session({ id: message.envelope.sessionId, key: keyFrom(message, own, server), isEncrypting, endsAtMs })
  }
  throw faultOf(server, 'invalid-answer', 'sets no session up')
}

function ownNumbers(random: Random): DiffieHellman {
  const group = getDiffieHellman('modp2')
  const own = createDiffieHellman(group.getPrime(), group.getGenerator())
  own.setPrivateKey(random(PRIVATE_OCTETS))
  own.generateKeys()
  return own
}

function requestFor({ handle, index }: Identity, own: DiffieHellman): Request {
  const [p, g] = [own.getPrime(), own.getGenerator()]
  const publicKey = encodePublicKey({
    kind: 'dh',
    flags: 0,
    y: withSign(own.getPublicKey()),
    p: withSign(p),
    g: withSign(g),
  })
  const mode = SESSION_MODE.diffieHellman
  return {
    opCode: OP.setUpSession,
    handle,
    body: { kind: 'session-request', mode, timeoutSeconds: LIFETIME_SECONDS, handle, index, publicKey },
    flags: FLAGS,
    isRepeatable: true,
  }
}

function keyFrom({ body, envelope }: Message, own: DiffieHellman, server: Server): Uint8Array {
  const wrong = (what: string) => faultOf(server, 'invalid-answer', `sets a session up ${what}`)
  if (body.kind !== 'session-answer' || body.mode !== SESSION_MODE.diffieHellman)
    throw wrong('in another way than asked')
  if (envelope.sessionId === 0) throw wrong('without a number')
  const data = decodeDiffieHellmanData(body.data)
  if (!data.ok || data.value.cipher !== SESSION_CIPHER.aes) throw wrong('with another cipher than AES')
  const key = decodePublicKey(data.value.publicKey)
  if (!key.ok || key.value.kind !== 'dh') throw wrong('without a Diffie-Hellman key')
  const { p, g, y } = key.value
  const isSameGroup = isSameNumber(p, own.getPrime()) && isSameNumber(g, own.getGenerator())
  if (!isSameGroup) throw wrong('in another group than asked')
  if (!isSound(y, own.getPrime())) throw wrong('with a number that gives its key away')
  return sessionKeyOf(own.computeSecret(magnitude(y)))
}

function isSameNumber(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(magnitude(a), magnitude(b)) === 0
}

/** Neither 0, 1, p - 1 nor beyond p: with those everybody knows the secret. */
function isSound(y: Uint8Array, prime: Buffer): boolean {
  const [number, p] = [bigint(y), bigint(prime)]
  return number > 1n && number < p - 1n
}

function bigint(octets: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(octets).toString('hex')}`)
}
