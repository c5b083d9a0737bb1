/** The codec against octets of other programs: what they sent decodes, and what we would send is the same. */
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src/platform/byte-reader.js'
import type { Body } from '../../../src/protocols/handle/codec-body.js'
import { decodePublicKeyAnswer, decodeSecretKeyAnswer } from '../../../src/protocols/handle/codec-challenge.js'
import { decodeEnvelope } from '../../../src/protocols/handle/codec-envelope.js'
import { frameOctets } from '../../../src/protocols/handle/codec-frames.js'
import {
  answerEnvelope,
  decodeMessage,
  encodeMessage,
  encodeSealed,
  type Message,
} from '../../../src/protocols/handle/codec-message.js'
import { packetsOf } from '../../../src/protocols/handle/codec-packets.js'
import { PlainAnswers, PlainQuery } from '../../../src/protocols/handle/codec-resolution.js'
import { decodeDiffieHellmanData, SESSION_CIPHER } from '../../../src/protocols/handle/codec-session.js'
import { ABSOLUTE_TTL, encodeValues, readValues } from '../../../src/protocols/handle/codec-value.js'
import { FLAG, hasFlag, OP, RC, UNKNOWN_SERIAL, withFlag } from '../../../src/protocols/handle/codes.js'
import { requestDigest } from '../../../src/protocols/handle/digests.js'
import { decodePublicKey } from '../../../src/record/value-types/hs-pubkey.js'
import { decodeSite } from '../../../src/record/value-types/hs-site.js'
import { decodeValueData } from '../../../src/record/value-types/value-types.js'
import { capturedMessages, computedCases, exchanges, octetsOf } from '../../support/handle-vectors.js'
import { answered, isEncrypted, mustDecode, wholeMessages } from './whole-messages.js'

const captured = exchanges().flatMap(({ requests, responses }) => [
  ...wholeMessages(requests),
  ...wholeMessages(responses),
])
const computed = computedCases()
  .filter(({ hex }) => hex?.startsWith('02'))
  .map(({ hex }) => octetsOf(hex))
const open = [...captured, ...computed].filter((bytes) => !isEncrypted(bytes))
const pairs = answered(exchanges())

test('there are messages of every kind to look at', () => {
  expect(captured.length).toBeGreaterThan(240)
  expect(computed.length).toBeGreaterThan(20)
  const kinds = new Set<Body['kind']>(open.map((bytes) => mustDecode(bytes).body.kind))
  expect([...kinds].sort()).toEqual([
    'challenge',
    'challenge-answer',
    'challenge-check',
    'empty',
    'error',
    'handle',
    'handle-index',
    'handle-indexes',
    'handle-values',
    'handles',
    'query',
    'referral',
    'session-answer',
    'session-request',
    'site',
  ])
})

test('every message is decoded, and encoded again to the same octets', () => {
  for (const bytes of open) expect(encodeMessage(mustDecode(bytes)).toString('hex')).toBe(bytes.toString('hex'))
})

test('an encrypted message has an open envelope and is not looked into', () => {
  const encrypted = captured.filter(isEncrypted)
  expect(encrypted.length).toBeGreaterThan(5)
  for (const bytes of encrypted) {
    const envelope = decodeEnvelope(bytes)
    if (!envelope.ok) throw new Error(envelope.message)
    expect(envelope.value).toMatchObject({ isEncrypted: true, messageOctets: bytes.length - 20 })
    expect(encodeSealed(envelope.value, bytes.subarray(20))).toEqual(bytes)
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, reason: 'bad-value', field: 'bits' })
  }
})

test('a message in packets is put together, and taken apart to the same packets', () => {
  const several = exchanges().filter(({ responses }) => responses[0]!.transport === 'udp' && responses.length > 1)
  expect(several.map(({ name }) => name)).toEqual(['session/resolve-big-udp', 'session/resolve-certified-udp'])
  for (const { responses } of several) {
    const [whole, ...more] = wholeMessages(responses)
    expect(more).toEqual([])
    expect(packetsOf(whole!, false)).toEqual(responses.map(({ bytes }) => bytes))
  }
})

test('a stream is cut into its messages', () => {
  const messages = capturedMessages().filter(({ transport }) => transport === 'tcp')
  const stream = Buffer.concat(messages.map(({ bytes }) => bytes))
  let start = 0
  for (const { bytes } of messages) {
    expect(frameOctets(stream, { start, end: stream.length }, 262_144)).toBe(bytes.length)
    start += bytes.length
  }
  expect(start).toBe(stream.length)
})

test('a response is in the version that we would choose', () => {
  expect(pairs.length).toBeGreaterThan(110)
  for (const { request, response } of pairs) {
    const { envelope } = mustDecode(request)
    expect(answerEnvelope(envelope, { major: 2, minor: 11 }).version).toEqual(mustDecode(response).envelope.version)
  }
})

test('a response returns the digest that we would make of its request', () => {
  const digested = pairs.flatMap(({ request, response }) => {
    const { requestDigest: digest, envelope } = mustDecode(response)
    return digest === undefined ? [] : [{ request, digest, version: envelope.version }]
  })
  expect(digested.length).toBeGreaterThan(30)
  for (const { request, digest, version } of digested) {
    const { code, octets } = requestDigest(request, version)
    expect({ code, octets: new Uint8Array(octets) }).toEqual(digest)
  }
})

describe('the short way', () => {
  const looked = pairs.filter(({ request, response }) => {
    const isPlain = !hasFlag(mustDecode(request).header.opFlags, FLAG.certify | FLAG.returnDigest)
    const { header } = mustDecode(response)
    return (
      isPlain &&
      header.opCode === OP.resolve &&
      mustDecode(request).header.opCode === OP.resolve &&
      header.responseCode !== RC.authenticationNeeded
    )
  })

  test.each(looked)('answers $name with the same octets', ({ request, response }) => {
    const { body, header } = mustDecode(response)
    const query = new PlainQuery()
    expect(query.read(request, 0, request.length)).toBe(true)
    const answers = new PlainAnswers({
      version: { major: 2, minor: 11 },
      siteSerial: header.siteSerial,
      // Handle.Net calls every answer recursive, also where the request is not.
      flags: withFlag(FLAG.authoritative, FLAG.recursive),
    })
    answers.expirationSeconds = header.expirationSeconds
    const out = Buffer.alloc(8192, 0xaa)
    if (body.kind === 'error') {
      // Words are the long way's.
      const end = answers.encodeResolutionRefusal(query, header.responseCode, { out, at: 3 })
      expect(out.subarray(3, end)).toEqual(encodeMessage({ ...mustDecode(response), body: { ...body, message: '' } }))
      return
    }
    if (body.kind !== 'handle-values') throw new Error(`a look-up is answered by ${body.kind}`)
    const end = answers.encodeResolutionAnswer(query, encodeValues(body.values), { out, at: 3 })
    expect(out.subarray(3, end)).toEqual(response)
  })
})

test.each(computedCases().filter(({ name }) => name.startsWith('value ')))('$name', ({ hex, dataHex, json }) => {
  // As in a list of one.
  const bytes = Buffer.concat([Buffer.of(0, 0, 0, 1), octetsOf(hex)])
  const reader = new ByteReader(bytes)
  const [value] = readValues(reader)
  expect(reader.decoded(value)).toMatchObject({ ok: true })
  const seconds = (time: string) => Date.parse(time) / 1000
  const isAbsolute = typeof json.ttl === 'string'
  expect(value).toEqual({
    index: json.index,
    timestampSeconds: seconds(json.timestamp),
    ttlType: isAbsolute ? ABSOLUTE_TTL : 0,
    ttl: isAbsolute ? seconds(json.ttl) : json.ttl,
    permissions: Number.parseInt(json.permissions ?? '1110', 2),
    type: json.type,
    data: new Uint8Array(octetsOf(dataHex)),
    references: json.references ?? [],
  })
  expect(encodeValues([value!])).toEqual(bytes)
})

describe('what is within', () => {
  test('every value of a known type is what its type says', () => {
    const values = open.flatMap((bytes) => {
      const { body } = mustDecode(bytes)
      return 'values' in body ? body.values : []
    })
    expect(values.length).toBeGreaterThan(60)
    for (const { type, data } of values) expect(decodeValueData(type, data)).toMatchObject({ ok: true })
    expect(new Set(values.map(({ type }) => type))).toContain('HS_SITE.PREFIX')
  })

  test('every site is one, with a key of its server', () => {
    const sites = open.flatMap((bytes) => {
      const { body } = mustDecode(bytes)
      return body.kind === 'site' ? [body.octets] : []
    })
    expect(sites.length).toBeGreaterThan(4)
    for (const octets of sites) {
      const site = decodeSite(octets)
      if (!site.ok) throw new Error(site.message)
      expect(decodePublicKey(site.value.servers[0]!.publicKey)).toMatchObject({ ok: true, value: { kind: 'rsa' } })
    }
  })

  test('every session is set up by Diffie-Hellman for AES', () => {
    const bodies = open.map((bytes) => mustDecode(bytes).body)
    const asked = bodies.flatMap((body) => (body.kind === 'session-request' ? [body.publicKey!] : []))
    const given = bodies.flatMap((body) => (body.kind === 'session-answer' ? [body.data] : []))
    expect([asked.length, given.length]).toEqual([given.length, asked.length])
    expect(given.length).toBeGreaterThan(4)
    for (const key of asked) expect(decodePublicKey(key)).toMatchObject({ ok: true, value: { kind: 'dh' } })
    for (const data of given) {
      const answer = decodeDiffieHellmanData(data)
      if (!answer.ok) throw new Error(answer.message)
      expect(answer.value.cipher).toBe(SESSION_CIPHER.aes)
      expect(decodePublicKey(answer.value.publicKey)).toMatchObject({ ok: true, value: { kind: 'dh' } })
    }
  })

  test('every answer to a challenge is of its kind', () => {
    const answers = open.flatMap((bytes) => {
      const { body } = mustDecode(bytes)
      return body.kind === 'challenge-answer' ? [body] : []
    })
    expect(new Set(answers.map(({ type }) => type))).toEqual(new Set(['HS_PUBKEY', 'HS_SECKEY']))
    for (const { type, answer } of answers) {
      if (type === 'HS_PUBKEY')
        expect(decodePublicKeyAnswer(answer)).toMatchObject({ ok: true, value: { algorithm: 'SHA-256' } })
      else
        expect(decodeSecretKeyAnswer(answer)).toMatchObject({
          ok: true,
          value: { code: 0x22, derivation: { iterations: 10_000, keyBits: 160 } },
        })
    }
  })
})

describe('the national SDK', () => {
  const named = (name: string) => {
    const found = capturedMessages().find((message) => message.name === `idsdk/${name}`)
    if (found === undefined) throw new Error(`no vector ${name}`)
    return found.bytes
  }
  const clientEnvelope = (requestId: number) => ({
    version: { major: 2, minor: 3 },
    suggestedVersion: { major: 2, minor: 10 },
    sessionId: 0,
    requestId,
  })
  const header = {
    responseCode: 0,
    opFlags: 0,
    siteSerial: UNKNOWN_SERIAL,
    recursionCount: 0,
    expirationSeconds: 1_795_475_420,
  }

  test('logs in with a key: the request, and the challenge that we would answer with', () => {
    const bytes = named('idsdk-login-key/request#1')
    const request: Message = {
      envelope: clientEnvelope(1_671_822_912),
      header: { ...header, opCode: OP.loginByKey, opFlags: FLAG.returnDigest },
      body: { kind: 'handle-index', handle: '88.100.1/ADMIN', index: 301 },
    }
    expect(mustDecode(bytes)).toEqual(request)
    const theirs = named('idsdk-login-key/response#1')
    const version = { major: 2, minor: 10 }
    const challenge: Message = {
      envelope: { version, suggestedVersion: version, sessionId: 101, requestId: 1_671_822_912 },
      header: { ...request.header, responseCode: RC.authenticationNeeded, siteSerial: 1 },
      requestDigest: requestDigest(bytes, version),
      body: { kind: 'challenge', nonce: theirs.subarray(-20, -4) },
    }
    expect(encodeMessage(challenge)).toEqual(theirs)
  })

  test('logs in with a password', () => {
    const request: Message = {
      envelope: clientEnvelope(1_114_835_504),
      header: { ...header, opCode: OP.loginByPassword },
      body: { kind: 'query', handle: 'user', indexes: [], types: ['pwd123'] },
    }
    expect(encodeMessage(request)).toEqual(named('idsdk-login-password/request#1'))
    expect(mustDecode(named('idsdk-login-password/response#1')).body).toEqual({
      kind: 'handle-index',
      handle: 'user',
      index: 0,
    })
  })

  test('looks up without any flag', () => {
    expect(mustDecode(named('idsdk-lookup-before-login/request#1'))).toEqual({
      envelope: clientEnvelope(1_144_836_576),
      header: { ...header, opCode: OP.resolve },
      body: { kind: 'query', handle: '88.100.1/pump-0001', indexes: [], types: [] },
    })
  })
})
