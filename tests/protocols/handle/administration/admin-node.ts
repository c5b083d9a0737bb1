/**
 * Administration on a real registry with the memory tier and the change feed in front of it; and a peer that speaks the native
 * protocol with it, octets both ways. Of the servers only what surrounds an operation is done here.
 */
import { createHmac, generateKeyPairSync, type KeyObject, randomInt, sign } from 'node:crypto'
import { systemClock } from '../../../../src/platform/clock.js'
import { NodeError } from '../../../../src/platform/errors.js'
import {
  type NativeAdministration,
  type NativeAdministrationOptions,
  nativeAdministration,
} from '../../../../src/protocols/handle/administration/operations.js'
import type { Body, HandleIndex } from '../../../../src/protocols/handle/codec-body.js'
import {
  challengedOctets,
  encodePublicKeyAnswer,
  encodeSecretKeyAnswer,
  SECRET_MAC,
} from '../../../../src/protocols/handle/codec-challenge.js'
import type { Credential } from '../../../../src/protocols/handle/codec-credential.js'
import { decodeEnvelope, ENVELOPE_OCTETS } from '../../../../src/protocols/handle/codec-envelope.js'
import {
  answerEnvelope,
  decodeMessage,
  decodeOpened,
  encodeMessage,
  type Message,
} from '../../../../src/protocols/handle/codec-message.js'
import type { HandleValue } from '../../../../src/protocols/handle/codec-value.js'
import { VERSION_2_11, type Version } from '../../../../src/protocols/handle/codec-version.js'
import { FLAG, hasFlag, RC, withFlag } from '../../../../src/protocols/handle/codes.js'
import { requestDigest, secretKeyMac } from '../../../../src/protocols/handle/digests.js'
import { publicKeyRecord } from '../../../../src/protocols/handle/keys.js'
import type { Operation, Operations, Peer, Reply } from '../../../../src/protocols/handle/operation.js'
import { open } from '../../../../src/protocols/handle/session-cipher.js'
import type { Value } from '../../../../src/record/record.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../../../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../../../src/record/value-types/hs-pubkey.js'
import { changeFollower } from '../../../../src/registry/change-follower.js'
import { writeIdentifier } from '../../../../src/registry/identifiers.js'
import { allotPrefix, loadRoutes } from '../../../../src/registry/prefixes.js'
import { registryLookup } from '../../../../src/registry/records.js'
import type { Registry } from '../../../../src/registry/registry.js'
import { currentRoutes, type Routes } from '../../../../src/registry/routes.js'
import { authorities } from '../../../../src/resolution/authorities.js'
import { askedAnew, withToken } from '../../../../src/resolution/catching-up.js'
import { changeKnowledge } from '../../../../src/resolution/change-knowledge.js'
import { memoryCached } from '../../../../src/resolution/memory-cached.js'
import { memoryStore } from '../../../../src/resolution/memory-store.js'
import { compose, type Resolve } from '../../../../src/resolution/resolve.js'
import type { Principal } from '../../../../src/security/principal.js'
import { identifierOf, type RegistryFixture, registryFixture } from '../../../registry/fixture.js'

/** One worker of a node. */
export interface Worker {
  readonly native: NativeAdministration
  readonly operations: Map<number, Operation>
  readonly resolve: Resolve
  readonly routes: Routes
  readonly registry: Registry
  stop(): Promise<void>
}

export interface AdminNode extends RegistryFixture {
  readonly worker: Worker
  /** Another process would be no different: it shares nothing with the first but the database. */
  anotherWorker(options?: Partial<NativeAdministrationOptions>): Promise<Worker>
  /** The values of a record, in place of what it had; of a prefix's, those that its holder may write. */
  put(handle: string, values: readonly Value[], by?: Principal): Promise<void>
}

export async function adminNode(options: Partial<NativeAdministrationOptions> = {}): Promise<AdminNode> {
  const fixture = await registryFixture()
  // A node that keeps records of prefixes allots nothing to itself for them.
  await allotPrefix(fixture.registry, fixture.admin, { prefix: '0.NA' }).catch(unlessRefused)
  const workers: Worker[] = []
  const anotherWorker = async (more: Partial<NativeAdministrationOptions> = {}) => {
    const worker = await startWorker(fixture, { ...options, ...more })
    workers.push(worker)
    return worker
  }
  const worker = await anotherWorker()
  return {
    ...fixture,
    worker,
    anotherWorker,
    put: (handle, values, by = fixture.admin) => put(worker, { handle, values, by }),
    async close() {
      for (const one of workers) await one.stop()
      await fixture.close()
    },
  }
}

function unlessRefused(error: unknown): void {
  if (!(error instanceof NodeError)) throw error
}

async function startWorker(fixture: RegistryFixture, options: Partial<NativeAdministrationOptions>): Promise<Worker> {
  const { db } = fixture
  const clock = systemClock
  const knowledge = changeKnowledge({ clock, boundMs: 1_000 })
  const log = { info: () => undefined, warn: () => undefined }
  const follower = changeFollower({ connect: () => db.connect(), knowledge, clock, intervalMs: 25, log })
  const registry: Registry = { db, clock, committed: (change) => knowledge.noteOwnWrite(change) }
  const routes = currentRoutes({ load: () => loadRoutes(db), knowledge, clock, maxAgeMs: 500 })
  const catchUp = () => follower.catchUp()
  const mark = () => knowledge.mark
  const memory = { store: memoryStore(10_000_000), knowledge, clock, maxStaleSeconds: 60 }
  const resolve = compose(
    [withToken({ knowledge, catchUp }), memoryCached(memory), askedAnew({ catchUp })],
    authorities({ routes, registry: registryLookup(db, mark, clock), mark }),
  )
  const operations = new Map<number, Operation>()
  const native = nativeAdministration({ registry, resolve, routes, clock, operations: () => operations, ...options })
  for (const [opCode, operation] of native.operations) operations.set(opCode, operation)
  await follower.start()
  return { native, operations, resolve, routes, registry, stop: () => follower.stop() }
}

const FIRST_HOLDER_INDEX = 100

async function put(
  { registry, resolve }: Worker,
  { handle, values, by }: { readonly handle: string; readonly values: readonly Value[]; readonly by: Principal },
): Promise<void> {
  const identifier = identifierOf(handle)
  const before = await resolve({ identifier, authoritative: true })
  const isOfPrefix = identifier.prefix === '0.na' && before.kind === 'found'
  const managed = isOfPrefix ? before.record.values.filter(({ index }) => index < FIRST_HOLDER_INDEX) : []
  await writeIdentifier(registry, by, { identifier, intent: 'register', template: '', values: [...managed, ...values] })
}

export function storedValue(index: number, type: string, data: string | Uint8Array, permissions = 0b1110): Value {
  return { index, type, data, ttlSeconds: 86_400, permissions, timestampSeconds: 1_700_000_000 }
}

export function wireValue(index: number, type: string, data: string | Uint8Array, permissions = 0b1110): HandleValue {
  const octets = typeof data === 'string' ? Buffer.from(data) : data
  return { index, type, data: octets, permissions, ttlType: 0, ttl: 86_400, timestampSeconds: 1, references: [] }
}

export function adminOctets(who: HandleIndex, permissions = ALL_ADMIN_RIGHTS): Uint8Array {
  return encodeAdmin({ ...who, permissions, hasTail: false })
}

export const adminValue = (index: number, who: HandleIndex, permissions = ALL_ADMIN_RIGHTS): Value =>
  storedValue(index, 'HS_ADMIN', adminOctets(who, permissions))

/** Somebody with a key. */
export interface Holder extends HandleIndex {
  readonly type: 'HS_PUBKEY' | 'HS_SECKEY'
  prove(nonce: Uint8Array, digest: Uint8Array): Promise<Uint8Array> | Uint8Array
}

export function rsaKey(modulusLength = 2048): { readonly privateKey: KeyObject; readonly record: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
  return { privateKey, record: encodePublicKey(publicKeyRecord(publicKey)!) }
}

export function rsaHolder(handle: string, index: number, privateKey: KeyObject, algorithm = 'SHA-256'): Holder {
  const hash = algorithm.toLowerCase().replace('-', '')
  return {
    handle,
    index,
    type: 'HS_PUBKEY',
    prove: (nonce, digest) =>
      encodePublicKeyAnswer({ algorithm, signature: sign(hash, challengedOctets(nonce, digest), privateKey) }),
  }
}

export function secretHolder(
  handle: string,
  index: number,
  secret: string,
  code: number = SECRET_MAC.pbkdf2HmacSha1,
): Holder {
  return {
    handle,
    index,
    type: 'HS_SECKEY',
    async prove(nonce, digest) {
      const derivation = { salt: Buffer.from('0123456789abcdef'), iterations: 10_000, keyBits: 160 }
      const way = code === SECRET_MAC.pbkdf2HmacSha1 ? { code, derivation } : { code }
      const challenge = { secret: Buffer.from(secret), nonce, requestDigest: digest }
      return encodeSecretKeyAnswer({ ...way, mac: (await secretKeyMac(way, challenge, 10_000))! })
    },
  }
}

export interface Asking {
  readonly flags?: number
  readonly sessionId?: number
  readonly version?: Version
  readonly suggestedVersion?: Version
  readonly credential?: Credential
}

const USUAL_FLAGS = FLAG.recursive | FLAG.cacheCertify | FLAG.publicOnly

export function requestOctets(opCode: number, body: Body, asking: Asking = {}): Buffer {
  const { flags = 0, sessionId = 0, version = VERSION_2_11, suggestedVersion = version, credential } = asking
  return encodeMessage({
    envelope: { version, suggestedVersion, sessionId, requestId: randomInt(1, 0x7fff_ffff) },
    header: {
      opCode,
      responseCode: RC.none,
      opFlags: (USUAL_FLAGS | flags) >>> 0,
      siteSerial: 1,
      recursionCount: 0,
      expirationSeconds: 2_000_000_000,
    },
    body,
    ...(credential && { credential }),
  })
}

export const TCP: Peer = { transport: 'tcp', isSecure: false, address: '192.0.2.1' }

/** Whoever speaks with a worker. `sessionKey` opens what comes encrypted. */
export interface Speaker {
  readonly peer: Peer
  readonly worker: Worker
  readonly sessionKey?: Uint8Array
}

/** What comes for some octets, as messages again. */
export async function deliver({ worker, peer, sessionKey }: Speaker, octets: Buffer): Promise<Message[]> {
  const envelope = decodeEnvelope(octets)
  if (!envelope.ok) throw new Error(envelope.message)
  const decoded = envelope.value.isEncrypted ? undefined : decodeMessage(octets)
  if (decoded?.ok === false) throw new Error(decoded.message)
  const arrival = { envelope: envelope.value, octets, peer, deadlineMs: Number.POSITIVE_INFINITY }
  const needsOpening = envelope.value.isEncrypted || envelope.value.sessionId !== 0 || decoded?.value.credential
  const opened = needsOpening
    ? await worker.native.protection.open({ ...arrival, ...(decoded && { message: decoded.value }) })
    : ({ kind: 'opened', message: decoded!.value, octets } as const)
  if (opened.kind === 'refused') {
    const refused: Reply = {
      responseCode: opened.responseCode,
      body: { kind: 'error', message: opened.reason, indexes: [] },
    }
    return [
      answerOf({ envelope: envelope.value, header: decoded?.value.header ?? NO_HEADER }, { reply: refused, octets }),
    ]
  }
  const { message } = opened
  const identity = ('identity' in opened ? opened.identity : undefined) ?? peer.connection?.login
  const operation = worker.operations.get(message.header.opCode)
  if (operation === undefined) throw new Error(`no operation ${message.header.opCode}`)
  const request = {
    message,
    octets: opened.octets,
    peer,
    deadlineMs: Number.POSITIVE_INFINITY,
    ...(identity && { identity }),
  }
  const answers: Message[] = []
  for (const reply of await all(operation(request))) {
    const answer = answerOf(message, { reply, octets: opened.octets })
    const sent = 'protect' in opened && opened.protect ? await opened.protect(answer) : encodeMessage(answer)
    answers.push(received(sent, sessionKey))
  }
  return answers
}

const NO_HEADER = { opCode: 0, responseCode: 0, opFlags: 0, siteSerial: 0, recursionCount: 0, expirationSeconds: 0 }

async function all(replies: ReturnType<Operation>): Promise<Reply[]> {
  if (!(Symbol.asyncIterator in replies)) return [await replies]
  const list: Reply[] = []
  for await (const reply of replies) list.push(reply)
  return list
}

function answerOf(
  { envelope, header }: Pick<Message, 'envelope' | 'header'>,
  { reply, octets }: { readonly reply: Reply; readonly octets: Buffer },
): Message {
  const answer = answerEnvelope(envelope, VERSION_2_11)
  let opFlags = ((header.opFlags & ~FLAG.overwrite) | (reply.flags ?? 0)) >>> 0
  if (reply.responseCode === RC.authenticationNeeded) opFlags = withFlag(opFlags, FLAG.returnDigest)
  return {
    envelope: { ...answer, sessionId: reply.sessionId ?? answer.sessionId },
    header: { ...header, opFlags, opCode: reply.opCode ?? header.opCode, responseCode: reply.responseCode },
    ...(hasFlag(opFlags, FLAG.returnDigest) && { requestDigest: requestDigest(octets, answer.version) }),
    body: reply.body,
  }
}

function received(octets: Buffer, sessionKey: Uint8Array | undefined): Message {
  const envelope = decodeEnvelope(octets)
  if (!envelope.ok) throw new Error(envelope.message)
  const opened = envelope.value.isEncrypted ? open(sessionKey!, octets.subarray(ENVELOPE_OCTETS)) : undefined
  const decoded = opened === undefined ? decodeMessage(octets) : decodeOpened(envelope.value, opened)
  if (!decoded.ok) throw new Error(decoded.message)
  return decoded.value
}

/** The octets of a right answer to a challenge, or of a wrong one if the holder is another. */
export async function answerOctets(challenge: Message, holder: Holder, asking: Asking = {}): Promise<Buffer> {
  if (challenge.body.kind !== 'challenge') throw new Error(`no challenge, but ${JSON.stringify(challenge)}`)
  const { type, handle, index } = holder
  const answer = await holder.prove(challenge.body.nonce, challenge.requestDigest!.octets)
  const { sessionId } = challenge.envelope
  return requestOctets(200, { kind: 'challenge-answer', type, handle, index, answer }, { sessionId, ...asking })
}

/** A request, its challenge answered; all that comes at last. */
export async function ask(
  speaker: Speaker,
  request: { readonly opCode: number; readonly body: Body; readonly holder?: Holder } & Asking,
): Promise<Message[]> {
  const { opCode, body, holder, ...asking } = request
  const first = await deliver(speaker, requestOctets(opCode, body, asking))
  if (first[0]!.header.responseCode !== RC.authenticationNeeded || holder === undefined) return first
  return deliver(speaker, await answerOctets(first[0]!, holder))
}

export function codesOf(messages: readonly Message[]): readonly number[] {
  return messages.map(({ header }) => header.responseCode)
}

export function reasonOf([message]: readonly Message[]): string {
  return message?.body.kind === 'error' ? message.body.message : ''
}

export function hmacSha256(key: Uint8Array, octets: Uint8Array): Buffer {
  return createHmac('sha256', key).update(octets).digest()
}

export type { Operations }
