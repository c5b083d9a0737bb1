/** The short way for look-ups says what the long way says, or leaves it to it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { suggestionOf } from '../../../src/protocols/handle/codec-envelope.js'
import {
  answerEnvelope,
  decodeMessage,
  encodeMessage,
  type Message,
} from '../../../src/protocols/handle/codec-message.js'
import { encodeRecordValues, handleValuesOf } from '../../../src/protocols/handle/codec-record.js'
import { PlainAnswers, PlainQuery } from '../../../src/protocols/handle/codec-resolution.js'
import { answerVersion, isOlder, responseCodeFor } from '../../../src/protocols/handle/codec-version.js'
import { FLAG, hasFlag, OP, RC, withFlag } from '../../../src/protocols/handle/codes.js'
import { PUMP } from '../../record/samples.js'
import { text, uint16, uint32 } from '../../record/value-types/arbitraries.js'
import { credential, envelope } from './arbitraries.js'

const OWN = { major: 2, minor: 11 }
const VALUES = encodeRecordValues(PUMP.values)

const query: fc.Arbitrary<Message> = fc
  .record({
    envelope,
    header: fc.record({
      opCode: fc.constant(OP.resolve),
      responseCode: fc.constant(RC.none),
      opFlags: fc.oneof(uint32, fc.constantFrom(0, 0x1900_0000)),
      siteSerial: uint16,
      recursionCount: fc.nat(255),
      expirationSeconds: uint32,
    }),
    body: fc.record({
      kind: fc.constant('query' as const),
      handle: text,
      indexes: fc.array(uint32, { maxLength: 3 }),
      types: fc.array(text, { maxLength: 3 }),
    }),
  })
  .chain((message) =>
    fc.option(credential, { nil: undefined, freq: 9 }).map((its) => (its ? { ...message, credential: its } : message)),
  )

function isPlain({ header, credential: its }: Message): boolean {
  return its === undefined && !hasFlag(header.opFlags, FLAG.certify | FLAG.encrypt | FLAG.returnDigest)
}

test('a plain query is read as the long way reads it, and no other is taken for one', () => {
  const plain = new PlainQuery()
  fc.assert(
    fc.property(query, fc.nat(30), (message, before) => {
      const bytes = encodeMessage(message)
      const large = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(7, 0xff)])
      const isRead = plain.read(large, before, before + bytes.length)
      expect(isRead).toBe(isPlain(message))
      if (!isRead || message.body.kind !== 'query') return
      const { handle, indexes, types } = message.body
      expect({ handle: plain.handle, indexes: plain.indexes, types: plain.types }).toEqual({ handle, indexes, types })
      expect(plain.suggested).toEqual(suggestionOf(message.envelope))
      expect([plain.opFlags, plain.siteSerial]).toEqual([message.header.opFlags, message.header.siteSerial])
    }),
    { numRuns: 1000 },
  )
})

test('whatever is changed in a query’s octets: what the short way reads, the long way reads the same', () => {
  const plain = new PlainQuery()
  let read = 0
  fc.assert(
    fc.property(query.filter(isPlain), fc.nat(150), fc.nat(255), (message, where, octet) => {
      const bytes = encodeMessage(message)
      bytes[where % bytes.length] = octet
      if (!plain.read(bytes, 0, bytes.length)) return
      read++
      const decoded = decodeMessage(bytes)
      if (!decoded.ok) throw new Error(decoded.message)
      expect(decoded.value.body).toEqual({
        kind: 'query',
        handle: plain.handle,
        indexes: plain.indexes,
        types: plain.types,
      })
    }),
    { numRuns: 2000 },
  )
  expect(read).toBeGreaterThan(100)
})

test('no cut of a query is read', () => {
  const bytes = encodeMessage({
    envelope: { version: OWN, suggestedVersion: OWN, sessionId: 0, requestId: 1 },
    header: {
      opCode: OP.resolve,
      responseCode: RC.none,
      opFlags: 0,
      siteSerial: 1,
      recursionCount: 0,
      expirationSeconds: 0,
    },
    body: { kind: 'query', handle: '88.1/a', indexes: [1], types: ['URL'] },
  })
  const plain = new PlainQuery()
  expect(plain.read(bytes, 0, bytes.length)).toBe(true)
  for (let end = 0; end < bytes.length; end++) {
    expect(plain.read(bytes, 0, end)).toBe(false)
    expect(plain.read(bytes.subarray(0, end), 0, bytes.length)).toBe(false)
  }
})

describe('an answer', () => {
  const answers = new PlainAnswers({ version: OWN, siteSerial: 3, flags: FLAG.authoritative })
  answers.expirationSeconds = 1_795_475_420
  const out = Buffer.alloc(4096)

  const theLongWay = (message: Message, responseCode: number, body: Message['body']): Buffer => {
    const envelope = answerEnvelope(message.envelope, OWN)
    return encodeMessage({
      envelope,
      header: {
        ...message.header,
        opFlags: withFlag(message.header.opFlags, FLAG.authoritative),
        responseCode: responseCodeFor(envelope.version, responseCode),
        siteSerial: 3,
        recursionCount: 0,
        expirationSeconds: answers.expirationSeconds,
      },
      body,
    })
  }

  test('has the octets that the long way gives, wherever it is put', () => {
    fc.assert(
      fc.property(query.filter(isPlain), fc.nat(100), (message, at) => {
        const bytes = encodeMessage(message)
        const plain = new PlainQuery()
        expect(plain.read(bytes, 0, bytes.length)).toBe(true)
        const end = answers.encodeResolutionAnswer(plain, VALUES, { out, at })
        const handle = message.body.kind === 'query' ? message.body.handle : ''
        const body = { kind: 'handle-values' as const, handle, values: handleValuesOf(PUMP.values) }
        expect(out.subarray(at, end)).toEqual(theLongWay(message, RC.success, body))
      }),
      { numRuns: 300 },
    )
  })

  test.each([RC.handleNotFound, RC.valuesNotFound, RC.tooBusy, RC.serverBackup, RC.invalidValue])(
    'of code %i likewise',
    (code) => {
      fc.assert(
        fc.property(query.filter(isPlain), (message) => {
          const bytes = encodeMessage(message)
          const plain = new PlainQuery()
          expect(plain.read(bytes, 0, bytes.length)).toBe(true)
          const end = answers.encodeResolutionRefusal(plain, code, { out, at: 5 })
          expect(out.subarray(5, end)).toEqual(theLongWay(message, code, { kind: 'error', message: '', indexes: [] }))
        }),
        { numRuns: 50 },
      )
    },
  )

  test('without room is not begun', () => {
    const bytes = encodeMessage({
      envelope: { version: OWN, suggestedVersion: OWN, sessionId: 0, requestId: 1 },
      header: {
        opCode: OP.resolve,
        responseCode: RC.none,
        opFlags: 0,
        siteSerial: 1,
        recursionCount: 0,
        expirationSeconds: 0,
      },
      body: { kind: 'query', handle: '88.1/a', indexes: [], types: [] },
    })
    const plain = new PlainQuery()
    plain.read(bytes, 0, bytes.length)
    const needed = answers.encodeResolutionAnswer(plain, VALUES, { out, at: 0 })
    const small = Buffer.alloc(needed - 1, 0xaa)
    expect(answers.encodeResolutionAnswer(plain, VALUES, { out: small, at: 0 })).toBe(-1)
    expect(answers.encodeResolutionAnswer(plain, VALUES, { out, at: out.length - needed + 1 })).toBe(-1)
    expect(answers.encodeResolutionRefusal(plain, RC.handleNotFound, { out: small.subarray(0, 51), at: 0 })).toBe(-1)
    expect(small.every((octet) => octet === 0xaa)).toBe(true)
  })
})

describe('versions', () => {
  const version = (text: string) => {
    const [major, minor] = text.split('.').map(Number)
    return { major: major!, minor: minor! }
  }

  // As observed of a server that speaks 2.11.
  test.each([
    ['2.11', '2.11'],
    ['3.0', '2.11'],
    ['9.9', '2.11'],
    ['2.3', '2.3'],
    ['2.1', '2.1'],
    ['2.0', '2.0'],
    ['1.0', '1.0'],
    ['5.3', '5.3'],
  ])('a request that suggests %s is answered in %s', (suggested, answered) => {
    expect(answerVersion(version(suggested), OWN)).toEqual(version(answered))
  })

  test('5.x is older than any 2.x', () => {
    expect(isOlder(version('5.9'), version('2.0'))).toBe(true)
    expect(isOlder(version('2.0'), version('5.9'))).toBe(false)
    expect(isOlder(version('5.1'), version('5.9'))).toBe(true)
  })

  test('clients before 2.5 are told two codes in other words', () => {
    expect(
      [RC.serverBackup, RC.invalidValue, RC.handleNotFound].map((code) => responseCodeFor(version('2.4'), code)),
    ).toEqual([303, 201, 100])
    expect([RC.serverBackup, RC.invalidValue].map((code) => responseCodeFor(version('2.5'), code))).toEqual([7, 202])
  })
})
