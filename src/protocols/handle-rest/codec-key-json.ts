/**
 * Public keys as JSON web keys (RFC 7517), the form that the JSON API gives HS_PUBKEY and the keys of servers.
 *
 *   RSA      {"kty":"RSA","n","e"}                        ; RFC 7518 §6.3
 *   DSA      {"kty":"DSA","y","p","q","g"}                ; no standard's: the names that software in use has for it
 *   Ed25519  {"kty":"OKP","crv":"Ed25519","x"}            ; RFC 8037
 *
 * Numbers are base64url, unsigned. Others (Diffie-Hellman, what is not known) have no such form.
 */
import type { FaultList } from '../../record/faults.js'
import { isJsonObject, type JsonObject, kindOf, ownMember } from '../../record/json-object.js'
import { type HandlePublicKey, magnitude, withSign } from '../../record/value-types/hs-pubkey.js'

export type KeyJson = Readonly<Record<string, string>>

const ED25519_OCTETS = 32
/** Longer than any number of a key that OpenSSL takes. */
const MAX_NUMBER_CHARACTERS = 4096
const BASE64URL = /^[\w-]+={0,2}$/

/** Undefined for a key that has no such form. */
export function keyJson(key: HandlePublicKey): KeyJson | undefined {
  switch (key.kind) {
    case 'rsa':
      return { kty: 'RSA', n: numberText(key.modulus), e: numberText(key.exponent) }
    case 'dsa': {
      const { y, p, q, g } = key
      return { kty: 'DSA', y: numberText(y), p: numberText(p), q: numberText(q), g: numberText(g) }
    }
    case 'ed25519':
      return { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key.point).toString('base64url') }
    default:
      return undefined
  }
}

/** Undefined after a fault. Members that say nothing of the numbers, such as `kid` and `use`, are passed over. */
export function keyOfJson(input: unknown, path: string, faults: FaultList): HandlePublicKey | undefined {
  if (!isJsonObject(input)) {
    faults.add(path, `must be a JSON web key, not ${kindOf(input)}`)
    return undefined
  }
  const number = (name: string) => numberOf(input, { name, path }, faults)
  switch (ownMember(input, 'kty')) {
    case 'RSA':
      return whole({ kind: 'rsa', flags: 0, exponent: number('e'), modulus: number('n') })
    case 'DSA':
      return whole({ kind: 'dsa', flags: 0, q: number('q'), p: number('p'), g: number('g'), y: number('y') })
    case 'OKP':
      return ed25519OfJson(input, path, faults)
    default:
      faults.add(`${path}.kty`, 'must be "RSA", "DSA" or "OKP"; give other keys as base64 or hex')
      return undefined
  }
}

function ed25519OfJson(input: JsonObject, path: string, faults: FaultList): HandlePublicKey | undefined {
  if (ownMember(input, 'crv') !== 'Ed25519') faults.add(`${path}.crv`, 'must be "Ed25519"')
  const point = octetsMember(input, { name: 'x', path }, faults)
  if (point === undefined) return undefined
  if (point.length === ED25519_OCTETS) return { kind: 'ed25519', flags: 0, point }
  faults.add(`${path}.x`, `has ${point.length} octets: an Ed25519 key has ${ED25519_OCTETS}`)
  return undefined
}

/** Of the union's members with numbers: undefined where one of them is. */
type Partly<Key> = { readonly [Name in keyof Key]: Key[Name] | (Key[Name] extends Uint8Array ? undefined : never) }

function whole<Key extends HandlePublicKey>(key: Partly<Key>): Key | undefined {
  return Object.values(key).includes(undefined) ? undefined : (key as Key)
}

interface Member {
  readonly name: string
  readonly path: string
}

function numberOf(input: JsonObject, member: Member, faults: FaultList): Uint8Array | undefined {
  const octets = octetsMember(input, member, faults)
  return octets && withSign(octets)
}

function octetsMember(input: JsonObject, { name, path }: Member, faults: FaultList): Uint8Array | undefined {
  const text = ownMember(input, name)
  if (typeof text === 'string' && text.length <= MAX_NUMBER_CHARACTERS && BASE64URL.test(text)) {
    return new Uint8Array(Buffer.from(text, 'base64url'))
  }
  faults.add(`${path}.${name}`, text === undefined ? 'is missing' : 'must be octets in base64url')
  return undefined
}

function numberText(number: Uint8Array): string {
  return Buffer.from(magnitude(number)).toString('base64url')
}
