/** Bytes that nobody should have written: they give an answer or a RecordCodecError, and nothing else. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAnswer, decodeValues, encodeAnswer, encodeValues, RecordCodecError } from '../../src/record/codec.js'
import { answer, values } from './arbitraries.js'
import { readVectors } from './read-vectors.js'
import { PUMP, PUMP_FOUND } from './samples.js'

describe('malformed bytes', () => {
  test.each(readVectors<{ name: string; hex: string }>('malformed-values.json'))('$name', ({ hex }) => {
    expect(() => decodeValues(Buffer.from(hex, 'hex'))).toThrow(RecordCodecError)
  })

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expectSoundOrRefused(() => decodeValues(bytes), encodeValues, decodeValues)
        expectSoundOrRefused(() => decodeAnswer(bytes), encodeAnswer, decodeAnswer)
      }),
      { numRuns: 2000 },
    )
  })

  test('values with octets changed, cut out or put in', () => {
    fc.assert(
      fc.property(values, mutation(), (list, mutate) => {
        const bytes = mutate(encodeValues(list))
        expectSoundOrRefused(() => decodeValues(bytes), encodeValues, decodeValues)
      }),
      { numRuns: 2000 },
    )
  })

  test('answers with octets changed, cut out or put in', () => {
    fc.assert(
      fc.property(answer, mutation(), (given, mutate) => {
        const bytes = mutate(encodeAnswer(given))
        expectSoundOrRefused(() => decodeAnswer(bytes), encodeAnswer, decodeAnswer)
      }),
      { numRuns: 2000 },
    )
  })

  test('every cut of a stored record is refused, or ends between two values', () => {
    const bytes = encodeValues(PUMP.values)
    const ends = PUMP.values.map((_, count) => encodeValues(PUMP.values.slice(0, count)).length)
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      if (ends.includes(length)) expect(decodeValues(cut)).toEqual(PUMP.values.slice(0, ends.indexOf(length)))
      else expect(() => decodeValues(cut)).toThrow(RecordCodecError)
    }
  })

  test('nothing beyond the bytes given is read', () => {
    const bytes = encodeValues(PUMP.values)
    const large = Buffer.concat([bytes, bytes])
    expect(() => decodeValues(large.subarray(0, bytes.length - 1))).toThrow(RecordCodecError)
  })
})

describe('fields of later versions', () => {
  const UNKNOWN = [
    ['a number', [0xf8, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['eight octets', [0xf9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['a text', [0xfa, 0x01, 3, 97, 98, 99]],
    ['four octets', [0xfd, 0x01, 1, 2, 3, 4]],
  ] as const

  test.each(UNKNOWN)('%s is passed over', (_name, field) => {
    const later = Buffer.from(field)
    expect(decodeValues(Buffer.concat([later, encodeValues(PUMP.values), later]))).toEqual(PUMP.values)
    expect(decodeAnswer(Buffer.concat([later, encodeAnswer(PUMP_FOUND), later]))).toEqual(PUMP_FOUND)
  })

  test.each(UNKNOWN)('%s within a value is passed over', (_name, field) => {
    const plain = Buffer.from(encodeValues([PUMP.values[0]!]))
    // The value's message begins after its tag and one octet of length.
    const body = Buffer.concat([Buffer.from(field), plain.subarray(2)])
    expect(decodeValues(Buffer.concat([Buffer.of(plain[0]!, body.length), body]))).toEqual([PUMP.values[0]])
  })

  test.each(UNKNOWN)('%s that is cut off is refused', (_name, field) => {
    expect(() => decodeValues(Buffer.from(field.slice(0, -1)))).toThrow(RecordCodecError)
  })
})

/** What could be read can be written, and reads the same again. */
function expectSoundOrRefused<Read>(
  decode: () => Read,
  encode: (read: Read) => Uint8Array,
  decodeAgain: (bytes: Uint8Array) => Read,
): void {
  let read: Read
  try {
    read = decode()
  } catch (error) {
    expect(error).toBeInstanceOf(RecordCodecError)
    return
  }
  expect(decodeAgain(encode(read))).toEqual(read)
}

function mutation(): fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const one = fc.record({ kind: fc.constantFrom('change', 'cut', 'insert'), place, octet: fc.nat(255) })
  return fc.array(one, { minLength: 1, maxLength: 4 }).map((steps) => (bytes) => {
    let mutated = [...bytes]
    for (const step of steps) {
      const at = Math.floor(step.place * (mutated.length + 1))
      if (step.kind === 'change' && at < mutated.length) mutated[at] = step.octet
      else if (step.kind === 'insert') mutated.splice(at, 0, step.octet)
      else if (step.kind === 'cut') mutated = [...mutated.slice(0, at), ...mutated.slice(at + 1 + (step.octet % 8))]
    }
    return Uint8Array.from(mutated)
  })
}
