import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EncodingError } from '../../../src/platform/byte-writer.js'
import { addressOctets, addressText } from '../../../src/record/value-types/address.js'
import { decodeAdmin, encodeAdmin } from '../../../src/record/value-types/hs-admin.js'
import { decodePublicKey, encodePublicKey, magnitude, withSign } from '../../../src/record/value-types/hs-pubkey.js'
import { decodeSite, encodeSite } from '../../../src/record/value-types/hs-site.js'
import { decodeValueList, encodeValueList } from '../../../src/record/value-types/hs-vlist.js'
import {
  decodeValueData,
  encodeValueData,
  recordData,
  structureOf,
} from '../../../src/record/value-types/value-types.js'
import { admin, octets, publicKey, references, site } from './arbitraries.js'

test.each<[string, fc.Arbitrary<never>, (value: never) => Uint8Array, (octets: Uint8Array) => unknown]>([
  ['HS_ADMIN', admin as never, encodeAdmin, decodeAdmin],
  ['HS_VLIST', references as never, encodeValueList, decodeValueList],
  ['HS_SITE', site as never, encodeSite, decodeSite],
  ['HS_PUBKEY', publicKey as never, encodePublicKey, decodePublicKey],
])('%s comes back as it was', (_type, arbitrary, encode, decode) => {
  fc.assert(
    fc.property(arbitrary, (value) => {
      expect(decode(encode(value))).toEqual({ ok: true, value })
    }),
    { numRuns: 300 },
  )
})

describe('every cut is a fault of the octets, none of them an exception', () => {
  test.each<[string, Uint8Array, (octets: Uint8Array) => { readonly ok: boolean }]>([
    ['HS_ADMIN', encodeAdmin({ permissions: 0xfff, handle: '0.NA/88.1', index: 200, hasTail: false }), decodeAdmin],
    ['HS_VLIST', encodeValueList([{ handle: '0.NA/88.1', index: 300 }]), decodeValueList],
    ['HS_PUBKEY', encodePublicKey({ kind: 'ed25519', flags: 0, point: new Uint8Array(32) }), decodePublicKey],
    [
      'HS_SITE',
      encodeSite({
        format: 1,
        protocolVersion: { major: 2, minor: 11 },
        serial: 1,
        flags: 0x80,
        hashOption: 2,
        hashFilter: '',
        attributes: [{ name: 'desc', value: 'pumps' }],
        servers: [
          {
            id: 1,
            address: '2001:db8::1',
            publicKey: new Uint8Array(3),
            interfaces: [{ type: 3, transport: 1, port: 1304 }],
          },
        ],
      }),
      decodeSite,
    ],
  ])('%s', (_type, whole, decode) => {
    expect(decode(whole).ok).toBe(true)
    for (let length = 0; length < whole.length; length++) expect(decode(whole.subarray(0, length)).ok).toBe(false)
  })
})

test('a count that the octets can’t hold makes no room for it', () => {
  expect(decodeValueList(Buffer.from('ffffffff', 'hex'))).toMatchObject({ ok: false, reason: 'too-many', offset: 0 })
})

describe('HS_ADMIN', () => {
  const plain = { permissions: 0x7f3, handle: '0.NA/88.1', index: 300 }

  test('of old software has two octets 0 behind it', () => {
    const old = encodeAdmin({ ...plain, hasTail: true })
    expect(old).toEqual(Buffer.concat([encodeAdmin({ ...plain, hasTail: false }), Buffer.of(0, 0)]))
    expect(decodeAdmin(old)).toEqual({ ok: true, value: { ...plain, hasTail: true } })
  })

  test.each(['01', '0001', '000000'])('with %s behind it is refused', (tail) => {
    const octets = Buffer.concat([encodeAdmin({ ...plain, hasTail: false }), Buffer.from(tail, 'hex')])
    expect(decodeAdmin(octets)).toMatchObject({ ok: false, reason: 'left-over' })
  })
})

describe('HS_PUBKEY', () => {
  test('an RSA key without the empty text behind its numbers is read too', () => {
    const key = { kind: 'rsa' as const, flags: 0, exponent: Uint8Array.of(3), modulus: Uint8Array.of(0, 0x8f) }
    expect(decodePublicKey(encodePublicKey(key).subarray(0, -4))).toEqual({ ok: true, value: key })
  })

  test('an Ed25519 key has 32 octets', () => {
    const short = encodePublicKey({ kind: 'ed25519', flags: 0, point: new Uint8Array(31) })
    expect(decodePublicKey(short)).toMatchObject({ ok: false, reason: 'bad-value', field: 'point' })
  })

  test('numbers have a sign octet where they would look negative, and none more', () => {
    expect(withSign(Uint8Array.of(0x80))).toEqual(Uint8Array.of(0, 0x80))
    expect(withSign(Uint8Array.of(0, 0, 0x7f))).toEqual(Uint8Array.of(0x7f))
    expect(withSign(new Uint8Array(0))).toEqual(Uint8Array.of(0))
    expect(magnitude(Uint8Array.of(0, 0, 1, 0))).toEqual(Uint8Array.of(1, 0))
  })
})

describe('HS_SITE', () => {
  test('of a later format may have more behind its servers', () => {
    const site = decodeSite(
      Buffer.concat([Buffer.from('0001020b000180020000000000000000', 'hex'), Buffer.alloc(4), Buffer.from('more')]),
    )
    expect(site).toMatchObject({ ok: true, value: { format: 1, serial: 1, servers: [] } })
  })

  test.each([
    ['192.0.2.1', '000000000000000000000000c0000201'],
    ['0.0.0.0', '00000000000000000000000000000000'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['2001:0:0:1::1', '20010000000000010000000000000001'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['::1:0:0:0', '00000000000000000001000000000000'],
    ['1::', '00010000000000000000000000000000'],
    ['::ffff:102:304', '00000000000000000000ffff01020304'],
  ])('has the address %s as %s', (address, hex) => {
    expect(Buffer.from(addressOctets(address)).toString('hex')).toBe(hex)
    expect(addressText(Buffer.from(hex, 'hex'))).toBe(address)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    'host.example',
    ':::',
    '1::2::3',
    '::1',
    '::1.2.3.4',
    '[::2]',
    'fe80::1%eth0',
  ])('has no octets for %s', (address) => {
    expect(() => addressOctets(address)).toThrow(EncodingError)
  })
})

describe('the data of a value, by its type', () => {
  test.each([
    ['HS_ADMIN', 'admin'],
    ['hs_site', 'site'],
    ['HS_SITE.6', 'site'],
    ['HS_SITE.PREFIX', 'site'],
    ['HS_SITEX', undefined],
    ['HS_VLIST', 'list'],
    ['HS_PUBKEY', 'public-key'],
    ['HS_SECKEY', 'secret'],
    ['HS_SERV', 'text'],
    ['HS_SERV.PREFIX', 'text'],
    ['HS_NAMESPACE', 'text'],
    ['HS_SIGNATURE', 'text'],
    ['URL', undefined],
    ['HS_toString', undefined],
    ['', undefined],
  ])('%s is of structure %s', (type, structure) => {
    expect(structureOf(type)).toBe(structure)
  })

  test.each<[string, string, object]>([
    ['HS_SERV', '302e4e412f3838', { kind: 'text', text: '0.NA/88' }],
    ['HS_SECKEY', '736563726574', { kind: 'secret', octets: Buffer.from('secret') }],
    ['URL', '68747470', { kind: 'text', text: 'http' }],
    ['BIN', '000102ff', { kind: 'octets', octets: Buffer.from('000102ff', 'hex') }],
    ['BIN', '0001', { kind: 'octets', octets: Buffer.from('0001', 'hex') }],
  ])('of type %s, %s is read', (type, hex, data) => {
    const bytes = Buffer.from(hex, 'hex')
    expect(decodeValueData(type, bytes)).toEqual({ ok: true, value: data })
    expect(Buffer.from(encodeValueData(data as never))).toEqual(bytes)
  })

  test('text that must be UTF-8 and is not is a fault', () => {
    expect(decodeValueData('HS_SERV', Buffer.of(0xff))).toMatchObject({ ok: false, reason: 'not-utf8' })
  })

  test('any octets of any type are read and written again, or are a fault', () => {
    const types = fc.constantFrom('HS_ADMIN', 'HS_VLIST', 'HS_SITE', 'HS_PUBKEY', 'HS_SECKEY', 'HS_SERV', 'URL', 'X')
    fc.assert(
      fc.property(types, octets(200), (type, bytes) => {
        const decoded = decodeValueData(type, bytes)
        if (decoded.ok) expect(decodeValueData(type, encodeValueData(decoded.value))).toEqual(decoded)
        else expect(decoded.message).not.toBe('')
      }),
      { numRuns: 2000 },
    )
  })

  test('a record holds text as text, and what has a structure of octets as octets even where it looks like text', () => {
    expect(recordData('DESC', Buffer.from('离心泵'))).toBe('离心泵')
    expect(recordData('DESC', Buffer.of(0xff))).toEqual(Buffer.of(0xff))
    expect(recordData('DESC', Buffer.from('a\0b'))).toEqual(Buffer.from('a\0b'))
    expect(recordData('HS_SECKEY', Buffer.from('secret'))).toEqual(Buffer.from('secret'))
    expect(recordData('HS_SERV', Buffer.from('0.NA/88'))).toBe('0.NA/88')
  })
})
