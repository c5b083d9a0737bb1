import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../src/platform/byte-reader.js'
import { ByteWriter, EncodingError } from '../../src/platform/byte-writer.js'

type Field =
  | { readonly kind: 'int1' | 'int2' | 'int4'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'octets'; readonly value: Uint8Array }

const int = (kind: 'int1' | 'int2' | 'int4', max: number) =>
  fc.record({ kind: fc.constant(kind), value: fc.oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, max)) })
const field: fc.Arbitrary<Field> = fc.oneof(
  int('int1', 0xff),
  int('int2', 0xffff),
  int('int4', 0xffff_ffff),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'binary', maxLength: 60 }) }),
  fc.record({
    kind: fc.constant('octets' as const),
    value: fc.uint8Array({ maxLength: 60 }).map((octets) => new Uint8Array(octets)),
  }),
)

function written(fields: readonly Field[]): Buffer {
  const writer = new ByteWriter().begin()
  for (const { kind, value } of fields) {
    if (kind === 'text') writer.text('f', value)
    else if (kind === 'octets') writer.lengthAndOctets('f', value)
    else writer[kind]('f', value)
  }
  return writer.finish()
}

function read(reader: ByteReader, { kind }: Field): number | string | Uint8Array {
  if (kind === 'text') return reader.text('f')
  return kind === 'octets' ? reader.lengthAndOctets('f') : reader[kind]('f')
}

test('what is written is read again, wherever in a larger buffer it lies', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), fc.nat(9), (fields, before) => {
      const bytes = written(fields)
      const large = new Uint8Array(before + bytes.length + 5).fill(0xff)
      large.set(bytes, before)
      const reader = new ByteReader(large, before, before + bytes.length)
      expect(fields.map((one) => read(reader, one))).toEqual(fields.map(({ value }) => value))
      expect(reader.left).toBe(0)
      expect(reader.fault()).toBeUndefined()
    }),
  )
})

test('every cut of it is a fault that lies within what is left, and reading on gives nothing', () => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 8 }), fc.nat(), (fields, seed) => {
      const bytes = written(fields)
      const reader = new ByteReader(bytes.subarray(0, seed % bytes.length))
      for (const one of fields) read(reader, one)
      expect(reader.decoded('x')).toMatchObject({ ok: false, reason: 'cut-off', field: 'f' })
      expect(reader.fault()!.offset).toBeLessThanOrEqual(seed % bytes.length)
      expect([reader.int1('g'), reader.int4('g'), reader.text('g'), reader.count(0, 'g'), reader.peek()]).toEqual([
        0,
        0,
        '',
        0,
        -1,
      ])
      expect(reader.fault()!.field).toBe('f')
    }),
  )
})

describe('a fault says where and what', () => {
  test.each<[string, string, (reader: ByteReader) => void, object]>([
    ['a number that is cut', '0001', (reader) => reader.int4('port'), { reason: 'cut-off', offset: 0, field: 'port' }],
    [
      'a text longer than what is left',
      '00000003e6b3',
      (reader) => reader.text('name'),
      { reason: 'cut-off', offset: 4, field: 'name', message: 'name needs 3 octets and has 2 (octet 4)' },
    ],
    [
      'a length of 2^32 - 1',
      'ffffffff41',
      (reader) => reader.lengthAndOctets('name'),
      { reason: 'cut-off', offset: 4, message: 'name needs 4294967295 octets and has 1 (octet 4)' },
    ],
    [
      'a text that is no UTF-8',
      '00000002c328',
      (reader) => reader.text('name'),
      { reason: 'not-utf8', offset: 4, field: 'name' },
    ],
    [
      'more items than octets',
      '0000000400112233',
      (reader) => reader.count(2, 'items'),
      { reason: 'too-many', offset: 0 },
    ],
    [
      'a part longer than the whole',
      '0011',
      (reader) => reader.leave(reader.enter(3, 'body')),
      { reason: 'cut-off', offset: 0, field: 'body' },
    ],
    ['what should not be there', '0011', (reader) => reader.mustEnd('HS_X'), { reason: 'left-over', offset: 0 }],
  ])('%s', (_name, hex, readIt, fault) => {
    const reader = new ByteReader(Buffer.from(hex, 'hex'))
    readIt(reader)
    expect(reader.fault()).toMatchObject(fault)
  })

  test('the first of several stays', () => {
    const reader = new ByteReader(Buffer.alloc(1))
    reader.int4('first')
    reader.int4('second')
    reader.fail('bad-value', { offset: 0, field: 'third', message: 'wrong' })
    expect(reader.fault()!.field).toBe('first')
  })
})

test('a part is read to its end and no further, and what is left of it is passed over', () => {
  const reader = new ByteReader(Buffer.from('0102030405', 'hex'))
  const outerEnd = reader.enter(3, 'part')
  reader.int1('a')
  expect(reader.left).toBe(2)
  reader.leave(outerEnd)
  expect(reader.int1('after')).toBe(4)
})

test('octets read are a copy', () => {
  const bytes = Buffer.from('0000000101', 'hex')
  const octets = new ByteReader(bytes).lengthAndOctets('a')
  bytes.fill(0xff)
  expect(octets).toEqual(Uint8Array.of(1))
})

describe('what has no octets is refused', () => {
  test.each<[string, (writer: ByteWriter) => void]>([
    ['a number beyond one octet', (writer) => writer.int1('n', 256)],
    ['a number beyond two', (writer) => writer.int2('n', 0x1_0000)],
    ['a number beyond four', (writer) => writer.int4('n', 2 ** 32)],
    ['a negative number', (writer) => writer.int4('n', -1)],
    ['a broken number', (writer) => writer.int1('n', 1.5)],
    ['what is no number', (writer) => writer.int4('n', Number.NaN)],
    ['half a character', (writer) => writer.text('n', 'a\ud83d')],
  ])('%s', (_name, write) => {
    const writer = new ByteWriter().begin()
    expect(() => write(writer)).toThrow(EncodingError)
    expect(() => write(writer)).toThrow(/^n: /)
    writer.begin().int1('n', 7)
    expect(writer.finish()).toEqual(Buffer.of(7))
  })
})

test('a length that is known only afterwards is filled in', () => {
  const writer = new ByteWriter().begin()
  const start = writer.open()
  writer.octets(new Uint8Array(5000))
  writer.close(start)
  expect(writer.length).toBe(5004)
  expect(writer.finish().readUInt32BE(0)).toBe(5000)
})
