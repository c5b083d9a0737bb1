/**
 * HS_PUBKEY: a public key, as HS_SITE gives it for a server too.
 *
 *   key      = name flags numbers      ; name = text, flags = 2OCTET
 *   numbers  by name:
 *     RSA_PUB_KEY      e n             ; and a text without octets, which readers may do without
 *     DSA_PUB_KEY      q p g y
 *     DH_PUB_KEY       y p g
 *     ED25519_PUB_KEY  point           ; RFC 8032's 32 octets. This node's own; other software knows no name for it
 *   number   = length *OCTET           ; big-endian with a sign, so that a first octet from %x80 on has %x00 before it
 *
 * Source: RFC 3651 §3.2.5 leaves the numbers to the algorithm; these are the records in use.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'

/** Numbers are the octets of the record, their sign octet included: what was read is what is written. */
export type HandlePublicKey = { readonly flags: number } & (
  | { readonly kind: 'rsa'; readonly exponent: Uint8Array; readonly modulus: Uint8Array }
  | {
      readonly kind: 'dsa'
      readonly q: Uint8Array
      readonly p: Uint8Array
      readonly g: Uint8Array
      readonly y: Uint8Array
    }
  | { readonly kind: 'dh'; readonly y: Uint8Array; readonly p: Uint8Array; readonly g: Uint8Array }
  | { readonly kind: 'ed25519'; readonly point: Uint8Array }
  /** An algorithm that this node doesn't know. */
  | { readonly kind: 'other'; readonly name: string; readonly octets: Uint8Array }
)

export const KEY_NAMES = {
  rsa: 'RSA_PUB_KEY',
  dsa: 'DSA_PUB_KEY',
  dh: 'DH_PUB_KEY',
  ed25519: 'ED25519_PUB_KEY',
} as const

const ED25519_OCTETS = 32
const writer = new ByteWriter()

export function decodePublicKey(octets: Uint8Array): Decoded<HandlePublicKey> {
  const reader = new ByteReader(octets)
  const name = reader.text('name')
  const flags = reader.int2('flags')
  const key = readNumbers(reader, name, flags)
  reader.mustEnd('HS_PUBKEY')
  return reader.decoded(key)
}

function readNumbers(reader: ByteReader, name: string, flags: number): HandlePublicKey {
  const number = (field: string) => reader.lengthAndOctets(field)
  switch (name) {
    case KEY_NAMES.rsa:
      return readRsa(reader, flags)
    case KEY_NAMES.dsa:
      return { kind: 'dsa', flags, q: number('q'), p: number('p'), g: number('g'), y: number('y') }
    case KEY_NAMES.dh:
      return { kind: 'dh', flags, y: number('y'), p: number('p'), g: number('g') }
    case KEY_NAMES.ed25519:
      return readEd25519(reader, flags)
    default:
      return { kind: 'other', flags, name, octets: reader.octets(reader.left, 'numbers') }
  }
}

function readRsa(reader: ByteReader, flags: number): HandlePublicKey {
  const exponent = reader.lengthAndOctets('e')
  const modulus = reader.lengthAndOctets('n')
  if (reader.left > 0 && reader.lengthAndOctets('reserved').length > 0) {
    const message = `the text behind an RSA key's numbers must have no octets (octet ${reader.offset})`
    reader.fail('bad-value', { offset: reader.offset, field: 'reserved', message })
  }
  return { kind: 'rsa', flags, exponent, modulus }
}

function readEd25519(reader: ByteReader, flags: number): HandlePublicKey {
  const offset = reader.offset
  const point = reader.lengthAndOctets('point')
  if (point.length !== ED25519_OCTETS) {
    const message = `an Ed25519 key has ${ED25519_OCTETS} octets, not ${point.length} (octet ${offset})`
    reader.fail('bad-value', { offset, field: 'point', message })
  }
  return { kind: 'ed25519', flags, point }
}

/** @throws EncodingError */
export function encodePublicKey(key: HandlePublicKey): Uint8Array {
  writer.begin()
  writer.text('name', key.kind === 'other' ? key.name : KEY_NAMES[key.kind])
  writer.int2('flags', key.flags)
  if (key.kind === 'other') writer.octets(key.octets)
  else for (const [field, number] of numbersOf(key)) writer.lengthAndOctets(field, number)
  return writer.finish()
}

const NO_OCTETS = new Uint8Array(0)

function numbersOf(key: Exclude<HandlePublicKey, { kind: 'other' }>): [field: string, number: Uint8Array][] {
  switch (key.kind) {
    case 'rsa':
      return [
        ['e', key.exponent],
        ['n', key.modulus],
        ['reserved', NO_OCTETS],
      ]
    case 'dsa':
      return [
        ['q', key.q],
        ['p', key.p],
        ['g', key.g],
        ['y', key.y],
      ]
    case 'dh':
      return [
        ['y', key.y],
        ['p', key.p],
        ['g', key.g],
      ]
    case 'ed25519':
      return [['point', key.point]]
  }
}

/** The number without its sign octet and other zeros in front; zero is no octets. */
export function magnitude(number: Uint8Array): Uint8Array {
  let start = 0
  while (start < number.length && number[start] === 0) start++
  return number.subarray(start)
}

/** As the record has it: with a sign octet where the first would look negative. Zero is one octet. */
export function withSign(unsigned: Uint8Array): Uint8Array {
  const short = magnitude(unsigned)
  if (short.length > 0 && short[0]! < 0x80) return short
  const signed = new Uint8Array(short.length + 1)
  signed.set(short, 1)
  return signed
}
