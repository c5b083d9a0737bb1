/**
 * The client against octets that other programs' servers have sent, on real sockets. Given their client's random numbers and its
 * time, ours must send octet for octet what it sent.
 */
import { generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type {
  HandleClient,
  HandleClientOptions,
  ResolveOptions,
} from '../../../../src/protocols/handle/client/client.js'
import { decodePublicKeyAnswer, decodeSecretKeyAnswer } from '../../../../src/protocols/handle/codec-challenge.js'
import { encodeMessage, type Message } from '../../../../src/protocols/handle/codec-message.js'
import { FLAG, hasFlag, OP, RC } from '../../../../src/protocols/handle/codes.js'
import { secretKeyMac } from '../../../../src/protocols/handle/digests.js'
import { decodeSite, type Site } from '../../../../src/record/value-types/hs-site.js'
import { type Exchange, exchanges } from '../../../support/handle-vectors.js'
import { isEncrypted, mustDecode, wholeMessages } from '../whole-messages.js'
import { clientAt, clientOf, started } from './closing.js'
import { httpServer, type Script, tcpServer, udpServer } from './scripted-server.js'

const SERVERS = { udp: udpServer, tcp: tcpServer, http: httpServer }
const HALF_DAY_MS = 12 * 3600 * 1000

const named = (name: string): Exchange => {
  const found = exchanges().find((exchange) => exchange.name === name)
  if (found === undefined) throw new Error(`no exchange ${name}`)
  return found
}

/** The site that their client knew, with our server in its place. */
function siteAt(name: string): Site {
  const [response] = wholeMessages(named(name).responses)
  const { body } = mustDecode(response!)
  const site = body.kind === 'site' ? decodeSite(body.octets) : undefined
  if (site === undefined || !site.ok) throw new Error('no site')
  return site.value
}

interface Replayed {
  readonly client: HandleClient
  readonly sent: Buffer[]
  readonly theirs: readonly Buffer[]
}

/** A client that has the numbers of theirs, and a server that says what theirs said. */
async function replay(name: string, change: Partial<HandleClientOptions> = {}): Promise<Replayed> {
  const exchange = named(name)
  const theirs = wholeMessages(exchange.requests)
  const said = ended(wholeMessages(exchange.responses))
  const script: Script = (request) => said.filter((one) => one.readUInt32BE(8) === request.readUInt32BE(8))
  const server = await started<Awaited<ReturnType<typeof tcpServer>>>(SERVERS[exchange.requests[0]!.transport](script))
  const requestIds = theirs.map((one) => one.subarray(8, 12))
  const numbers = {
    random: (octets: number) => (octets === 4 ? requestIds.shift()! : new Uint8Array(octets)),
    nowMs: () => mustDecode(theirs[0]!).header.expirationSeconds * 1000 - HALF_DAY_MS,
    ...change,
  }
  // The root's own site was not asked for.
  if (name.startsWith('root/')) return { client: clientAt(server.address, numbers), sent: server.requests, theirs }
  const site = siteAt(`${name.split('/')[0]}/get-site-info-udp`)
  const servers = site.servers.map((one) => ({
    ...one,
    address: '127.0.0.1',
    interfaces: [
      {
        type: 3,
        transport: { udp: 0, tcp: 1, http: 2 }[exchange.requests[0]!.transport],
        port: server.address.port,
      },
    ],
  }))
  const client = clientOf({ start: { kind: 'site', site: { ...site, servers } }, ...numbers })
  return { client, sent: server.requests, theirs }
}

/** Of the long lists the beginning was kept. */
function ended(messages: readonly Buffer[]): readonly Buffer[] {
  const last = messages.at(-1)!
  if (isEncrypted(last) || !hasFlag(mustDecode(last).header.opFlags, FLAG.continuous)) return messages
  const { header, ...rest } = mustDecode(last)
  const opFlags = (header.opFlags & ~FLAG.continuous) >>> 0
  return [...messages.slice(0, -1), encodeMessage({ ...rest, header: { ...header, opFlags } })]
}

describe('look-ups', () => {
  const looked = exchanges().filter(({ name, requests, responses }) => {
    if (name.startsWith('idsdk/') || isEncrypted(wholeMessages(requests)[0]!)) return false
    const [first] = wholeMessages(responses)
    return mustDecode(first!).header.opCode === OP.resolve && mustDecode(first!).body.kind !== 'challenge'
  })

  test('are of all transports and outcomes', () => {
    expect(new Set(looked.map(({ requests }) => requests[0]!.transport))).toEqual(new Set(['udp', 'tcp', 'http']))
    const codes = looked.map(({ responses }) => mustDecode(wholeMessages(responses)[0]!).header.responseCode)
    expect([...new Set(codes)].sort()).toEqual([1, 100, 2, 200, 301])
  })

  test.each(looked)('$name', async ({ name, requests, responses }) => {
    const theirs = wholeMessages(requests)[0]!
    const answer = mustDecode(wholeMessages(responses)[0]!)
    const { body, header, envelope } = mustDecode(theirs)
    if (body.kind !== 'query') throw new Error('not a look-up')
    const { client, sent } = await replay(name)
    const wanted: ResolveOptions = {
      indexes: body.indexes,
      types: body.types,
      isAuthenticated: !hasFlag(header.opFlags, FLAG.publicOnly),
      isCertified: hasFlag(header.opFlags, FLAG.certify),
      returnsDigest: hasFlag(header.opFlags, FLAG.returnDigest),
    }
    const outcome = await client.resolve(body.handle, wanted).catch((fault: unknown) => fault)
    if (answer.body.kind === 'handle-values') {
      expect(outcome).toMatchObject({ kind: 'found', values: answer.body.values, isAuthoritative: true })
    } else if (answer.header.responseCode === RC.handleNotFound) expect(outcome).toMatchObject({ kind: 'absent' })
    else if (answer.header.responseCode === RC.valuesNotFound) expect(outcome).toMatchObject({ kind: 'no-values' })
    else expect(outcome).toMatchObject({ reason: 'refused', responseCode: answer.header.responseCode })
    // Their old client speaks an old version, and ours doesn't; all else is the same.
    if (envelope.version.minor === 11) expect(sent[0]!.toString('hex')).toBe(theirs.toString('hex'))
  })
})

test.each(['session/get-site-info-udp', 'session/get-site-info-tcp', 'challenge/get-site-info-http'])(
  '%s',
  async (name) => {
    const { client, sent, theirs } = await replay(name)
    expect(await client.siteInfo()).toEqual(siteAt(name))
    expect(sent[0]!.toString('hex')).toBe(theirs[0]!.toString('hex'))
  },
)

describe('challenged requests', () => {
  const secret = { kind: 'secret' as const, handle: '0.NA/88.100.1', index: 301, secret: Buffer.from('ours') }
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { kind: 'key' as const, handle: '0.NA/88.100.1', index: 300, privateKey: pair.privateKey }
  const changed = exchanges().filter(
    ({ name, responses }) =>
      name.startsWith('challenge/') &&
      !name.includes('session-create') &&
      mustDecode(wholeMessages(responses).at(-1)!).header.opCode >= OP.create,
  )

  test('are of every operation that the client has a word for', () => {
    const ops = new Set(changed.map(({ requests }) => mustDecode(wholeMessages(requests)[0]!).header.opCode))
    expect([...ops].sort()).toEqual([100, 101, 102, 103, 104, 105])
  })

  test.each(changed)('$name', async ({ name, requests, responses }) => {
    const isBySecret = mustDecode(wholeMessages(requests)[1] ?? wholeMessages(requests)[0]!).body
    const bySecret = isBySecret.kind !== 'challenge-answer' || isBySecret.type === 'HS_SECKEY'
    const { client, sent, theirs } = await replay(name, { session: 'none', identity: bySecret ? secret : key })
    const last = wholeMessages(responses)
      .filter((one) => theirs.slice(0, 2).some((request) => isAnswer(request, one)))
      .at(-1)!
    const code = mustDecode(last).header.responseCode
    const outcome = await performed(client, mustDecode(theirs[0]!)).catch((fault: unknown) => fault)
    if (code === RC.success) expect(outcome).toEqual(expectedOutcome(mustDecode(last), responses))
    else expect(outcome).toMatchObject({ reason: 'refused', responseCode: code })

    expect(sent[0]!.toString('hex')).toBe(theirs[0]!.toString('hex'))
    if (theirs.length < 2) return
    // All but what only who has their secret can make.
    const [ours, other] = [mustDecode(sent[1]!), mustDecode(theirs[1]!)]
    if (ours.body.kind !== 'challenge-answer' || other.body.kind !== 'challenge-answer') throw new Error('no answer')
    expect({ ...ours, body: { ...ours.body, answer: 0 } }).toEqual({
      ...other,
      header: { ...other.header, expirationSeconds: ours.header.expirationSeconds },
      body: { ...other.body, answer: 0 },
    })
    expect(ours.body.answer.length).toBe(other.body.answer.length)
    const challenge = mustDecode(wholeMessages(responses)[0]!)
    const nonce = challenge.body.kind === 'challenge' ? challenge.body.nonce : new Uint8Array()
    const octets = Buffer.concat([nonce, challenge.requestDigest!.octets])
    if (bySecret) {
      const answer = decodeSecretKeyAnswer(ours.body.answer)
      if (!answer.ok) throw new Error(answer.message)
      const { mac, ...way } = answer.value
      const parts = { secret: secret.secret, nonce, requestDigest: challenge.requestDigest!.octets }
      expect(new Uint8Array((await secretKeyMac(way, parts, 10_000))!)).toEqual(mac)
    } else {
      const answer = decodePublicKeyAnswer(ours.body.answer)
      if (!answer.ok) throw new Error(answer.message)
      expect(answer.value.algorithm).toBe('SHA-256')
      expect(verify('sha256', octets, pair.publicKey, answer.value.signature)).toBe(true)
    }
  })
})

function isAnswer(request: Buffer, response: Buffer): boolean {
  return request.readUInt32BE(8) === response.readUInt32BE(8)
}

async function performed(client: HandleClient, { header, body }: Message): Promise<unknown> {
  const overwrites = hasFlag(header.opFlags, FLAG.overwrite)
  switch (body.kind) {
    case 'handle-values':
      if (header.opCode === OP.create)
        return client.create(body.handle, body.values, {
          overwrites,
          mintsSuffix: hasFlag(header.opFlags, FLAG.mintSuffix),
        })
      if (header.opCode === OP.addValues) return client.addValues(body.handle, body.values, overwrites)
      return client.modifyValues(body.handle, body.values)
    case 'handle-indexes':
      return client.removeValues(body.handle, body.indexes)
    case 'handle': {
      if (header.opCode === OP.delete) return client.delete(body.handle)
      const handles: string[] = []
      for await (const handle of client.listHandles(body.handle)) handles.push(handle)
      return handles
    }
    default:
      throw new Error(`no operation with ${body.kind}`)
  }
}

function expectedOutcome({ header, body }: Message, responses: Exchange['responses']): unknown {
  if (header.opCode === OP.create) return { handle: body.kind === 'handle' ? body.handle : '', isOverwritten: false }
  if (header.opCode !== OP.listHandles) return undefined
  return wholeMessages(responses).flatMap((one) => {
    const message = mustDecode(one).body
    return message.kind === 'handles' ? message.handles : []
  })
}

test('the list of homed prefixes comes by a challenge too', async () => {
  const name = 'session/list-homed-nas-tcp'
  const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const identity = { kind: 'key' as const, handle: '0.NA/88.100.1', index: 300, privateKey }
  const { client, sent, theirs } = await replay(name, { session: 'none', identity })
  const prefixes: string[] = []
  for await (const prefix of client.listHomed()) prefixes.push(prefix)
  expect(prefixes).toEqual(['0.NA/88.100', '0.NA/88.100.1'])
  expect(mustDecode(sent[0]!).header.opCode).toBe(mustDecode(theirs[0]!).header.opCode)
})

test('the national SDK’s log-in by key, and what it may do afterwards on the same connection', async () => {
  const steps = ['idsdk-login-key', 'idsdk-create', 'idsdk-create-exists', 'idsdk-add-values', 'idsdk-remove-values']
  const said = steps.flatMap((step) => wholeMessages(named(`idsdk/${step}`).responses))
  const server = await started(tcpServer((request, place) => withIdOf(said[place]!, request)))
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const loginRequest = wholeMessages(named('idsdk/idsdk-login-key').requests)[0]!
  const client = clientOf({
    start: { kind: 'servers', servers: [server.address] },
    nowMs: () => mustDecode(said[0]!).header.expirationSeconds * 1000 - HALF_DAY_MS,
  })
  const identity = { kind: 'key' as const, handle: '88.100.1/ADMIN', index: 301, privateKey }
  const user = await client.logIn({ kind: 'key', identity })
  // The digest of the challenge is that of the SDK's request, so ours is the same but for the version in its envelope.
  expect(mustDecode(server.requests[0]!).body).toEqual(mustDecode(loginRequest).body)
  const [create, , add, remove] = steps
    .slice(1)
    .map((step) => mustDecode(wholeMessages(named(`idsdk/${step}`).requests)[0]!))
  expect(await performed(user, create!)).toEqual({ handle: bodyHandle(create!), isOverwritten: false })
  await expect(performed(user, create!)).rejects.toMatchObject({ reason: 'refused', responseCode: RC.handleExists })
  await performed(user, add!)
  await performed(user, remove!)
  await user.close()
  expect(server.connections()).toBe(1)
  expect(server.requests.map((request) => request.readUInt32BE(4))).toEqual([0, 101, 0, 0, 0, 0])
})

test('the national SDK’s log-in by password', async () => {
  const said = wholeMessages(named('idsdk/idsdk-login-password').responses)
  const server = await started(tcpServer((request, place) => withIdOf(said[place]!, request)))
  const client = clientAt(server.address, {
    nowMs: () => mustDecode(said[0]!).header.expirationSeconds * 1000 - HALF_DAY_MS,
  })
  await (await client.logIn({ kind: 'password', user: 'user', password: 'pwd123' })).close()
  const theirs = wholeMessages(named('idsdk/idsdk-login-password').requests)[0]!
  expect(mustDecode(server.requests[0]!).body).toEqual(mustDecode(theirs).body)
})

function bodyHandle({ body }: Message): string {
  return 'handle' in body ? body.handle : ''
}

function withIdOf(response: Buffer, request: Buffer): Buffer {
  const changed = Buffer.from(response)
  request.copy(changed, 8, 8, 12)
  return changed
}
