/** Challenges and their answers: by every kind of key, by the octets of other programs, and by attackers. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { doubtOf } from '../../../../src/protocols/handle/administration/key-proofs.js'
import {
  challengedOctets,
  encodePublicKeyAnswer,
  encodeSecretKeyAnswer,
  SECRET_MAC,
} from '../../../../src/protocols/handle/codec-challenge.js'
import { OP, RC } from '../../../../src/protocols/handle/codes.js'
import { publicKeyRecord } from '../../../../src/protocols/handle/keys.js'
import { encodePublicKey } from '../../../../src/record/value-types/hs-pubkey.js'
import { encodeValueList } from '../../../../src/record/value-types/hs-vlist.js'
import { listApiKeys, revokeApiKey } from '../../../../src/registry/api-keys.js'
import { changeEnterprise } from '../../../../src/registry/enterprises.js'
import { findChallenges, keepChallenge, takeChallenge } from '../../../../src/registry/handle-challenges.js'
import { changePrefix } from '../../../../src/registry/prefixes.js'
import { identifierOf } from '../../../registry/fixture.js'
import { computedCase, exchanges, octetsOf } from '../../../support/handle-vectors.js'
import {
  type AdminNode,
  adminNode,
  adminValue,
  answerOctets,
  ask,
  codesOf,
  deliver,
  type Holder,
  reasonOf,
  requestOctets,
  rsaHolder,
  rsaKey,
  type Speaker,
  secretHolder,
  storedValue,
  TCP,
  type Worker,
  wireValue,
} from './admin-node.js'

const PREFIX = '0.NA/88.118.8'
/** Has keys such as a prefix's record does not take. */
const KEYS = '88.118.8/keys'
const SECRET = 'a secret of acme'
const rsa = rsaKey()
const weakRsa = rsaKey(512)
const ed25519 = generateKeyPairSync('ed25519')
const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
const pem = generateKeyPairSync('rsa', { modulusLength: 2048 })
const bySecret = secretHolder(PREFIX, 301, SECRET)

let node: AdminNode
let speaker: Speaker
let number = 0

const everybody = [PREFIX, KEYS].flatMap((handle) =>
  [300, 301, 302, 303, 304, 305, 306].map((index) => ({ handle, index })),
)
const keys = [
  adminValue(100, { handle: PREFIX, index: 200 }),
  storedValue(200, 'HS_VLIST', encodeValueList(everybody)),
  storedValue(300, 'HS_PUBKEY', rsa.record),
  storedValue(301, 'HS_SECKEY', SECRET, 0b1100),
  storedValue(302, 'HS_PUBKEY', weakRsa.record),
  storedValue(303, 'HS_PUBKEY', encodePublicKey(publicKeyRecord(ed25519.publicKey)!)),
]
const oddKeys = [
  storedValue(300, 'HS_PUBKEY', 'no key at all'),
  storedValue(304, 'HS_PUBKEY', dsa.publicKey.export({ format: 'pem', type: 'spki' }) as string),
  storedValue(305, 'HS_PUBKEY', pem.publicKey.export({ format: 'pem', type: 'spki' }) as string),
  storedValue(306, 'HS_SECKEY', '', 0b1100),
]

beforeAll(async () => {
  node = await adminNode()
  await node.put(PREFIX, keys)
  await node.put(KEYS, oddKeys, node.acme)
})
/** Failures are counted by address; what one test fails must not hold back the next. */
beforeEach(() => {
  number += 1
  speaker = { worker: node.worker, peer: { ...TCP, address: `192.0.2.${number}` } }
})
afterAll(() => node.close())

const addition = () => ({
  opCode: OP.create,
  body: { kind: 'handle-values', handle: `88.118.8/a-${++number}`, values: [wireValue(1, 'URL', 'x')] } as const,
})

const attempt = (holder: Holder, more: object = {}) => ask(speaker, { ...addition(), holder, ...more })

function signer(index: number, privateKey: KeyObject, algorithm: string, hash: string | null): Holder {
  return {
    handle: PREFIX,
    index,
    type: 'HS_PUBKEY',
    prove: (nonce, digest) =>
      encodePublicKeyAnswer({ algorithm, signature: sign(hash, challengedOctets(nonce, digest), privateKey) }),
  }
}

describe('a challenge is answered', () => {
  test.each<[string, Holder]>([
    ['an RSA key and SHA-256', rsaHolder(PREFIX, 300, rsa.privateKey)],
    ['an RSA key and SHA-1', rsaHolder(PREFIX, 300, rsa.privateKey, 'SHA1')],
    ['an RSA key and a hash that is told by its number', signer(300, rsa.privateKey, '\u0003', 'sha256')],
    ['an RSA key whose index is not told', rsaHolder(PREFIX, 0, rsa.privateKey)],
    ['an RSA key that is there as PEM', rsaHolder(KEYS, 305, pem.privateKey)],
    ['a DSA key and SHA-1', rsaHolder(KEYS, 304, dsa.privateKey, 'SHA1')],
    ['a DSA key and SHA-256', rsaHolder(KEYS, 304, dsa.privateKey)],
    ['an Ed25519 key', signer(303, ed25519.privateKey, 'Ed25519', null)],
    ['a secret, derived', bySecret],
    ['a secret, SHA-1', secretHolder(PREFIX, 301, SECRET, SECRET_MAC.sha1)],
    ['a secret, SHA-256', secretHolder(PREFIX, 301, SECRET, SECRET_MAC.sha256)],
    ['a secret, HMAC-SHA1', secretHolder(PREFIX, 301, SECRET, SECRET_MAC.hmacSha1)],
    ['a secret, HMAC-SHA256', secretHolder(PREFIX, 301, SECRET, SECRET_MAC.hmacSha256)],
    ['a handle in other letters', { ...bySecret, handle: '0.na/88.118.8' }],
    ['a prefix alone, for its record', { ...bySecret, handle: '88.118.8' }],
  ])('by %s', async (_name, holder) => {
    expect(codesOf(await attempt(holder))).toEqual([RC.success])
  })

  test.each([
    [2, 0, SECRET_MAC.md5],
    [2, 3, SECRET_MAC.sha1],
    [2, 6, SECRET_MAC.sha1],
    [2, 7, SECRET_MAC.pbkdf2HmacSha1],
  ])('by clients of version %i.%i, whose digest is another', async (major, minor, code) => {
    const holder = secretHolder(PREFIX, 301, SECRET, code)
    expect(codesOf(await attempt(holder, { version: { major, minor } }))).toEqual([RC.success])
  })
})

describe('octets of the reference client', () => {
  const theirs = octetsOf(computedCase('HS_PUBKEY RSA').hex)

  test('prove its administrator, challenge by challenge', async () => {
    const handle = '0.NA/88.100.1'
    const worker = await workerAt(handle)
    await node.put(handle, [adminValue(100, { handle, index: 300 }), storedValue(300, 'HS_PUBKEY', theirs)])
    const proven: string[] = []
    for (const { name, requests, responses } of exchanges()) {
      if (!name.startsWith('challenge/') || !name.endsWith('-pubkey-tcp')) continue
      const [challenged, answer] = requests
      if (answer === undefined) continue
      const nonce = responses[0]!.bytes.subarray(-20, -4)
      // Ids outside of sessions are odd here; the id is no part of what was signed.
      const id = number * 2 + 1
      number += 1
      const octets = Buffer.from(answer.bytes)
      octets.writeUInt32BE(id, 4)
      await keepChallenge(node.db, { id, nonce, request: challenged!.bytes, address: 'x' })
      const [reply] = await deliver({ ...speaker, worker }, octets)
      // What it wants to change was never made here: it is known who asks, and told so.
      expect([name, reply!.header.responseCode]).toEqual([name, RC.handleNotFound])
      expect(reply!.header.opCode).toBe(challenged!.bytes.readUInt32BE(20))
      proven.push(name)

      const forged = Buffer.from(octets)
      forged[forged.length - 10]! ^= 1
      await keepChallenge(node.db, { id, nonce, request: challenged!.bytes, address: 'x' })
      expect(codesOf(await deliver({ ...speaker, worker }, forged))).toEqual([RC.authenticationFailed])
      const other = Buffer.from(challenged!.bytes)
      // Its expiration.
      other[39]! ^= 1
      await keepChallenge(node.db, { id, nonce, request: other, address: 'x' })
      expect(codesOf(await deliver({ ...speaker, worker }, octets))).toEqual([RC.authenticationFailed])
    }
    expect(proven.length).toBeGreaterThan(2)
  })

  async function workerAt(handle: string): Promise<Worker> {
    const { allotPrefix } = await import('../../../../src/registry/prefixes.js')
    await allotPrefix(node.registry, node.admin, { prefix: handle.slice('0.NA/'.length), enterpriseId: 'acme' })
    return node.anotherWorker()
  }
})

describe('is refused', () => {
  test.each<[string, Holder, number, string]>([
    ['another key', rsaHolder(PREFIX, 300, rsaKey().privateKey), RC.authenticationFailed, 'not of this key'],
    ['another secret', secretHolder(PREFIX, 301, 'guess'), RC.authenticationFailed, 'not of this secret'],
    ['an empty secret', secretHolder(KEYS, 306, ''), RC.authenticationFailed, 'empty'],
    ['RSA of 512 bits', rsaHolder(PREFIX, 302, weakRsa.privateKey), RC.authenticationFailed, '1024 bits'],
    ['a signature by MD5', rsaHolder(PREFIX, 300, rsa.privateKey, 'MD5'), RC.authenticationFailed, 'MD5'],
    ['a MAC by MD5', secretHolder(PREFIX, 301, SECRET, SECRET_MAC.md5), RC.authenticationFailed, 'MD5'],
    ['a hash nobody knows', signer(300, rsa.privateKey, 'SHA-3', 'sha256'), RC.authenticationFailed, 'SHA-3'],
    ['RSA that is said to be Ed25519', signer(300, rsa.privateKey, 'Ed25519', 'sha256'), RC.authenticationFailed, 'Ed'],
    ['a value that is no key', rsaHolder(KEYS, 300, rsa.privateKey), RC.authenticationFailed, 'no key'],
    ['a value that is not there', rsaHolder(PREFIX, 999, rsa.privateKey), RC.invalidAdmin, '999'],
    ['a key that is a secret', { ...bySecret, index: 300 }, RC.invalidAdmin, 'HS_SECKEY'],
    ['a handle that is not there', { ...bySecret, handle: '88.118.8/nobody' }, RC.invalidAdmin, 'nobody'],
    ['a handle that is none', { ...bySecret, handle: '88..8/x' }, RC.invalidAdmin, '88..8/x'],
    ['a way nobody knows', { ...bySecret, type: 'HS_TRUST' as never }, RC.invalidAdmin, 'HS_TRUST'],
    ['another node’s identity', { ...bySecret, handle: '0.NA/99.1' }, RC.authenticationError, 'another node'],
  ])('%s', async (_name, holder, code, word) => {
    const refusal = await attempt(holder)
    expect(codesOf(refusal)).toEqual([code])
    expect(reasonOf(refusal)).toContain(word)
  })

  test.each([
    ['too much work', { salt: Buffer.from('salt'), iterations: 100_001, keyBits: 160 }],
    ['no work', { salt: Buffer.from('salt'), iterations: 0, keyBits: 160 }],
  ])('an answer that asks for %s', async (_name, derivation) => {
    const answer = encodeSecretKeyAnswer({ code: 0x22, mac: Buffer.alloc(20), derivation })
    expect(codesOf(await attempt({ ...bySecret, prove: () => answer }))).toEqual([RC.authenticationFailed])
  })

  test.each(['', '00', '22', '22ffffffff', '000000075348412d32353600000001'])(
    'an answer of octets "%s"',
    async (hex) => {
      const prove = () => Buffer.from(hex, 'hex')
      expect(codesOf(await attempt({ ...bySecret, prove }))).toEqual([RC.authenticationFailed])
      const byKey = { ...rsaHolder(PREFIX, 300, rsa.privateKey), prove }
      expect(codesOf(await attempt(byKey))).toEqual([RC.authenticationFailed])
    },
  )

  test('the right secret, once everybody may read it', async () => {
    const challenged = { nonce: Buffer.from('nonce'), requestDigest: Buffer.from('digest') }
    const answer = await bySecret.prove(challenged.nonce, challenged.requestDigest)
    const doubt = (permissions: number) =>
      doubtOf(wireValue(300, 'HS_SECKEY', SECRET, permissions), { type: 'HS_SECKEY', answer, ...challenged })
    expect(await doubt(0b1100)).toBeUndefined()
    expect(await doubt(0b1110)).toContain('everybody can read')
  })

  test('whoever fails too often, for a while, and nobody else', async () => {
    const wrong = { ...bySecret, prove: () => encodeSecretKeyAnswer({ code: 0x12, mac: Buffer.alloc(20) }) }
    const codes: number[] = []
    for (let tries = 0; tries < 31; tries += 1) codes.push(...codesOf(await attempt(wrong)))
    expect(codes.slice(0, 30)).toEqual(Array(30).fill(RC.authenticationFailed))
    expect(codes[30]).toBe(RC.tooBusy)
    const [challenge] = await deliver(speaker, requestOctets(OP.create, addition().body))
    const answer = await answerOctets(challenge!, bySecret)
    expect(codesOf(await deliver(speaker, answer))).toEqual([RC.tooBusy])
    const other = { ...speaker, peer: { ...TCP, address: '198.51.100.1' } }
    // It was not looked at, so it is still good.
    expect(codesOf(await deliver(other, answer))).toEqual([RC.success])
    expect(codesOf(await ask(other, { ...addition(), holder: bySecret }))).toEqual([RC.success])
  })
})

describe('a challenge', () => {
  async function challenged(of: Speaker = speaker) {
    const [challenge] = await deliver(of, requestOctets(OP.create, addition().body))
    return challenge!
  }

  test('carries a digest of its request, a nonce of its own and an odd id', async () => {
    const [one, other] = [await challenged(), await challenged()]
    for (const { header, envelope, requestDigest } of [one, other]) {
      expect(header).toMatchObject({ opCode: OP.create, responseCode: RC.authenticationNeeded })
      expect(envelope.sessionId % 2).toBe(1)
      expect(requestDigest!.octets).toHaveLength(32)
    }
    expect(one.body).not.toEqual(other.body)
  })

  test('is answered once: the same octets again are refused', async () => {
    const answer = await answerOctets(await challenged(), bySecret)
    expect(codesOf(await deliver(speaker, answer))).toEqual([RC.success])
    expect(codesOf(await deliver(speaker, answer))).toEqual([RC.authenticationTimeout])
  })

  test('is spent by a wrong answer', async () => {
    const challenge = await challenged()
    const wrong = await answerOctets(challenge, secretHolder(PREFIX, 301, 'guess', SECRET_MAC.hmacSha1))
    const [refusal] = await deliver(speaker, wrong)
    expect(refusal!.header).toMatchObject({ opCode: OP.create, responseCode: RC.authenticationFailed })
    expect(codesOf(await deliver(speaker, await answerOctets(challenge, bySecret)))).toEqual([RC.authenticationTimeout])
  })

  test('is taken by one of all workers that get its answer at once', async () => {
    const worker = await node.anotherWorker()
    for (let round = 0; round < 5; round += 1) {
      const answer = await answerOctets(await challenged(), bySecret)
      const workers = [node.worker, worker, node.worker, worker]
      const codes = await Promise.all(workers.map((one) => deliver({ ...speaker, worker: one }, answer)))
      expect(codes.flatMap(codesOf).sort((a, b) => a - b)).toEqual([RC.success, 405, 405, 405])
    }
  })

  test('is answered at another worker than it came from', async () => {
    const worker = await node.anotherWorker()
    const answer = await answerOctets(await challenged(), bySecret)
    expect(codesOf(await deliver({ ...speaker, worker }, answer))).toEqual([RC.success])
  })

  test('is over after a while', async () => {
    const challenge = await challenged()
    await node.db.query('update handle_challenge set expires_at = clock_timestamp() where id = $1', [
      challenge.envelope.sessionId,
    ])
    expect(codesOf(await deliver(speaker, await answerOctets(challenge, bySecret)))).toEqual([405])
  })

  test('is not there for an answer to none', async () => {
    const challenge = await challenged()
    for (const sessionId of [0, challenge.envelope.sessionId + 2]) {
      expect(codesOf(await deliver(speaker, await answerOctets(challenge, bySecret, { sessionId })))).toEqual([405])
    }
  })

  test('does not hold for another request than the one challenged', async () => {
    const challenge = await challenged()
    const nonce = challenge.body.kind === 'challenge' ? challenge.body.nonce : Buffer.alloc(0)
    const id = challenge.envelope.sessionId
    const [waiting] = await findChallenges(node.db, id)
    await takeChallenge(node.db, id, nonce)
    const request = Buffer.from(waiting!.request)
    request[39]! ^= 1
    await keepChallenge(node.db, { id, nonce, request, address: 'x' })
    expect(codesOf(await deliver(speaker, await answerOctets(challenge, bySecret)))).toEqual([RC.authenticationFailed])
  })

  test('waits in bounded number, for each address and in all', async () => {
    const bounds = { lifeSeconds: 60, maxWaiting: 6, maxWaitingOctets: 1000, maxOfAddress: 3, maxOctetsOfAddress: 500 }
    await node.db.query('delete from handle_challenge')
    const keep = (address: string, octets = 10) => {
      number += 1
      const nonce = Buffer.from(String(number))
      return keepChallenge(node.db, { id: 1, nonce, request: Buffer.alloc(octets), address }, bounds)
    }
    expect([await keep('a', 501), await keep('a'), await keep('a'), await keep('a'), await keep('a')]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ])
    expect([await keep('b', 490), await keep('c', 481), await keep('c', 480), await keep('c')]).toEqual([
      true,
      false,
      true,
      false,
    ])
    await node.db.query('update handle_challenge set expires_at = clock_timestamp()')
    expect(await keep('a')).toBe(true)
    const [row] = await node.db.query<{ left: number }>('select count(*) as left from handle_challenge')
    expect(row!.left).toBe(1)
  })
})

describe('an identity', () => {
  async function identityKey(label: string) {
    const all = await listApiKeys(node.registry, node.admin, { enterpriseId: 'acme', limit: 100 })
    return all.find((one) => one.label === label && one.revokedAt === null)!
  }

  const own = async (name: string, secret = SECRET) => {
    const handle = `88.118.8/${name}`
    await node.put(handle, [storedValue(300, 'HS_SECKEY', secret, 0b1100)], node.acme)
    await node.put(PREFIX, [...keys, adminValue(110, { handle, index: 300 })])
    return secretHolder(handle, 300, secret)
  }

  test('has one API key, however many make it at once', async () => {
    const holder = await own('user-1')
    const codes = await Promise.all(Array.from({ length: 8 }, () => attempt(holder)))
    expect(codes.flatMap(codesOf)).toEqual(Array(8).fill(RC.success))
    const rows = await node.db.query('select from handle_identity where handle = $1', ['88.118.8/user-1'])
    expect(rows).toHaveLength(1)
  })

  test('whose API key is revoked may do nothing more, until it has another key', async () => {
    const holder = await own('user-2')
    expect(codesOf(await attempt(holder))).toEqual([RC.success])
    const { identities, restrictedReads } = node.worker.native
    const claim = { handle: '88.118.8/user-2', index: 300, password: Buffer.from(SECRET), from: 'x' }
    const proven = await identities.proveByPassword(claim)
    const answer = await node.worker.resolve({ identifier: identifierOf('88.118.8/user-2') })
    if (!proven.ok || answer.kind !== 'found') throw new Error('nobody')
    expect(await restrictedReads.mayRead(proven.value, answer.record)).toBe(true)
    const { id } = await identityKey('Handle identity 300:88.118.8/user-2')
    await revokeApiKey(node.registry, node.acme, id)
    expect(await restrictedReads.mayRead(proven.value, answer.record)).toBe(false)
    const refusal = await attempt(holder)
    expect(codesOf(refusal)).toEqual([RC.authenticationFailed])
    expect(reasonOf(refusal)).toContain('revoked')
    const anew = await own('user-2', 'another secret')
    expect(codesOf(await attempt(holder))).toEqual([RC.authenticationFailed])
    expect(codesOf(await attempt(anew))).toEqual([RC.success])
  })

  test('whose API key is revoked between challenge and answer does nothing', async () => {
    const holder = await own('user-3')
    await attempt(holder)
    const [challenge] = await deliver(speaker, requestOctets(OP.create, addition().body))
    const answer = await answerOctets(challenge!, holder)
    await revokeApiKey(node.registry, node.acme, (await identityKey('Handle identity 300:88.118.8/user-3')).id)
    expect(codesOf(await deliver(speaker, answer))).toEqual([RC.authenticationFailed])
  })

  test('of a suspended enterprise, or below a suspended prefix, may do nothing', async () => {
    const holder = await own('user-4')
    expect(codesOf(await attempt(holder))).toEqual([RC.success])
    await changePrefix(node.registry, node.admin, { prefix: '88.118.8', state: 'suspended' })
    const worker = await node.anotherWorker()
    const suspended = await ask({ ...speaker, worker }, { ...addition(), holder })
    expect(suspended[0]!.header.responseCode).not.toBe(RC.success)
    expect(reasonOf(suspended)).toContain('suspended')
    await changePrefix(node.registry, node.admin, { prefix: '88.118.8', state: 'active' })
    await changeEnterprise(node.registry, node.admin, { id: 'acme', state: 'suspended' })
    expect(
      codesOf(await ask({ ...speaker, worker: await node.anotherWorker() }, { ...addition(), holder })),
    ).not.toContain(1)
    await changeEnterprise(node.registry, node.admin, { id: 'acme', state: 'active' })
    const again = { ...speaker, worker: await node.anotherWorker() }
    expect(codesOf(await ask(again, { ...addition(), holder }))).toEqual([RC.success])
  })

  test('of another enterprise does nothing here, whoever names it', async () => {
    const handle = '88.118.9/user'
    await node.put(handle, [storedValue(300, 'HS_SECKEY', SECRET, 0b1100)], node.globex)
    await node.put(PREFIX, [...keys, adminValue(110, { handle, index: 300 })])
    expect(codesOf(await attempt(secretHolder(handle, 300, SECRET)))).toEqual([RC.insufficientPermissions])
  })

  test('never stands for the administrator’s key at a start', async () => {
    const worker = await node.anotherWorker({ serverAdministrators: [{ handle: PREFIX, index: 301 }] })
    expect(codesOf(await ask({ ...speaker, worker }, { ...addition(), holder: bySecret }))).toEqual([RC.success])
    const { ensureAdminKey } = await import('../../../../src/registry/api-keys.js')
    const others = await node.db.query<{ id: string }>(
      `select id from api_key where enterprise_id is null and id not in (select api_key_id from handle_identity)`,
    )
    await node.db.query('update api_key set revoked_at = clock_timestamp() where id = any ($1)', [
      others.map(({ id }) => id),
    ])
    expect(await ensureAdminKey(node.db)).toMatch(/^jx_/)
    await node.db.query('update api_key set revoked_at = null where id = any ($1)', [others.map(({ id }) => id)])
  })
})

describe('groups', () => {
  const member = secretHolder('88.118.8/member', 300, SECRET)
  const list = (index: number, ...places: (readonly [string, number])[]) =>
    storedValue(index, 'HS_VLIST', encodeValueList(places.map(([handle, at]) => ({ handle, index: at }))))
  const governedBy = (handle: string, index: number) => node.put(PREFIX, [adminValue(100, { handle, index })])

  beforeAll(() => node.put('88.118.8/member', [storedValue(300, 'HS_SECKEY', SECRET, 0b1100)], node.acme))

  test('within groups are followed, in circles too', async () => {
    await node.put('88.118.8/g1', [list(200, ['88.118.8/g2', 200], ['88.118.8/g1', 200])], node.acme)
    await node.put(
      '88.118.8/g2',
      [list(200, ['88.118.8/g1', 200], ['88.118.8/g3', 201], ['88.118.8/g2', 200])],
      node.acme,
    )
    await node.put('88.118.8/g3', [list(201, ['0.NA/99.99', 200], ['88.118.8/MEMBER', 300])], node.acme)
    await governedBy('88.118.8/g1', 200)
    expect(codesOf(await attempt(member))).toEqual([RC.success])
    await node.put('88.118.8/g3', [list(201, ['88.118.8/g1', 200])], node.acme)
    expect(codesOf(await attempt(member))).toEqual([RC.insufficientPermissions])
  })

  test('may name every key of a handle, by index 0', async () => {
    await governedBy('88.118.8/member', 0)
    expect(codesOf(await attempt(member))).toEqual([RC.success])
    await governedBy('88.118.8/member', 301)
    expect(codesOf(await attempt(member))).toEqual([RC.insufficientPermissions])
  })

  test('deeper than ten are not followed, nor more than fifty', async () => {
    for (let depth = 1; depth <= 12; depth += 1) {
      const next = depth === 12 ? (['88.118.8/member', 300] as const) : ([`88.118.8/d${depth + 1}`, 200] as const)
      await node.put(`88.118.8/d${depth}`, [list(200, next)], node.acme)
    }
    await governedBy('88.118.8/d3', 200)
    expect(codesOf(await attempt(member))).toEqual([RC.success])
    await governedBy('88.118.8/d1', 200)
    expect(codesOf(await attempt(member))).toEqual([RC.insufficientPermissions])
    const many = Array.from({ length: 60 }, (_, at) => ['88.118.8/none', at + 1] as const)
    await node.put('88.118.8/wide', [list(200, ...many, ['88.118.8/d12', 200])], node.acme)
    await governedBy('88.118.8/wide', 200)
    expect(codesOf(await attempt(member))).toEqual([RC.insufficientPermissions])
  })

  test('are told from keys by their type, and an HS_ADMIN nobody can read gives no rights', async () => {
    await node.put(
      '88.118.8/text',
      [storedValue(200, 'URL', encodeValueList([{ handle: '88.118.8/member', index: 300 }]))],
      node.acme,
    )
    await governedBy('88.118.8/text', 200)
    expect(codesOf(await attempt(member))).toEqual([RC.insufficientPermissions])
    await node.put('88.118.8/broken', [storedValue(100, 'HS_ADMIN', 'everybody')], node.acme)
    await governedBy('88.118.8/nobody', 1)
    const drop = { opCode: OP.delete, body: { kind: 'handle', handle: '88.118.8/broken' }, holder: member } as const
    expect(codesOf(await ask(speaker, drop))).toEqual([RC.insufficientPermissions])
  })

  afterAll(() => node.put(PREFIX, keys))
})

describe('identities of other nodes', () => {
  const foreign = secretHolder('0.NA/99.1', 300, 'unused')
  const byKey = rsaHolder('0.NA/99.1', 300, rsa.privateKey)
  const asked: string[] = []
  const resolveForeign = async (handle: string) => {
    asked.push(handle)
    if (handle === '0.NA/99.9') throw new Error('a fault of this node')
    return handle === '0.NA/99.1' ? [wireValue(300, 'HS_PUBKEY', rsa.record)] : undefined
  }

  test('are proved by what their node says, and write nothing here', async () => {
    const worker = await node.anotherWorker({ resolveForeign })
    await node.put(PREFIX, [...keys, adminValue(110, { handle: '0.NA/99.1', index: 300 })])
    const refusal = await ask({ ...speaker, worker }, { ...addition(), holder: byKey })
    expect(codesOf(refusal)).toEqual([RC.insufficientPermissions])
    expect(reasonOf(refusal)).toContain('another node')
    expect(asked).toContain('0.NA/99.1')
  })

  test('are refused with another key, and where their node knows none', async () => {
    const worker = await node.anotherWorker({ resolveForeign })
    const wrong = rsaHolder('0.NA/99.1', 300, rsaKey().privateKey)
    expect(codesOf(await ask({ ...speaker, worker }, { ...addition(), holder: wrong }))).toEqual([403])
    expect(codesOf(await ask({ ...speaker, worker }, { ...addition(), holder: foreign }))).toEqual([400])
    expect(
      codesOf(await ask({ ...speaker, worker }, { ...addition(), holder: { ...byKey, handle: '0.NA/99.2' } })),
    ).toEqual([400])
  })

  test.each([
    [300, RC.success],
    [0, RC.success],
    [301, RC.insufficientPermissions],
  ])('administer the server when they are configured to, by index %i', async (index, code) => {
    await node.put(PREFIX, keys)
    const worker = await node.anotherWorker({ resolveForeign, serverAdministrators: [{ handle: '0.na/99.1', index }] })
    expect(codesOf(await ask({ ...speaker, worker }, { ...addition(), holder: byKey }))).toEqual([code])
  })

  test('are no administrators when what is configured is no handle', async () => {
    await expect(node.anotherWorker({ serverAdministrators: [{ handle: '88..1/x', index: 1 }] })).rejects.toMatchObject(
      {
        code: 'request-malformed',
      },
    )
  })
})

describe('to verify an answer for another server', () => {
  const nonce = Buffer.from('0123456789abcdef')
  const digest = { code: 2, octets: Buffer.alloc(20, 7) }
  const check = async (holder: Holder, more: object = {}) => {
    const answer = await holder.prove(nonce, digest.octets)
    const { handle, index } = holder
    const body = { kind: 'challenge-check', handle, index, nonce, digest, answer, ...more } as never
    return deliver(speaker, requestOctets(OP.verifyChallenge, body))
  }

  test('says whether it was made with the secret', async () => {
    expect((await check(bySecret))[0]!.body).toEqual({ kind: 'verified', isVerified: true })
    expect((await check(secretHolder(PREFIX, 301, 'guess')))[0]!.body).toEqual({ kind: 'verified', isVerified: false })
    expect((await check({ ...bySecret, index: 300 }))[0]!.body).toEqual({ kind: 'verified', isVerified: false })
    expect((await check(bySecret, { nonce: Buffer.alloc(16) }))[0]!.body).toMatchObject({ isVerified: false })
  })

  test('is for the home of the secret alone, and not to try out secrets', async () => {
    expect(codesOf(await check({ ...bySecret, handle: '0.NA/99.1' }))).toEqual([RC.notResponsible])
    const guess = secretHolder(PREFIX, 301, 'guess', SECRET_MAC.hmacSha1)
    for (let tries = 0; tries < 30; tries += 1) await check(guess)
    expect(codesOf(await check(bySecret))).toEqual([RC.tooBusy])
  })
})
