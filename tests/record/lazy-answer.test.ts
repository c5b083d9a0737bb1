import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer } from '../../src/record/answer.js'
import {
  decodeAnswer,
  decodeValues,
  encodeAnswer,
  encodeValues,
  lazyAnswer,
  passValues,
  RecordCodecError,
} from '../../src/record/codec.js'
import { EncodedRecord } from '../../src/record/encoded-values.js'
import { answer, values } from './arbitraries.js'
import { PUMP, PUMP_FOUND } from './samples.js'

test('an answer read lazily says what one decoded at once says', () => {
  fc.assert(
    fc.property(answer, (given) => {
      const bytes = encodeAnswer(given)
      expect(inFull(lazyAnswer(bytes))).toEqual(decodeAnswer(bytes))
    }),
    { numRuns: 500 },
  )
})

test('read lazily and written again, the bytes are the same', () => {
  fc.assert(
    fc.property(answer, (given) => {
      const bytes = encodeAnswer(given)
      expect(encodeAnswer(lazyAnswer(bytes))).toEqual(bytes)
    }),
    { numRuns: 500 },
  )
})

test('a stored body becomes part of an answer without its values being decoded', () => {
  fc.assert(
    fc.property(values, (given) => {
      const encoded = passValues(encodeValues(given))!
      const { values: _, ...about } = PUMP
      const record = new EncodedRecord(about, encoded)
      const whole = { ...PUMP, values: decodeValues(encodeValues(given)) }
      expect(encodeAnswer({ ...PUMP_FOUND, record })).toEqual(encodeAnswer({ ...PUMP_FOUND, record: whole }))
      expect(record.values).toEqual(given)
    }),
    { numRuns: 500 },
  )
})

test('values are decoded once, and only when asked for', () => {
  const { record } = lazyAnswer(encodeAnswer(PUMP_FOUND)) as typeof PUMP_FOUND
  expect(record).toBeInstanceOf(EncodedRecord)
  expect(record.values).toBe(record.values)
})

test('values that do not stand together are decoded at once', () => {
  const bytes = Buffer.from(encodeAnswer({ ...PUMP_FOUND, record: { ...PUMP, values: PUMP.values.slice(0, 1) } }))
  // The record is the last field: one value more, after its times.
  const more = Buffer.from(encodeValues(PUMP.values.slice(1, 2)))
  more[0] = (6 << 3) | 2
  const at = bytes.indexOf((5 << 3) | 2, bytes.indexOf(PUMP.key) + PUMP.key.length)
  expect(bytes[at + 1]! + more.length).toBeLessThan(0x80)
  bytes[at + 1]! += more.length
  const apart = Buffer.concat([bytes, more])

  const read = lazyAnswer(apart) as typeof PUMP_FOUND
  expect(read.record).not.toBeInstanceOf(EncodedRecord)
  expect(read.record.values).toEqual(PUMP.values.slice(0, 2))
})

test('of two records in one message the last counts, as when decoded at once', () => {
  const one = Buffer.from(encodeAnswer(PUMP_FOUND))
  const other = Buffer.from(encodeAnswer({ ...PUMP_FOUND, record: { ...PUMP, values: PUMP.values.slice(0, 1) } }))
  const both = Buffer.concat([one, other])
  expect(inFull(lazyAnswer(both))).toEqual(decodeAnswer(both))
  expect(decodeAnswer(both)).toMatchObject({ record: { values: [{ index: 1 }] } })
})

test('bytes whose fields do not fit are malformed at once, what is wrong in a value when it is asked for', () => {
  expect(() => passValues(Uint8Array.of(0xff))).toThrow(RecordCodecError)
  expect(() => passValues(Uint8Array.of(0x0a, 5, 1))).toThrow(RecordCodecError)
  expect(passValues(Uint8Array.of(0x10, 5))).toBeUndefined()

  const { values: _, ...about } = PUMP
  const record = new EncodedRecord(about, passValues(Uint8Array.of(0x0a, 2, 0x08, 1))!)
  expect(() => record.values).toThrow(RecordCodecError)
})

test('whatever bytes come, an answer is read lazily or they are malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const decode = (read: (bytes: Uint8Array) => Answer) => {
        try {
          return inFull(read(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(RecordCodecError)
          return undefined
        }
      }
      expect(decode(lazyAnswer)).toEqual(decode(decodeAnswer))
    }),
    { numRuns: 3_000 },
  )
})

/** With the values decoded, as a plain object. */
function inFull(given: Answer): Answer {
  if (given.kind !== 'found') return given
  const { key, spelling, prefix, version, template, values, registeredAtMs, recordedAtMs } = given.record
  const { faces: _, ...plain } = given
  return {
    ...plain,
    record: { key, spelling, prefix, version, template, values, registeredAtMs, recordedAtMs },
  }
}
