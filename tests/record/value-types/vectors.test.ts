/** Records as another program writes them, against what it says of them in JSON. */
import { describe, expect, test } from 'vitest'
import { decodeAdmin, encodeAdmin } from '../../../src/record/value-types/hs-admin.js'
import { decodePublicKey, encodePublicKey, magnitude } from '../../../src/record/value-types/hs-pubkey.js'
import { decodeSite, encodeSite, INTERFACE_TYPES, TRANSPORTS } from '../../../src/record/value-types/hs-site.js'
import { decodeValueList, encodeValueList } from '../../../src/record/value-types/hs-vlist.js'
import { computedCase, octetsOf } from '../../support/handle-vectors.js'

const base64url = (number: Uint8Array) => Buffer.from(magnitude(number)).toString('base64url')

test.each(['value 100 HS_ADMIN', 'value 101 HS_ADMIN'])('%s', (name) => {
  const { dataHex, json } = computedCase(name)
  const decoded = decodeAdmin(octetsOf(dataHex))
  if (!decoded.ok) throw new Error(decoded.message)
  const { handle, index, permissions } = json.data.value
  expect(decoded.value).toEqual({ handle, index, permissions: Number.parseInt(permissions, 2), hasTail: false })
  expect(encodeAdmin(decoded.value)).toEqual(octetsOf(dataHex))
})

test('value 200 HS_VLIST', () => {
  const { dataHex, json } = computedCase('value 200 HS_VLIST')
  expect(decodeValueList(octetsOf(dataHex))).toEqual({ ok: true, value: json.data.value })
  expect(encodeValueList(json.data.value)).toEqual(octetsOf(dataHex))
})

test('HS_SITE of two servers, one with an IPv6 address', () => {
  const { hex, json } = computedCase('HS_SITE two servers, IPv6, by prefix')
  const decoded = decodeSite(octetsOf(hex))
  if (!decoded.ok) throw new Error(decoded.message)
  const site = decoded.value
  expect(site).toMatchObject({
    format: json.version,
    protocolVersion: { major: 2, minor: 11 },
    serial: json.serialNumber,
    flags: 0xc0,
    hashOption: json.hashOption,
    hashFilter: '',
    attributes: json.attributes,
  })
  expect(site.servers.map(({ id, address }) => [id, address])).toEqual([
    [1, '127.0.0.1'],
    [2, '2001:db8::88'],
  ])
  const { administration, lookup, both } = INTERFACE_TYPES
  for (const [place, server] of site.servers.entries()) {
    const theirs = json.servers[place].interfaces as {
      query: boolean
      admin: boolean
      protocol: string
      port: number
    }[]
    expect(server.interfaces).toEqual(
      theirs.map(({ query, admin, protocol, port }) => ({
        type: query && admin ? both : query ? lookup : administration,
        transport: TRANSPORTS[protocol.toLowerCase() as keyof typeof TRANSPORTS],
        port,
      })),
    )
  }
  expect(decodePublicKey(site.servers[0]!.publicKey)).toMatchObject({ ok: true, value: { kind: 'rsa' } })
  expect(encodeSite(site)).toEqual(octetsOf(hex))
})

describe('HS_PUBKEY', () => {
  test('RSA', () => {
    const { hex, json } = computedCase('HS_PUBKEY RSA')
    const decoded = decodePublicKey(octetsOf(hex))
    if (!decoded.ok || decoded.value.kind !== 'rsa') throw new Error('not an RSA key')
    const { exponent, modulus } = decoded.value
    expect({ kty: 'RSA', e: base64url(exponent), n: base64url(modulus) }).toEqual(json)
    expect(encodePublicKey(decoded.value)).toEqual(octetsOf(hex))
  })

  test('DSA', () => {
    const { hex, json } = computedCase('HS_PUBKEY DSA')
    const decoded = decodePublicKey(octetsOf(hex))
    if (!decoded.ok || decoded.value.kind !== 'dsa') throw new Error('not a DSA key')
    const { q, p, g, y } = decoded.value
    expect({ kty: 'DSA', y: base64url(y), p: base64url(p), q: base64url(q), g: base64url(g) }).toEqual(json)
    expect(encodePublicKey(decoded.value)).toEqual(octetsOf(hex))
  })

  test.each(['client', 'server'])('Diffie-Hellman, of the %s', (side) => {
    const { [`${side}PublicRecordHex`]: hex, p, g } = computedCase('session key from DH, AES')
    const decoded = decodePublicKey(octetsOf(hex))
    if (!decoded.ok || decoded.value.kind !== 'dh') throw new Error('not a Diffie-Hellman key')
    expect(Buffer.from(magnitude(decoded.value.p)).toString('hex')).toBe(p)
    expect(decoded.value.g).toEqual(Uint8Array.of(Number(g)))
    expect(encodePublicKey(decoded.value)).toEqual(octetsOf(hex))
  })
})
