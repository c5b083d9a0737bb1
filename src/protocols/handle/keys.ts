/** Public keys of HS_PUBKEY as node:crypto's, and back. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { type HandlePublicKey, magnitude, withSign } from '../../record/value-types/hs-pubkey.js'

export { publicKeyRecord } from '../../record/value-types/public-key-record.js'

type Rsa = Extract<HandlePublicKey, { kind: 'rsa' }>
type Dsa = Extract<HandlePublicKey, { kind: 'dsa' }>

const LEAST_MODULUS_OCTETS = 64
/** OpenSSL's own limit, 16,384 bits. */
const MAX_MODULUS_OCTETS = 2048

/** Undefined for a key that signs nothing (Diffie-Hellman), for an unknown algorithm, and for numbers that are no key. */
export function signatureKey(key: HandlePublicKey): KeyObject | undefined {
  try {
    if (key.kind === 'rsa') {
      if (!isSoundRsa(key)) return undefined
      const numbers = { n: base64url(key.modulus), e: base64url(key.exponent) }
      return createPublicKey({ format: 'jwk', key: { kty: 'RSA', ...numbers } })
    }
    if (key.kind === 'ed25519') {
      const x = Buffer.from(key.point).toString('base64url')
      return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
    }
    if (key.kind === 'dsa') return createPublicKey({ format: 'der', type: 'spki', key: dsaSpki(key) })
    return undefined
  } catch {
    return undefined
  }
}

/** Records come from anywhere: with an exponent of 1 everybody could sign. */
function isSoundRsa({ exponent, modulus }: Rsa): boolean {
  const [e, n] = [magnitude(exponent), magnitude(modulus)]
  const isOdd = (e.at(-1) ?? 0) % 2 === 1
  const isOne = e.length === 1 && e[0] === 1
  return isOdd && !isOne && n.length >= LEAST_MODULUS_OCTETS && n.length <= MAX_MODULUS_OCTETS
}

function base64url(number: Uint8Array): string {
  return Buffer.from(magnitude(number)).toString('base64url')
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const SEQUENCE = 0x30
/** 1.2.840.10040.4.1, id-dsa of RFC 3279 §2.3.2. */
const ID_DSA = Buffer.from('06072a8648ce380401', 'hex')
const NO_UNUSED_BITS = Buffer.of(0)

/** SubjectPublicKeyInfo of RFC 5280 §4.1: DSA is the one algorithm that JSON web keys leave out. */
function dsaSpki({ p, q, g, y }: Dsa): Buffer {
  const parameters = der(SEQUENCE, derInteger(p), derInteger(q), derInteger(g))
  return der(SEQUENCE, der(SEQUENCE, ID_DSA, parameters), der(BIT_STRING, NO_UNUSED_BITS, derInteger(y)))
}

function derInteger(number: Uint8Array): Buffer {
  return der(INTEGER, withSign(number))
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const length = Buffer.from(content.length.toString(16).padStart(content.length < 0x100 ? 2 : 4, '0'), 'hex')
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from(head), content])
}
