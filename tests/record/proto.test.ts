/** The hand-written codec and proto/record.proto, read by protobufjs, must be one format, octet for octet. */
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../src/record/answer.js'
import { contentDigest, decodeAnswer, decodeValues, encodeAnswer, encodeValues } from '../../src/record/codec.js'
import type { Value } from '../../src/record/record.js'
import { answer, values } from './arbitraries.js'
import { readVectors } from './read-vectors.js'

const root = protobuf.loadSync(new URL('../../proto/record.proto', import.meta.url).pathname)
const storedValues = root.lookupType('jiexi.stored.StoredValues')
const storedAnswer = root.lookupType('jiexi.stored.StoredAnswer')

describe('the stored form', () => {
  test('of values is that of proto/record.proto', () => {
    fc.assert(
      fc.property(values, (list) => {
        const theirs = storedValues.encode({ values: list.map(storedValue) }).finish()
        expect(hex(encodeValues(list))).toBe(hex(theirs))
        expect(decodeValues(theirs)).toEqual(list)
      }),
    )
  })

  test('of answers is that of proto/record.proto', () => {
    fc.assert(
      fc.property(answer, (given) => {
        const theirs = storedAnswer.encode(answerMessage(given)).finish()
        expect(hex(encodeAnswer(given))).toBe(hex(theirs))
        expect(decodeAnswer(theirs)).toEqual(given)
      }),
    )
  })
})

interface Vector {
  readonly name: string
  readonly template: string
  readonly values: readonly (Omit<Value, 'data'> & { readonly text?: string; readonly octets?: string })[]
  readonly hex: string
  readonly sha256: string
}

describe('the vectors', () => {
  test.each(readVectors<Vector>('stored-values.json'))('$name', (vector) => {
    const list = vector.values.map(({ text, octets, ...rest }) => ({
      ...rest,
      data: text ?? new Uint8Array(Buffer.from(octets!, 'hex')),
    }))
    expect(hex(encodeValues(list))).toBe(vector.hex)
    expect(decodeValues(Buffer.from(vector.hex, 'hex'))).toEqual(list)
    expect(contentDigest(vector.template, list).toString('hex')).toBe(vector.sha256)
  })
})

/** protobufjs writes every member that is there, so those that proto3 leaves out must be missing. */
function withoutDefaults(message: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(message).filter(([, member]) => member !== 0 && member !== ''))
}

function storedValue({ data, references, ...rest }: Value): Record<string, unknown> {
  return {
    ...withoutDefaults({ ...rest }),
    ...(typeof data === 'string' ? { text: data } : { octets: data }),
    ...(references === undefined
      ? {}
      : { references: references.map((reference) => withoutDefaults({ ...reference })) }),
  }
}

function answerMessage(given: Answer): Record<string, unknown> {
  const { key, prefix, version, stamp } = given
  return { ...withoutDefaults({ key, prefix, version, stamp }), ...outcome(given) }
}

function outcome(given: Answer): Record<string, unknown> {
  switch (given.kind) {
    case 'absent':
      return { absent: {} }
    case 'referral':
      return { referral: { ...withoutDefaults({ handle: given.service.handle }), sites: given.service.sites } }
    case 'withdrawn': {
      const { withdrawnAtMs, reason } = given
      return {
        withdrawn: {
          ...different({ spelling: [given.spelling, given.key] }),
          ...withoutDefaults({ withdrawnAtMs, reason }),
        },
      }
    }
    case 'found': {
      const { record } = given
      const { template, registeredAtMs, recordedAtMs } = record
      const own = different({
        key: [record.key, given.key],
        spelling: [record.spelling, given.key],
        prefix: [record.prefix, given.prefix],
        version: [record.version, given.version],
      })
      const rest = withoutDefaults({ template, registeredAtMs, recordedAtMs })
      return { found: { ...own, ...rest, values: record.values.map(storedValue) } }
    }
  }
}

function different(pairs: Record<string, readonly [own: unknown, common: unknown]>): Record<string, unknown> {
  const own = Object.entries(pairs).filter(([, [value, common]]) => value !== common)
  return Object.fromEntries(own.map(([name, [value]]) => [name, value]))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
