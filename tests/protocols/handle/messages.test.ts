import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EncodingError } from '../../../src/platform/byte-writer.js'
import type { BodyKind } from '../../../src/protocols/handle/codec-body.js'
import { layoutOf } from '../../../src/protocols/handle/codec-layouts.js'
import {
  decodeMessage,
  decodeOpened,
  encodeContent,
  encodeMessage,
  type Message,
  signedPartOf,
  withCredential,
} from '../../../src/protocols/handle/codec-message.js'
import { FLAG, OP, RC, UNKNOWN_SERIAL } from '../../../src/protocols/handle/codes.js'
import { bodyOf, credential, envelope, message } from './arbitraries.js'

const VERSION = { major: 2, minor: 11 }
const REQUEST: Message = {
  envelope: { version: VERSION, suggestedVersion: VERSION, sessionId: 0, requestId: 77 },
  header: {
    opCode: OP.resolve,
    responseCode: RC.none,
    opFlags: FLAG.publicOnly,
    siteSerial: UNKNOWN_SERIAL,
    recursionCount: 0,
    expirationSeconds: 1_795_475_420,
  },
  body: { kind: 'query', handle: '88.118.8/泵', indexes: [1, 2000], types: ['URL'] },
}

/** A code of operation and response that asks for each layout. */
const CODES: Readonly<Record<BodyKind, readonly [opCode: number, responseCode: number]>> = {
  handle: [OP.delete, RC.none],
  'handle-index': [OP.loginByKey, RC.none],
  'handle-values': [OP.create, RC.none],
  'handle-indexes': [OP.removeValues, RC.none],
  query: [OP.resolve, RC.none],
  'challenge-answer': [OP.answerChallenge, RC.none],
  'challenge-check': [OP.verifyChallenge, RC.none],
  'session-request': [OP.setUpSession, RC.none],
  'session-answer': [OP.setUpSession, RC.success],
  'session-key': [OP.exchangeSessionKey, RC.none],
  site: [OP.getSiteInfo, RC.success],
  handles: [OP.listHandles, RC.success],
  verified: [OP.verifyChallenge, RC.success],
  referral: [OP.resolve, RC.prefixReferral],
  challenge: [OP.create, RC.authenticationNeeded],
  error: [OP.create, RC.handleExists],
  empty: [OP.delete, RC.success],
  opaque: [OP.dumpHandles, RC.none],
}

test.each(Object.entries(CODES))('a body of layout %s comes back as it was', (kind, [opCode, responseCode]) => {
  const isChallenge = kind === 'challenge'
  const header = { ...REQUEST.header, opCode, responseCode, opFlags: isChallenge ? FLAG.returnDigest : 0 }
  const digested = isChallenge ? { requestDigest: { code: 3, octets: new Uint8Array(32) } } : {}
  fc.assert(
    fc.property(bodyOf(kind as BodyKind), (body) => {
      const given: Message = { ...REQUEST, header, ...digested, body }
      expect(decodeMessage(encodeMessage(given))).toEqual({ ok: true, value: given })
    }),
    { numRuns: 150 },
  )
})

test('messages of any operation, response, version, digest and credential come back as they were', () => {
  fc.assert(
    fc.property(message, (given) => {
      expect(decodeMessage(encodeMessage(given))).toEqual({ ok: true, value: given })
    }),
    { numRuns: 1500 },
  )
})

test('what is encrypted within a session is the same without the envelope', () => {
  fc.assert(
    fc.property(message, (given) => {
      const content = encodeContent(given)
      expect(content).toEqual(encodeMessage(given).subarray(20))
      expect(decodeOpened(given.envelope, content)).toEqual({ ok: true, value: given })
    }),
    { numRuns: 200 },
  )
})

test('a credential is put behind a message that is there already', () => {
  fc.assert(
    fc.property(message, credential, ({ credential: _none, ...given }, its) => {
      const bare = encodeMessage(given)
      expect(withCredential(bare, its)).toEqual(encodeMessage({ ...given, credential: its }))
      expect(signedPartOf(withCredential(bare, its))).toEqual(signedPartOf(bare))
    }),
    { numRuns: 200 },
  )
})

test('every cut of a message is a fault with a place and a reason, and with the envelope once that is there', () => {
  fc.assert(
    fc.property(message, (given) => {
      const bytes = encodeMessage(given)
      for (let length = 0; length < bytes.length; length += 1 + Math.floor(length / 40)) {
        const decoded = decodeMessage(bytes.subarray(0, length))
        if (decoded.ok) throw new Error(`a cut to ${length} octets is accepted`)
        expect(decoded.offset).toBeLessThanOrEqual(length)
        expect(decoded.message).toMatch(/\(octet \d+\)$/)
        if (length >= 20) expect(decoded.envelope?.requestId).toBe(given.envelope.requestId)
      }
    }),
    { numRuns: 200 },
  )
})

describe('a fault tells the request to answer, the field, the place and why', () => {
  const good = encodeMessage(REQUEST)
  const known = { envelope: { requestId: 77 }, header: { opCode: OP.resolve, responseCode: RC.none } }
  const changed = (at: number, hex: string) => {
    const bytes = Buffer.from(good)
    bytes.write(hex, at, 'hex')
    return bytes
  }
  const lengthened = (given: Buffer) => {
    const bytes = Buffer.from(given)
    bytes.writeUInt32BE(bytes.length - 20, 16)
    return bytes
  }

  test.each<[string, Buffer, object]>([
    ['no octets', Buffer.alloc(0), { reason: 'cut-off', offset: 0, field: 'version.major' }],
    ['half an envelope', good.subarray(0, 10), { reason: 'cut-off', offset: 8, field: 'requestId' }],
    [
      'an envelope alone',
      good.subarray(0, 20),
      { reason: 'cut-off', offset: 16, field: 'messageLength', envelope: { requestId: 77 } },
    ],
    [
      'a message that says it is longer',
      changed(16, '7fffffff'),
      { reason: 'cut-off', field: 'messageLength', ...known },
    ],
    ['a message that says it is shorter', changed(16, '00000030'), { reason: 'left-over', field: 'messageLength' }],
    [
      'half a header',
      lengthened(good.subarray(0, 30)),
      { reason: 'cut-off', offset: 28, field: 'opFlags', envelope: { requestId: 77 } },
    ],
    ['a compressed message', changed(2, '82'), { reason: 'bad-value', offset: 2, field: 'bits' }],
    ['a body of 2^32 - 1 octets', changed(40, 'ffffffff'), { reason: 'cut-off', offset: 44, field: 'body', ...known }],
    [
      'a body that ends within its handle',
      changed(40, '00000006'),
      { reason: 'cut-off', offset: 48, field: 'handle', ...known },
    ],
    [
      'a handle of 2^32 - 1 octets',
      changed(44, 'ffffffff'),
      { reason: 'cut-off', offset: 48, field: 'handle', ...known },
    ],
    ['a handle that is no UTF-8', changed(48, 'ff'), { reason: 'not-utf8', offset: 48, field: 'handle', ...known }],
    ['2^32 - 1 indexes', changed(60, 'ffffffff'), { reason: 'too-many', offset: 60, field: 'indexes', ...known }],
    ['2^30 types', changed(72, '40000000'), { reason: 'too-many', offset: 72, field: 'types', ...known }],
    [
      'a credential of 2^32 - 1 octets',
      changed(83, 'ffffffff'),
      { reason: 'cut-off', offset: 87, field: 'credential', ...known },
    ],
    [
      'a credential of two octets',
      lengthened(Buffer.concat([changed(83, '00000002'), Buffer.alloc(2)])),
      { reason: 'cut-off', offset: 89, field: 'credential.options', ...known },
    ],
  ])('%s', (_name, bytes, fault) => {
    expect(decodeMessage(bytes)).toMatchObject({ ok: false, ...fault })
  })

  test('a digest of no known kind', () => {
    const response = encodeMessage({
      ...REQUEST,
      header: { ...REQUEST.header, responseCode: RC.authenticationNeeded },
      requestDigest: { code: 1, octets: new Uint8Array(16) },
      body: { kind: 'challenge', nonce: new Uint8Array(16) },
    })
    response[44] = 9
    expect(decodeMessage(response)).toMatchObject({ ok: false, reason: 'bad-value', offset: 44, field: 'digest.code' })
  })
})

describe('what software in use does differently is read', () => {
  const withCode = (responseCode: number, body: Message['body']): Message => ({
    ...REQUEST,
    header: { ...REQUEST.header, responseCode },
    body,
  })
  const bodyCut = (given: Message, octets: number) => {
    const bytes = encodeMessage(given)
    const cut = Buffer.concat([bytes.subarray(0, bytes.length - 4 - octets), Buffer.alloc(4)])
    cut.writeUInt32BE(cut.length - 20, 16)
    cut.writeUInt32BE(cut.length - 48, 40)
    return cut
  }

  test('a message without even the length of a credential', () => {
    const bytes = Buffer.from(encodeMessage(REQUEST).subarray(0, -4))
    bytes.writeUInt32BE(bytes.length - 20, 16)
    expect(decodeMessage(bytes)).toEqual({ ok: true, value: REQUEST })
  })

  test('a session request without the two octets behind it', () => {
    const body = { kind: 'session-request', mode: 2, timeoutSeconds: 60, handle: '', index: 0 } as const
    const request = { ...REQUEST, header: { ...REQUEST.header, opCode: OP.setUpSession }, body }
    expect(decodeMessage(bodyCut(request, 2))).toEqual({ ok: true, value: request })
  })

  test('an error without even an empty text', () => {
    const error = withCode(RC.handleNotFound, { kind: 'error', message: '', indexes: [] })
    expect(decodeMessage(bodyCut(error, 4))).toEqual({ ok: true, value: error })
  })

  test('a creation that succeeded without the handle', () => {
    const created = {
      ...withCode(RC.success, { kind: 'empty' }),
      header: { ...REQUEST.header, opCode: OP.create, responseCode: RC.success },
    }
    expect(decodeMessage(encodeMessage(created as Message))).toEqual({ ok: true, value: created })
  })

  test('more octets behind a body’s last field', () => {
    const bytes = encodeMessage({
      ...REQUEST,
      body: { kind: 'opaque', octets: Buffer.from(`${'00'.repeat(12)}abcd`, 'hex') },
    })
    expect(decodeMessage(bytes)).toMatchObject({ ok: true, value: { body: { kind: 'query', handle: '', types: [] } } })
  })

  test('the values meant by an error, from version 3.0 on only', () => {
    const error = withCode(RC.valueExists, { kind: 'error', message: 'taken', indexes: [3, 4] })
    const version = { major: 3, minor: 0 }
    const later = { ...error, envelope: { ...error.envelope, version } }
    expect(decodeMessage(encodeMessage(later))).toEqual({ ok: true, value: later })
    expect(decodeMessage(encodeMessage(error))).toMatchObject({ value: { body: { message: 'taken', indexes: [] } } })
  })
})

describe('what nobody could read is not written', () => {
  test.each<[string, Message]>([
    [
      'a response that must return a digest and has none',
      {
        ...REQUEST,
        header: { ...REQUEST.header, responseCode: RC.authenticationNeeded },
        body: { kind: 'challenge', nonce: new Uint8Array(16) },
      },
    ],
    ['a digest that no flag announces', { ...REQUEST, requestDigest: { code: 1, octets: new Uint8Array(16) } }],
    [
      'a digest of the wrong length',
      {
        ...REQUEST,
        header: { ...REQUEST.header, responseCode: RC.success, opFlags: FLAG.returnDigest },
        requestDigest: { code: 1, octets: new Uint8Array(20) },
      },
    ],
    [
      'a session request without its key',
      { ...REQUEST, body: { kind: 'session-request', mode: 4, timeoutSeconds: 1, handle: '', index: 0 } },
    ],
    ['a number beyond its octets', { ...REQUEST, header: { ...REQUEST.header, siteSerial: 0x1_0000 } }],
    ['half a character', { ...REQUEST, body: { kind: 'handle', handle: '\ud83d' } }],
  ])('%s', (_name, given) => {
    expect(() => encodeMessage(given)).toThrow(EncodingError)
    expect(encodeMessage(REQUEST)).toHaveLength(87)
  })
})

test('an operation or response that is not known is carried all the same', () => {
  expect(layoutOf(601, RC.none, 4)).toBe('opaque')
  expect(layoutOf(OP.resolve, 605, 4)).toBe('error')
  expect(layoutOf(OP.resolve, RC.credentialVerificationFailed, 4)).toBe('error')
})

test('a suggested version of major 31 and a session id of all ones survive', () => {
  fc.assert(
    fc.property(envelope, fc.nat(31), (head, major) => {
      const given = { ...REQUEST, envelope: { ...head, suggestedVersion: { major, minor: 255 } } }
      expect(decodeMessage(encodeMessage(given))).toEqual({ ok: true, value: given })
    }),
  )
})
