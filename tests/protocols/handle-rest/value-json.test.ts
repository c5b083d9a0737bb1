/** Values as JSON: as another program writes them, and back. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src/platform/byte-reader.js'
import { readValues } from '../../../src/protocols/handle/codec-value.js'
import { dataJson, octetsOfData } from '../../../src/protocols/handle-rest/codec-data-json.js'
import { publicKeyJson } from '../../../src/protocols/handle-rest/codec-site-json.js'
import { valueJson, valuesOfBody } from '../../../src/protocols/handle-rest/codec-value-json.js'
import { FaultList } from '../../../src/record/faults.js'
import type { Value } from '../../../src/record/record.js'
import { encodeAdmin } from '../../../src/record/value-types/hs-admin.js'
import { encodePublicKey } from '../../../src/record/value-types/hs-pubkey.js'
import { encodeSite } from '../../../src/record/value-types/hs-site.js'
import { encodeValueList } from '../../../src/record/value-types/hs-vlist.js'
import { recordData } from '../../../src/record/value-types/value-types.js'
import { values as recordValues } from '../../record/arbitraries.js'
import { admin, octets, publicKey, references, site } from '../../record/value-types/arbitraries.js'
import { computedCase, octetsOf } from '../../support/handle-vectors.js'

/** A value of the wire with what the record would have of it, and its end where it has one. */
function readVector(hex: unknown): Value & { readonly endsAtSeconds?: number } {
  const reader = new ByteReader(Buffer.concat([Buffer.of(0, 0, 0, 1), octetsOf(hex)]))
  const [read] = readValues(reader)
  if (read === undefined || reader.fault() !== undefined) throw new Error('not a value')
  const { index, type, data, ttlType, ttl, permissions, timestampSeconds } = read
  const ending = ttlType === 1 ? { endsAtSeconds: ttl } : {}
  return {
    ...{ index, type, data: recordData(type, data), ttlSeconds: ttl, permissions, timestampSeconds },
    references: read.references,
    ...ending,
  }
}

function readBody(body: unknown) {
  const faults = new FaultList()
  const values = valuesOfBody(body, faults)
  return { values, faults: faults.list() }
}

describe('as the reference library writes it, character for character', () => {
  test.each(['value 100 HS_ADMIN', 'value 101 HS_ADMIN', 'value 200 HS_VLIST', 'value 4 URL', 'value 6 BIN'])(
    '%s',
    (name) => {
      const { hex, json } = computedCase(name)
      expect(JSON.stringify(valueJson(readVector(hex)))).toBe(JSON.stringify(json))
    },
  )

  test('a site of two servers, one with an IPv6 address', () => {
    const { hex, json } = computedCase('HS_SITE two servers, IPv6, by prefix')
    const written = dataJson({ type: 'HS_SITE', data: octetsOf(hex) })
    expect(written.format).toBe('site')
    expect(JSON.stringify(written.value)).toBe(JSON.stringify(json))
  })

  test.each(['HS_PUBKEY RSA', 'HS_PUBKEY DSA'])('%s', (name) => {
    const { hex, json } = computedCase(name)
    const written = dataJson({ type: 'HS_PUBKEY', data: octetsOf(hex) })
    expect(written.format).toBe('key')
    expect(JSON.stringify(written.value)).toBe(JSON.stringify(json))
    expect(publicKeyJson(octetsOf(hex))).toEqual(written)
  })
})

describe('what the reference library writes is read as the same octets', () => {
  test.each(['value 100 HS_ADMIN', 'value 101 HS_ADMIN', 'value 200 HS_VLIST', 'value 4 URL', 'value 6 BIN'])(
    '%s',
    (name) => {
      const { hex, json, dataHex } = computedCase(name)
      const { values, faults } = readBody(json)
      expect(faults).toEqual([])
      const { index, type, permissions, ttl, references } = readVector(hex) as Value & { ttl?: number }
      expect(ttl).toBeUndefined()
      expect(values).toEqual([
        expect.objectContaining({ index, type, permissions, references, data: expect.anything() }),
      ])
      expect(Buffer.from(values[0]!.data)).toEqual(octetsOf(dataHex))
    },
  )

  test.each([
    ['HS_SITE two servers, IPv6, by prefix', 'site'],
    ['HS_PUBKEY RSA', 'key'],
    ['HS_PUBKEY DSA', 'key'],
  ])('%s', (name, format) => {
    const { hex, json } = computedCase(name)
    const faults = new FaultList()
    expect(octetsOfData({ format, value: json }, 'data', faults)).toEqual(octetsOf(hex))
    expect(faults.isEmpty).toBe(true)
  })

  test('a value that ends at a time', () => {
    const { json } = computedCase('value 4 URL')
    expect(readBody([json]).values[0]).toMatchObject({ ttlType: 1, ttl: 1_893_456_000 })
  })
})

describe('any value', () => {
  test('comes back octet for octet, whatever it holds', () => {
    fc.assert(
      fc.property(recordValues, (values) => {
        const written = JSON.parse(JSON.stringify(values.map(valueJson)))
        const sound = values.filter(({ type, data }) => type !== '' && data.length < 10_000)
        const { values: back } = readBody({ values: written })
        for (const { index, type, data, ttlSeconds, permissions, references = [] } of sound) {
          const one = back.find((value) => value.index === index)
          expect(one).toMatchObject({ type, ttl: ttlSeconds, ttlType: 0, permissions, references })
          expect(Buffer.from(one!.data)).toEqual(Buffer.from(data as string))
        }
      }),
      { numRuns: 300 },
    )
  })

  const structured = fc.oneof(
    admin.map((one) => ['HS_ADMIN', encodeAdmin({ ...one, hasTail: false })] as const),
    references.map((list) => ['HS_VLIST', encodeValueList(list)] as const),
    publicKey.map((key) => ['HS_PUBKEY', encodePublicKey({ ...key, flags: 0 })] as const),
    site.map(
      (one) => ['HS_SITE', encodeSite({ ...one, flags: one.flags & 0xc0, hashOption: one.hashOption % 3 })] as const,
    ),
    octets().map((any) => ['HS_SECKEY', any] as const),
    octets().map((any) => ['HS_ADMIN', any] as const),
  )

  test('with a structure comes back with what it means', () => {
    let structures = 0
    fc.assert(
      fc.property(structured, ([type, data]) => {
        const written = JSON.parse(JSON.stringify(dataJson({ type, data })))
        if (!['string', 'base64'].includes(written.format)) structures++
        const faults = new FaultList()
        const back = octetsOfData(written, 'data', faults)
        // Numbers of a key may have had needless zeros in front, interfaces other bits and ports than exist.
        if (written.format !== 'key' && written.format !== 'site') expect(Buffer.from(back!)).toEqual(Buffer.from(data))
        if (back !== undefined) expect(dataJson({ type, data: back })).toEqual(written)
        else expect(written.format === 'site' || written.format === 'key').toBe(true)
      }),
      { numRuns: 1000 },
    )
    expect(structures).toBeGreaterThan(400)
  })
})

describe('what clients write', () => {
  test.each<[string, unknown, string]>([
    ['a bare text', 'https://x.example/', '68747470733a2f2f782e6578616d706c652f'],
    ['hexadecimal', { format: 'hex', value: '00fF' }, '00ff'],
    ['base64 without padding', { format: 'base64', value: 'AAEC_w' }, '000102ff'],
    [
      'all rights',
      { format: 'admin', value: { handle: 'a/b', index: 1, permissions: '*' } },
      '0fff00000003612f6200000001',
    ],
    [
      'few digits of rights',
      { format: 'admin', value: { handle: 'a/b', index: 1, permissions: '101' } },
      '000500000003612f6200000001',
    ],
  ])('%s', (_name, data, hex) => {
    const { values, faults } = readBody([{ index: 1, type: 'X', data }])
    expect(faults).toEqual([])
    expect(Buffer.from(values[0]!.data).toString('hex')).toBe(hex)
  })

  test('is taken as an array, as an object with values, and as one value', () => {
    const value = { index: 1, type: 'URL', data: 'x' }
    for (const body of [[value], { values: [value], other: 1 }, value]) {
      expect(readBody(body)).toMatchObject({ faults: [], values: [{ index: 1, ttl: 86_400, permissions: 14 }] })
    }
  })

  test('as permissions means what it says', () => {
    expect(readBody([{ index: 1, type: 'URL', data: 'x', permissions: '0110' }]).values[0]!.permissions).toBe(6)
  })

  test.each<[string, unknown, string]>([
    ['nothing', null, 'values'],
    ['a text', 'x', 'values'],
    ['no object', [1], 'values[0]'],
    ['no index', [{ type: 'URL', data: 'x' }], 'values[0].index'],
    ['index 0', [{ index: 0, type: 'URL', data: 'x' }], 'values[0].index'],
    ['half an index', [{ index: 1.5, type: 'URL', data: 'x' }], 'values[0].index'],
    ['no type', [{ index: 1, data: 'x' }], 'values[0].type'],
    ['no data', [{ index: 1, type: 'URL' }], 'values[0].data'],
    ['an unknown format', [{ index: 1, type: 'URL', data: { format: 'xml', value: 'x' } }], 'values[0].data.format'],
    ['broken base64', [{ index: 1, type: 'URL', data: { format: 'base64', value: '%' } }], 'values[0].data.value'],
    ['half an octet', [{ index: 1, type: 'URL', data: { format: 'hex', value: 'abc' } }], 'values[0].data.value'],
    ['five digits', [{ index: 1, type: 'URL', data: 'x', permissions: '11100' }], 'values[0].permissions'],
    ['a negative time to live', [{ index: 1, type: 'URL', data: 'x', ttl: -1 }], 'values[0].ttl'],
    ['a time that is none', [{ index: 1, type: 'URL', data: 'x', ttl: 'soon' }], 'values[0].ttl'],
    ['half a character', [{ index: 1, type: 'URL', data: '\ud800' }], 'values[0].data'],
    [
      'an admin of nobody',
      [{ index: 1, type: 'HS_ADMIN', data: { format: 'admin', value: { permissions: '1' } } }],
      'values[0].data.value.handle',
    ],
    [
      'a key of no kind',
      [{ index: 1, type: 'HS_PUBKEY', data: { format: 'key', value: { kty: 'EC' } } }],
      'values[0].data.value.kty',
    ],
    [
      'an address of no server',
      [{ index: 1, type: 'HS_SITE', data: { format: 'site', value: { servers: [{ serverId: 1, address: 'x' }] } } }],
      'values[0].data.value.servers[0].address',
    ],
    ['references that are no list', [{ index: 1, type: 'URL', data: 'x', references: 1 }], 'values[0].references'],
    ['too much', [{ index: 1, type: 'URL', data: 'x'.repeat(70_000) }], 'values[0].data'],
  ])('is refused with its place: %s', (_name, body, field) => {
    expect(readBody(body).faults.map((fault) => fault.field)).toContain(field)
  })

  test('of any kind is values or faults, and never an exception', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.jsonValue(),
        fc.constantFrom('admin', 'vlist', 'site', 'key', 'hex'),
        (any, value, format) => {
          readBody(any)
          readBody([{ index: 1, type: 'X', data: { format, value }, references: any, ttl: any }])
        },
      ),
      { numRuns: 500 },
    )
  })
})
