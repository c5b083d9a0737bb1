/** Sessions over real TCP connections: agreement, MAC, encryption, reuse, renewal and end. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { OP, RC } from '../../../../src/protocols/handle/codes.js'
import { computedCase } from '../../../support/handle-vectors.js'
import { isEncrypted, mustDecode } from '../whole-messages.js'
import { clientAt, clientOf, started } from './closing.js'
import { answerTo, refusalTo, siteOctets } from './replies.js'
import { type Script, type ScriptedServer, tcpServer } from './scripted-server.js'
import { type SessionServer, type SessionServerOptions, sessionServer } from './session-server.js'

const vector = computedCase('session key from DH, AES')
const signer = generateKeyPairSync('rsa', { modulusLength: 2048 })
const identity = { kind: 'secret' as const, handle: '0.NA/88.1', index: 300, secret: Buffer.from('secret') }
const nonce = Buffer.alloc(16, 5)

/** Challenges the first request of each session, as servers do, and then believes the MAC. */
function scriptOf(sessions: SessionServer, options: { readonly withMac?: boolean } = {}): Script {
  const challenged = new Set<number>()
  return (request) => {
    const sessionId = request.readUInt32BE(4)
    if (sessionId === 0 && mustDecode(request).header.opCode === OP.setUpSession) return sessions.setUp(request)
    if (!sessions.keys.has(sessionId)) return refusalTo(request, RC.sessionFailed)
    const { header } = sessions.opened(request)
    if (header.opCode === OP.terminateSession) return sessions.reply(request, { kind: 'empty' })
    if (header.opCode === OP.answerChallenge)
      return sessions.reply(request, { kind: 'empty' }, { ...options, opCode: OP.delete })
    if (challenged.has(sessionId)) return sessions.reply(request, { kind: 'empty' }, options)
    challenged.add(sessionId)
    return sessions.reply(request, { kind: 'challenge', nonce })
  }
}

async function sessionAt(mode: 'auto' | 'encrypted' | 'required', change: Partial<SessionServerOptions> = {}) {
  const sessions = sessionServer({ signer: signer.privateKey, privateNumber: String(vector['serverX']), ...change })
  const server = await started(tcpServer(scriptOf(sessions)))
  const client = clientOf({
    start: { kind: 'servers', servers: [server.address], publicKey: signer.publicKey },
    identity,
    session: mode,
  })
  return { sessions, server, client }
}

const opCodesOf = (requests: readonly Buffer[]) =>
  requests.filter((one) => !isEncrypted(one)).map((one) => mustDecode(one).header.opCode)

test('both sides come to the key that other software comes to', async () => {
  const sessions = sessionServer({ signer: signer.privateKey, privateNumber: String(vector['serverX']) })
  const server = await started(tcpServer(scriptOf(sessions)))
  const client = clientOf({
    start: { kind: 'servers', servers: [server.address], publicKey: signer.publicKey },
    identity,
    random: (octets) => {
      const number = Buffer.alloc(octets, 1)
      if (octets === 32) Buffer.from(String(vector['clientX']).padStart(64, '0'), 'hex').copy(number)
      return number
    },
  })
  await client.delete('88.1/x')
  const { body } = mustDecode(server.requests[0]!)
  expect(body.kind === 'session-request' && Buffer.from(body.publicKey!).toString('hex')).toBe(
    vector['clientPublicRecordHex'],
  )
  expect(Buffer.from(sessions.keys.get(40)!).toString('hex')).toBe(vector['sessionKeyHex'])
})

test('one session serves many requests: it is challenged once, and ended at the end', async () => {
  const { sessions, server, client } = await sessionAt('auto')
  for (const name of ['a', 'b', 'c']) await client.delete(`88.1/${name}`)
  await client.close()
  const { delete: remove, setUpSession, answerChallenge, terminateSession } = OP
  expect(opCodesOf(server.requests)).toEqual([setUpSession, remove, answerChallenge, remove, remove, terminateSession])
  expect(sessions.counters).toEqual([1, 2, 3, 4])
})

test('requests at once share a session', async () => {
  const { sessions, client } = await sessionAt('auto')
  await Promise.all(Array.from({ length: 20 }, (_, place) => client.delete(`88.1/${place}`)))
  expect(sessions.keys.size).toBe(1)
  expect(new Set(sessions.counters).size).toBe(sessions.counters.length)
})

test('in an encrypted session nothing is readable on the way, the proof not either', async () => {
  const { server, client } = await sessionAt('encrypted')
  await client.delete('88.1/hidden')
  await client.delete('88.1/hidden-too')
  expect(server.requests.map(isEncrypted)).toEqual([false, true, true, true])
  for (const request of server.requests) expect(request.includes('hidden')).toBe(false)
})

test('a session that the server has forgotten is set up anew, once', async () => {
  const { sessions, client } = await sessionAt('auto')
  await client.delete('88.1/a')
  sessions.keys.clear()
  await client.delete('88.1/b')
  expect([...sessions.keys.keys()]).toEqual([41])
  const forgetful = await started(
    tcpServer((request) =>
      mustDecode(request).header.opCode === OP.setUpSession
        ? sessions.setUp(request)
        : refusalTo(request, RC.sessionTimeout),
    ),
  )
  const other = clientOf({
    start: { kind: 'servers', servers: [forgetful.address], publicKey: signer.publicKey },
    identity,
  })
  await expect(other.delete('88.1/c')).rejects.toMatchObject({ reason: 'refused', responseCode: RC.sessionTimeout })
  expect(opCodesOf(forgetful.requests)).toEqual([OP.setUpSession, OP.delete, OP.setUpSession, OP.delete])
})

test('a server without sessions is asked without one, unless one is required', async () => {
  const script: Script = (request) => {
    const { header } = mustDecode(request)
    if (header.opCode === OP.setUpSession) return refusalTo(request, RC.notSupported)
    if (header.opCode === OP.answerChallenge)
      return answerTo(request, { kind: 'empty' }, { header: { opCode: OP.delete } })
    return answerTo(
      request,
      { kind: 'challenge', nonce },
      { envelope: { sessionId: 5 }, header: { responseCode: RC.authenticationNeeded } },
    )
  }
  const server = await started(tcpServer(script))
  const start = { kind: 'servers' as const, servers: [server.address], publicKey: signer.publicKey }
  const client = clientOf({ start, identity })
  await client.delete('88.1/a')
  await client.delete('88.1/b')
  const { delete: remove, setUpSession, answerChallenge } = OP
  expect(opCodesOf(server.requests)).toEqual([setUpSession, remove, answerChallenge, remove, answerChallenge])
  await expect(clientOf({ start, identity, session: 'required' }).delete('88.1/a')).rejects.toMatchObject({
    responseCode: RC.notSupported,
  })
})

test('the key of a server that nobody told us is asked of the server itself', async () => {
  const sessions = sessionServer({ signer: signer.privateKey, privateNumber: String(vector['serverX']) })
  const script = scriptOf(sessions)
  const server: ScriptedServer = await started(
    tcpServer((request, place, send) =>
      request.readUInt32BE(4) === 0 && mustDecode(request).header.opCode === OP.getSiteInfo
        ? answerTo(request, {
            kind: 'site',
            octets: siteOctets({ addresses: [server.address], publicKey: signer.publicKey }),
          })
        : script(request, place, send),
    ),
  )
  await clientAt(server.address, { identity, session: 'required' }).delete('88.1/x')
  expect(opCodesOf(server.requests).slice(0, 2)).toEqual([OP.getSiteInfo, OP.setUpSession])
})

describe('a session is not begun', () => {
  const group = (prime: Buffer) => BigInt(`0x${prime.toString('hex')}`)
  test.each<[string, NonNullable<SessionServerOptions['change']>, string]>([
    ['in another group', ({ p }) => ({ p: Buffer.from(p).fill(0xfd, 0, 1) }), 'in another group'],
    ['with the number 1', () => ({ y: Buffer.of(1) }), 'gives its key away'],
    ['with the number 0', () => ({ y: Buffer.of(0) }), 'gives its key away'],
    [
      'with the number p - 1',
      ({ p }) => ({ y: Buffer.from((group(p) - 1n).toString(16), 'hex') }),
      'gives its key away',
    ],
    ['with a number beyond p', ({ p }) => ({ y: Buffer.concat([Buffer.of(1), p]) }), 'gives its key away'],
  ])('%s', async (_name, change, words) => {
    const { client } = await sessionAt('required', { change })
    await expect(client.delete('88.1/x')).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringContaining(words),
    })
  })

  test('by whoever has not the server’s key', async () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const { client } = await sessionAt('auto', { signer: stranger })
    await expect(client.delete('88.1/x')).rejects.toMatchObject({ reason: 'signature-invalid' })
  })
})

test('an answer with a MAC of another key is refused, and so is one sealed for another session', async () => {
  const { sessions, client } = await sessionAt('auto')
  await client.delete('88.1/a')
  const wrong = sessionServer({ signer: signer.privateKey, privateNumber: '77' })
  const forger = await started(
    tcpServer((request) => {
      if (request.readUInt32BE(4) === 0) return sessions.setUp(request)
      wrong.keys.set(request.readUInt32BE(4), Buffer.alloc(32, 3))
      return isEncrypted(request)
        ? Buffer.concat([request.subarray(0, 20), Buffer.alloc(request.length - 20, 1)])
        : wrong.reply(request, { kind: 'empty' }, { withMac: true })
    }),
  )
  const start = { kind: 'servers' as const, servers: [forger.address], publicKey: signer.publicKey }
  await expect(clientOf({ start, identity }).delete('88.1/x')).rejects.toMatchObject({ reason: 'signature-invalid' })
  await expect(clientOf({ start, identity, session: 'encrypted' }).delete('88.1/x')).rejects.toMatchObject({
    reason: 'invalid-answer',
    // One in 256 wrong keys leaves a padding that looks right.
    message: expect.stringMatching(/not of the session|can't be read/),
  })
})
