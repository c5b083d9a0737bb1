import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer } from '../../src/record/answer.js'
import { decodeAnswer, encodeAnswer, RecordCodecError } from '../../src/record/codec.js'
import { answer } from './arbitraries.js'
import { PUMP_FOUND } from './samples.js'

test('answers of every kind come back as they were', () => {
  fc.assert(
    fc.property(answer, (given) => {
      expect(decodeAnswer(encodeAnswer(given))).toEqual(given)
    }),
    { numRuns: 500 },
  )
})

const COMMON_FIELDS = { key: '88.118.8/a', prefix: '88.118.8', version: 2, tier: 'redis', stamp: 9 } as const

test.each<Answer>([
  PUMP_FOUND,
  { kind: 'withdrawn', ...COMMON_FIELDS, spelling: '88.118.8/A', withdrawnAtMs: 1_790_000_000_123, reason: 'scrapped' },
  { kind: 'absent', ...COMMON_FIELDS, version: 0 },
  { kind: 'referral', ...COMMON_FIELDS, service: { handle: '', sites: [Uint8Array.of(1, 2), new Uint8Array(0)] } },
  { kind: 'referral', ...COMMON_FIELDS, service: { handle: '88.118/service', sites: [] } },
])('$kind', (given) => {
  expect(decodeAnswer(encodeAnswer(given))).toEqual(given)
})

test('whatever tier an answer came from, its bytes give the tier they are kept in', () => {
  expect(decodeAnswer(encodeAnswer({ ...PUMP_FOUND, tier: 'registry' })).tier).toBe('redis')
})

test('a stale answer has no bytes: read back, it would pass for a fresh one', () => {
  const stale = { ...PUMP_FOUND, stale: { reason: 'authority-unavailable', asOfMs: 1 } } as const
  expect(() => encodeAnswer(stale)).toThrow(RecordCodecError)
})

test('what the record shares with the answer is written once', () => {
  const octets = Buffer.from(encodeAnswer(PUMP_FOUND)).toString('latin1')
  expect(octets.split(PUMP_FOUND.key)).toHaveLength(2)
  expect(octets.split('JXDY2106023')).toHaveLength(2)
})

test('bytes without an outcome are malformed', () => {
  expect(() => decodeAnswer(new Uint8Array(0))).toThrow(RecordCodecError)
})
