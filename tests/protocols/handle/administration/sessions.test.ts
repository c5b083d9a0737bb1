/** Sessions: set up by Diffie-Hellman, proved, vouched for by MAC and counter; and attacks on them. */
import { createDiffieHellman, getDiffieHellman } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAC } from '../../../../src/protocols/handle/codec-credential.js'
import {
  encodeContent,
  encodeSealed,
  type Message,
  signedPartOf,
  withCredential,
} from '../../../../src/protocols/handle/codec-message.js'
import {
  decodeDiffieHellmanData,
  SESSION_CIPHER,
  SESSION_MODE,
  type SessionRequest,
} from '../../../../src/protocols/handle/codec-session.js'
import { signedOctets } from '../../../../src/protocols/handle/codec-signed.js'
import { VERSION_2_11, type Version } from '../../../../src/protocols/handle/codec-version.js'
import { FLAG, OP, RC } from '../../../../src/protocols/handle/codes.js'
import { sessionMac } from '../../../../src/protocols/handle/digests.js'
import type { Peer } from '../../../../src/protocols/handle/operation.js'
import { seal, sessionKeyOf } from '../../../../src/protocols/handle/session-cipher.js'
import { decodePublicKey, encodePublicKey, magnitude, withSign } from '../../../../src/record/value-types/hs-pubkey.js'
import { openSession, takeCounter } from '../../../../src/registry/handle-sessions.js'
import { capturedMessages } from '../../../support/handle-vectors.js'
import { mustDecode } from '../whole-messages.js'
import {
  type AdminNode,
  adminNode,
  adminValue,
  answerOctets,
  codesOf,
  deliver,
  reasonOf,
  requestOctets,
  type Speaker,
  secretHolder,
  storedValue,
  TCP,
  wireValue,
} from './admin-node.js'

const PREFIX = '0.NA/88.118.8'
const SECRET = 'a secret of acme'
const holder = secretHolder(PREFIX, 301, SECRET)
const other = secretHolder(PREFIX, 302, SECRET)

let node: AdminNode
let speaker: Speaker
let number = 0

beforeAll(async () => {
  node = await adminNode()
  speaker = { worker: node.worker, peer: TCP }
  await node.put(PREFIX, [
    adminValue(100, holder),
    adminValue(101, other),
    storedValue(301, 'HS_SECKEY', SECRET, 0b1100),
    storedValue(302, 'HS_SECKEY', SECRET, 0b1100),
  ])
})
afterAll(() => node.close())

interface Session extends Speaker {
  readonly id: number
  readonly sessionKey: Uint8Array
}

const GROUP_2 = getDiffieHellman('modp2')

function setUpOctets(change: Partial<SessionRequest> = {}, y: Uint8Array = GROUP_2.generateKeys()): Buffer {
  const [p, g] = [withSign(GROUP_2.getPrime()), withSign(GROUP_2.getGenerator())]
  const publicKey = encodePublicKey({ kind: 'dh', flags: 0, y: withSign(y), p, g })
  const request = { mode: SESSION_MODE.diffieHellman, timeoutSeconds: 86_400, handle: PREFIX, index: 301, publicKey }
  return requestOctets(OP.setUpSession, { kind: 'session-request', ...request, ...change }, { flags: FLAG.certify })
}

async function setUp(of: Speaker = speaker, change: Partial<SessionRequest> = {}): Promise<Session> {
  const own = createDiffieHellman(GROUP_2.getPrime(), GROUP_2.getGenerator())
  const [answer] = await deliver(of, setUpOctets(change, own.generateKeys()))
  if (answer?.body.kind !== 'session-answer') throw new Error(`no session: ${JSON.stringify(answer)}`)
  const data = decodeDiffieHellmanData(answer.body.data)
  const theirs = data.ok ? decodePublicKey(data.value.publicKey) : data
  if (!data.ok || !theirs.ok || theirs.value.kind !== 'dh') throw new Error('no key of the server')
  expect(data.value.cipher).toBe(SESSION_CIPHER.aes)
  expect(magnitude(theirs.value.p)).toEqual(new Uint8Array(GROUP_2.getPrime()))
  const sessionKey = sessionKeyOf(own.computeSecret(magnitude(theirs.value.y)))
  return { ...of, id: answer.envelope.sessionId, sessionKey }
}

/** A message of the session: with its MAC, and encrypted if wanted. */
function inSession(
  session: Session,
  octets: Buffer,
  { counter, isEncrypted = false }: { counter: number; isEncrypted?: boolean },
): Buffer {
  const { envelope } = mustDecode(octets)
  const signed = signedOctets({ envelope, type: MAC, counter, headerAndBody: signedPartOf(octets) })!
  const mac = sessionMac(envelope.version, session.sessionKey, signed)
  const whole = withCredential(octets, { version: 0, options: 0, handle: '', index: counter, type: MAC, ...mac })
  if (!isEncrypted) return whole
  return encodeSealed(envelope, seal(session.sessionKey, Buffer.alloc(16, counter), whole.subarray(20)))
}

function creation({ id }: Session, version: Version = VERSION_2_11): Buffer {
  number += 1
  const body = { kind: 'handle-values', handle: `88.118.8/s-${number}`, values: [wireValue(1, 'URL', 'x')] } as const
  return requestOctets(OP.create, body, { sessionId: id, version })
}

const say = (session: Session, octets: Buffer, how: { counter: number; isEncrypted?: boolean }) =>
  deliver(session, inSession(session, octets, how))

async function proved(of: Speaker = speaker): Promise<Session> {
  const session = await setUp(of)
  const [challenge] = await say(session, creation(session), { counter: 1 })
  const [done] = await deliver(session, await answerOctets(challenge!, holder))
  expect(done!.header).toMatchObject({ opCode: OP.create, responseCode: RC.success })
  return session
}

describe('a session', () => {
  test('is set up with the numbers of the reference client', async () => {
    const { bytes } = capturedMessages().find(({ name }) => name === 'session/session-create-tcp/request#1')!
    const [answer] = await deliver(speaker, bytes)
    expect(answer).toMatchObject({ header: { opCode: OP.setUpSession, responseCode: RC.success } })
    expect(answer!.body).toMatchObject({ kind: 'session-answer', mode: SESSION_MODE.diffieHellman })
    expect(answer!.envelope.sessionId % 2).toBe(0)
    expect(answer!.envelope.sessionId).toBeGreaterThan(0)
  })

  test('is challenged once; then its MAC is enough, at every worker', async () => {
    const session = await setUp()
    const request = creation(session)
    const [challenge] = await say(session, request, { counter: 1 })
    expect(challenge).toMatchObject({ header: { responseCode: 402 }, envelope: { sessionId: session.id } })
    // As software in use answers: without a MAC of its own.
    const [done] = await deliver(session, await answerOctets(challenge!, holder))
    expect(done).toMatchObject({ header: { opCode: OP.create, responseCode: 1 }, envelope: { sessionId: session.id } })
    expect(codesOf(await say(session, creation(session), { counter: 2 }))).toEqual([RC.success])
    const elsewhere = { ...session, worker: await node.anotherWorker() }
    expect(codesOf(await say(elsewhere, creation(session), { counter: 3 }))).toEqual([RC.success])
  })

  test('is encrypted both ways where the request is', async () => {
    const session = await proved()
    const [answer] = await say(session, creation(session), { counter: 2, isEncrypted: true })
    expect(answer).toMatchObject({ header: { opCode: OP.create, responseCode: RC.success } })
  })

  test('vouches for its answers: with the MAC of the session, over the counter of the request', async () => {
    const session = await proved()
    const { operations } = node.worker
    const octets = inSession(session, creation(session), { counter: 7 })
    const message = mustDecode(octets)
    const opened = await node.worker.native.protection.open({
      envelope: {
        ...message.envelope,
        isCompressed: false,
        isEncrypted: false,
        isTruncated: false,
        sequence: 0,
        messageOctets: 0,
      },
      octets,
      message,
      peer: TCP,
      deadlineMs: Number.POSITIVE_INFINITY,
    })
    if (opened.kind !== 'opened') throw new Error(opened.reason)
    expect(opened.identity).toMatchObject({ handle: PREFIX, index: 301 })
    const sent = await opened.protect!(message.credential === undefined ? message : withoutCredential(message))
    const { credential, envelope } = mustDecode(sent)
    const signed = signedOctets({ envelope, type: MAC, counter: 7, headerAndBody: signedPartOf(sent) })!
    expect(credential).toMatchObject({ type: MAC, index: 7 })
    expect(Buffer.from(credential!.signature)).toEqual(
      sessionMac(envelope.version, session.sessionKey, signed).signature,
    )
    expect(operations.size).toBeGreaterThan(15)
  })

  test.each([2, 4, 7, 8])('is used by clients of version 2.%i', async (minor) => {
    const session = await proved()
    const request = creation(session, { major: 2, minor })
    expect(codesOf(await say(session, request, { counter: 2 }))).toEqual([RC.success])
  })

  test('is ended by itself alone', async () => {
    const session = await proved()
    const end = requestOctets(OP.terminateSession, { kind: 'handle', handle: '/' }, { sessionId: session.id })
    expect(codesOf(await deliver(session, end))).toEqual([RC.sessionMessageRejected])
    expect(codesOf(await say(session, creation(session), { counter: 2 }))).toEqual([RC.success])
    expect(codesOf(await say(session, end, { counter: 3 }))).toEqual([RC.success])
    expect(codesOf(await say(session, creation(session), { counter: 4 }))).toEqual([RC.sessionTimeout])
  })

  test('ends after a time', async () => {
    const session = await proved()
    await node.db.query('update handle_session set idle_until = clock_timestamp() where id = $1', [session.id])
    expect(codesOf(await say(session, creation(session), { counter: 2 }))).toEqual([RC.sessionTimeout])
  })

  test('lives no longer than was asked for, nor than a day', async () => {
    const lifeOf = async ({ id }: Session) => {
      const [row] = await node.db.query<{ life: number; idle: number }>(
        `select extract(epoch from expires_at - clock_timestamp())::int as life,
          extract(epoch from idle_until - clock_timestamp())::int as idle from handle_session where id = $1`,
        [id],
      )
      return row!
    }
    expect((await lifeOf(await setUp(speaker, { timeoutSeconds: 120 }))).life).toBeLessThanOrEqual(120)
    const long = await lifeOf(await setUp(speaker, { timeoutSeconds: 0xffff_ffff }))
    expect(long.life).toBeLessThanOrEqual(86_400)
    // Until somebody has proved who he is, it waits for minutes only.
    expect(long.idle).toBeLessThanOrEqual(300)
    expect((await lifeOf(await proved())).idle).toBeGreaterThan(3_000)
  })

  test('that its identity’s key was taken from is good for nothing', async () => {
    const handle = '88.118.8/temporary'
    await node.put(
      handle,
      [storedValue(300, 'HS_SECKEY', SECRET, 0b1100), adminValue(100, { handle, index: 300 })],
      node.acme,
    )
    const session = await setUp(speaker, { handle, index: 300 })
    const request = (index: number) =>
      requestOctets(
        OP.addValues,
        { kind: 'handle-values', handle, values: [wireValue(index, 'N', 'x')] },
        { sessionId: session.id },
      )
    const [challenge] = await say(session, request(1), { counter: 1 })
    expect(codesOf(await deliver(session, await answerOctets(challenge!, secretHolder(handle, 300, SECRET))))).toEqual([
      1,
    ])
    expect(codesOf(await say(session, request(2), { counter: 2 }))).toEqual([RC.success])
    await node.put(
      handle,
      [storedValue(300, 'HS_SECKEY', 'new', 0b1100), adminValue(100, { handle, index: 300 })],
      node.acme,
    )
    const refusal = await say(session, request(3), { counter: 3 })
    expect(codesOf(refusal)).toEqual([RC.authenticationFailed])
    expect(reasonOf(refusal)).toContain('not there any more')
  })

  test('answers challenges that overlap, each for its own request', async () => {
    const session = await setUp()
    const requests = [creation(session), creation(session), creation(session)]
    const challenges: Message[] = []
    for (const [at, request] of requests.entries())
      challenges.push((await say(session, request, { counter: at + 1 }))[0]!)
    for (const challenge of challenges.reverse()) {
      expect(codesOf(await deliver(session, await answerOctets(challenge, holder)))).toEqual([RC.success])
    }
  })
})

describe('refused is', () => {
  test('a counter that came before, and one that is too old to tell', async () => {
    const session = await proved()
    expect(codesOf(await say(session, creation(session), { counter: 300 }))).toEqual([RC.success])
    expect(codesOf(await say(session, creation(session), { counter: 300 }))).toEqual([RC.sessionMessageRejected])
    expect(codesOf(await say(session, creation(session), { counter: 101 }))).toEqual([RC.success])
    expect(codesOf(await say(session, creation(session), { counter: 101 }))).toEqual([RC.sessionMessageRejected])
    expect(codesOf(await say(session, creation(session), { counter: 100 }))).toEqual([RC.sessionMessageRejected])
  })

  test('one of two messages with the same counter, whichever workers they come to', async () => {
    const session = await proved()
    const elsewhere = { ...session, worker: await node.anotherWorker() }
    for (let counter = 2; counter < 12; counter += 1) {
      const octets = inSession(session, creation(session), { counter })
      const codes = await Promise.all([deliver(session, octets), deliver(elsewhere, octets)])
      expect(codes.flatMap(codesOf).sort((a, b) => a - b)).toEqual([RC.success, RC.sessionMessageRejected])
    }
  })

  test('a MAC that is not the session’s, and what was changed under one', async () => {
    const session = await proved()
    const forged = { ...session, sessionKey: Buffer.alloc(32) }
    expect(codesOf(await deliver(session, inSession(forged, creation(session), { counter: 2 })))).toEqual([404])
    const changed = inSession(session, creation(session), { counter: 2 })
    changed[60]! ^= 1
    expect(codesOf(await deliver(session, changed))).toEqual([RC.invalidCredential])
    // Its counter was not spent by that.
    expect(codesOf(await say(session, creation(session), { counter: 2 }))).toEqual([RC.success])
  })

  test('a message that others encrypted, or that says nothing once opened', async () => {
    const session = await proved()
    const forged = { ...session, sessionKey: Buffer.alloc(32) }
    const sealed = inSession(forged, creation(session), { counter: 2, isEncrypted: true })
    expect(codesOf(await deliver(session, sealed))[0]).toBeGreaterThan(1)
    const { envelope } = mustDecode(creation(session))
    const nothing = encodeSealed(envelope, seal(session.sessionKey, Buffer.alloc(16), Buffer.from('nothing')))
    expect(codesOf(await deliver(session, nothing))).toEqual([RC.protocolError])
    expect(codesOf(await deliver(session, encodeSealed(envelope, Buffer.alloc(5))))).toEqual([
      RC.sessionMessageRejected,
    ])
    const nowhere = encodeSealed(
      { ...envelope, sessionId: 0 },
      seal(session.sessionKey, Buffer.alloc(16), encodeContent(mustDecode(creation(session)))),
    )
    expect(codesOf(await deliver(session, nowhere))).toEqual([RC.sessionFailed])
  })

  test('a message without a MAC: it is nobody’s', async () => {
    const session = await proved()
    const [challenge] = await deliver(session, creation(session))
    expect(challenge!.header.responseCode).toBe(RC.authenticationNeeded)
    expect(challenge!.envelope.sessionId % 2).toBe(1)
  })

  test('the MAC of versions nobody knows it of', async () => {
    const session = await proved()
    for (const minor of [5, 6]) {
      const octets = creation(session, { major: 2, minor })
      const mac = sessionMac({ major: 2, minor }, session.sessionKey, signedPartOf(octets))
      const whole = withCredential(octets, { version: 0, options: 0, handle: '', index: 2, type: MAC, ...mac })
      expect(codesOf(await deliver(session, whole))).toEqual([RC.invalidCredential])
    }
  })

  test('to make the session of one identity another’s: that one is challenged each time', async () => {
    const session = await setUp()
    for (const counter of [1, 2]) {
      const [challenge] = await say(session, creation(session), { counter })
      expect(challenge!.header.responseCode).toBe(RC.authenticationNeeded)
      expect(codesOf(await deliver(session, await answerOctets(challenge!, other)))).toEqual([RC.success])
    }
    const [challenge] = await say(session, creation(session), { counter: 3 })
    await deliver(session, await answerOctets(challenge!, holder))
    expect(codesOf(await say(session, creation(session), { counter: 4 }))).toEqual([RC.success])
  })

  test.each<[string, Partial<SessionRequest>, number]>([
    ['a mode without Diffie-Hellman', { mode: SESSION_MODE.serverKey }, RC.invalidSessionSetUp],
    ['a mode that nobody knows', { mode: 9 }, RC.invalidSessionSetUp],
    ['an identity that is no handle', { handle: '88..1/x' }, RC.invalidSessionSetUp],
    ['an identity that can’t be stored', { handle: '88.118.8/\0' }, RC.invalidSessionSetUp],
    [
      'a key of another kind',
      { publicKey: encodePublicKey({ kind: 'ed25519', flags: 0, point: new Uint8Array(32) }) },
      502,
    ],
    ['octets that are no key', { publicKey: Buffer.from('key') }, RC.invalidSessionKey],
  ])('to be set up with %s', async (_name, change, code) => {
    const refusal = await deliver(speaker, setUpOctets(change))
    expect(codesOf(refusal)).toEqual([code])
    expect(reasonOf(refusal)).not.toBe('')
  })

  const prime = GROUP_2.getPrime()
  const composite = Buffer.from(prime)
  composite[100]! ^= 2
  const lessOne = Buffer.from(prime)
  lessOne[127]! -= 1
  const long = Buffer.alloc(385, 0xff)

  test.each<[string, { p?: Uint8Array; g?: Uint8Array; y?: Uint8Array }]>([
    ['a short modulus', { p: Buffer.from('ffffffffffffffc5', 'hex') }],
    ['a modulus that would take for ever', { p: long }],
    ['a modulus that is no prime', { p: composite }],
    ['no modulus', { p: new Uint8Array(0) }],
    ['a base of 1', { g: Buffer.of(1) }],
    ['a base of the modulus less 1', { g: lessOne }],
    ['a public number of 0', { y: Buffer.of(0) }],
    ['a public number of 1', { y: Buffer.of(1) }],
    ['a public number of the modulus less 1', { y: lessOne }],
    ['the modulus for a public number', { y: prime }],
    ['a public number beyond the modulus', { y: long }],
  ])('to be set up with %s', async (_name, change) => {
    const numbers = { y: GROUP_2.generateKeys(), p: prime, g: GROUP_2.getGenerator(), ...change }
    const { y, p, g } = numbers
    const publicKey = encodePublicKey({ kind: 'dh', flags: 0, y: withSign(y), p: withSign(p), g: withSign(g) })
    const refusal = await deliver(speaker, setUpOctets({ publicKey }))
    expect(codesOf(refusal)).toEqual([RC.invalidSessionKey])
    expect(reasonOf(refusal)).toContain('No key can be agreed on')
  })

  test('to be set up over UDP, or by an exchange of keys', async () => {
    const udp: Peer = { ...TCP, transport: 'udp' }
    expect(codesOf(await deliver({ ...speaker, peer: udp }, setUpOctets()))).toEqual([RC.protocolError])
    const exchange = requestOctets(OP.exchangeSessionKey, { kind: 'session-key', encryptedKey: Buffer.alloc(4) })
    expect(codesOf(await deliver(speaker, exchange))).toEqual([RC.notSupported])
  })

  test('more sessions than there may be, of an address and in all', async () => {
    await node.db.query('delete from handle_session')
    const bounds = { unprovenSeconds: 300, idleSeconds: 300, maxSessions: 4, maxOfAddress: 2 }
    const begin = (address: string) =>
      openSession(
        node.db,
        { key: Buffer.alloc(32), claimed: { handle: '', index: 0 }, address, lifeSeconds: 60 },
        bounds,
      )
    const ids = []
    for (const address of ['a', 'a', 'a', 'b', 'b', 'c']) ids.push((await begin(address)) !== undefined)
    expect(ids).toEqual([true, true, false, true, true, false])
    await node.db.query('update handle_session set idle_until = clock_timestamp()')
    expect(await begin('a')).toBeDefined()
  })
})

test('of any order of counters those are taken that did not come before and are among the last 200', async () => {
  const id = (await openSession(node.db, {
    key: Buffer.alloc(32),
    claimed: { handle: '', index: 0 },
    address: 'counters',
    lifeSeconds: 600,
  }))!
  const seen = new Set<number>()
  let highest = -1
  let random = 12_345
  for (let round = 0; round < 400; round += 1) {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31
    const counter = round === 350 ? 0xffff_fff0 : Math.max(0, Math.min(highest, 2 ** 31) + (random % 260) - 230)
    const isNew = !seen.has(counter) && counter > highest - 200
    const taken = await takeCounter(node.db, { id, counter })
    expect([counter, taken.kind]).toEqual([counter, isNew ? 'taken' : 'repeated'])
    if (isNew) seen.add(counter)
    highest = Math.max(highest, isNew ? counter : highest)
  }
  expect(await takeCounter(node.db, { id: id + 2, counter: 1 })).toEqual({ kind: 'ended' })
})

function withoutCredential({ envelope, header, body }: Message): Message {
  return {
    envelope,
    header: { ...header, responseCode: RC.success },
    body: body.kind === 'handle-values' ? { kind: 'handle', handle: body.handle } : body,
  }
}
