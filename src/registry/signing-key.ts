/**
 * The key with which this node signs certified answers: RSA, so that every client of the Handle System can check it. The
 * public half stands in the node's HS_SITE. Unless one is configured, the process that needs it first makes it.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { messageOf, NodeError } from '../platform/errors.js'
import type { Database } from '../platform/postgres.js'
import { encodePublicKey } from '../record/value-types/hs-pubkey.js'
import { publicKeyRecord } from '../record/value-types/public-key-record.js'
import { keptSecret } from './secrets.js'

export interface SigningKey {
  readonly privateKey: KeyObject
  /** Octets of HS_PUBKEY. */
  readonly publicKey: Uint8Array
}

const NAME = 'handle-signing-key'
const LEAST_BITS = 2_048

/** @param pem of a configured key @throws NodeError `request-malformed` when that is none that can sign */
export async function nodeSigningKey(db: Database, pem?: string): Promise<SigningKey> {
  if (pem !== undefined) return signingKeyOf(readConfigured(pem))
  const der = await keptSecret(db, NAME, generate)
  return signingKeyOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

function signingKeyOf(privateKey: KeyObject): SigningKey {
  const record = publicKeyRecord(createPublicKey(privateKey))
  return { privateKey, publicKey: encodePublicKey(record!) }
}

async function generate(): Promise<Buffer> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: LEAST_BITS,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  })
  return privateKey
}

function readConfigured(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (cause) {
    throw unusable(`is no private key in PEM without a passphrase: ${messageOf(cause)}`, cause)
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType !== 'rsa') throw unusable(`is a key for ${key.asymmetricKeyType}, not for RSA`)
  if (bits < LEAST_BITS) throw unusable(`has ${bits} bits, and must have ${LEAST_BITS} or more`)
  return key
}

function unusable(why: string, cause?: unknown): NodeError {
  return new NodeError('request-malformed', `The key that is to sign certified answers ${why}.`, { cause })
}
