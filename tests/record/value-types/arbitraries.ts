/** Random records of the Handle System's types, of every shape that has bytes. */
import fc from 'fast-check'
import type { Admin } from '../../../src/record/value-types/hs-admin.js'
import type { HandlePublicKey } from '../../../src/record/value-types/hs-pubkey.js'
import type { Site } from '../../../src/record/value-types/hs-site.js'

export const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 80 }))
export const octets = (maxLength = 80) => fc.uint8Array({ maxLength }).map((bytes) => new Uint8Array(bytes))
export const uint32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.nat(3000), fc.constantFrom(0, 0xffff_ffff))
export const uint16 = fc.nat(0xffff)
export const uint8 = fc.nat(0xff)

export const references = fc.array(fc.record({ handle: text, index: uint32 }), { maxLength: 4 })

export const admin: fc.Arbitrary<Admin> = fc.record({
  permissions: uint16,
  handle: text,
  index: uint32,
  hasTail: fc.boolean(),
})

const flags = uint16
export const publicKey: fc.Arbitrary<HandlePublicKey> = fc.oneof(
  fc.record({ kind: fc.constant('rsa' as const), flags, exponent: octets(), modulus: octets() }),
  fc.record({ kind: fc.constant('dsa' as const), flags, q: octets(), p: octets(), g: octets(), y: octets() }),
  fc.record({ kind: fc.constant('dh' as const), flags, y: octets(), p: octets(), g: octets() }),
  fc.record({
    kind: fc.constant('ed25519' as const),
    flags,
    point: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Uint8Array(bytes)),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    flags,
    name: text.filter((name) => !name.endsWith('_PUB_KEY')),
    octets: octets(),
  }),
)

/** As they are spelled: IPv4 in dots, IPv6 as RFC 5952 has it; never one that begins with twelve octets 0. */
const address = fc.oneof(
  fc.ipV4(),
  fc
    .ipV6()
    .filter((text) => !/^::(?:[\da-f]*(?::[\da-f]*)?|[\d.]+)$/i.test(text))
    .map((text) => new URL(`http://[${text}]/`).hostname.slice(1, -1))
    .filter((text) => !/^::[\da-f]*(?::[\da-f]*)?$/.test(text)),
)

export const site: fc.Arbitrary<Site> = fc.record({
  format: uint16,
  protocolVersion: fc.record({ major: uint8, minor: uint8 }),
  serial: uint16,
  flags: uint8,
  hashOption: uint8,
  hashFilter: text,
  attributes: fc.array(fc.record({ name: text, value: text }), { maxLength: 4 }),
  servers: fc.array(
    fc.record({
      id: uint32,
      address,
      publicKey: octets(),
      interfaces: fc.array(fc.record({ type: uint8, transport: uint8, port: uint32 }), { maxLength: 3 }),
    }),
    { maxLength: 3 },
  ),
})
