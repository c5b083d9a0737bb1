/** A key of node:crypto as the record of HS_PUBKEY. */
import type { KeyObject } from 'node:crypto'
import { type HandlePublicKey, withSign } from './hs-pubkey.js'

/** The record of an RSA or Ed25519 key; undefined for others, which this node doesn't make. */
export function publicKeyRecord(key: KeyObject): HandlePublicKey | undefined {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ed25519') return undefined
  const jwk = key.export({ format: 'jwk' })
  if (jwk.x !== undefined) return { kind: 'ed25519', flags: 0, point: octetsOf(jwk.x) }
  return { kind: 'rsa', flags: 0, exponent: withSign(octetsOf(jwk.e!)), modulus: withSign(octetsOf(jwk.n!)) }
}

function octetsOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64url'))
}
