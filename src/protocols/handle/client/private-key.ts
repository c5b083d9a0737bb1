/**
 * Private keys from files: PEM, or the file of the Handle software.
 *
 *   file  = encryption key       ; encryption = 4OCTET: 1 none
 *   key   = name numbers         ; name = text, a number is octets with their length in front
 *     RSA_PRIVCRT_KEY  n e d p q dp dq qi
 *     RSA_PRIV_KEY     n d
 *     DSA_PRIV_KEY     x p q g
 *
 * Files of that software that are encrypted (2 DES, 3 3DES, 4 AES) are not read: how it derives their keys is written down
 * nowhere that this project may go by. Its own tool turns them into PEM, which may be encrypted too.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { ByteReader } from '../../../platform/byte-reader.js'
import { messageOf } from '../../../platform/errors.js'
import { magnitude, withSign } from '../../../record/value-types/hs-pubkey.js'
import { HandleFault } from './faults.js'
import { primesOf } from './rsa-primes.js'

const PEM_START = '-----BEGIN '
const NOT_ENCRYPTED = 1
const CIPHERS: Readonly<Record<number, string>> = { 2: 'DES', 3: '3DES', 4: 'AES' }

/** @throws HandleFault `key-malformed` */
export function readPrivateKey(file: Buffer, passphrase?: string): KeyObject {
  try {
    if (file.subarray(0, PEM_START.length).toString('latin1') === PEM_START)
      return createPrivateKey({ key: file, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
    return readHandleKey(file)
  } catch (cause) {
    if (cause instanceof HandleFault) throw cause
    throw malformed(`The private key can't be read: ${messageOf(cause)}.`, cause)
  }
}

function readHandleKey(file: Buffer): KeyObject {
  const reader = new ByteReader(file)
  const encryption = reader.int4('encryption')
  const cipher = CIPHERS[encryption]
  if (cipher !== undefined)
    throw malformed(
      `The private key is encrypted with ${cipher} in the manner of the Handle software, which this program can't undo: turn it into PEM with that software's hdl-convert-key.`,
    )
  if (encryption !== NOT_ENCRYPTED) throw malformed('The file is neither PEM nor a private key of the Handle software.')
  const name = reader.text('name')
  const number = (field: string) => reader.lengthAndOctets(field)
  const key = readNumbers(name, number)
  reader.mustEnd('the private key')
  const fault = reader.fault()
  if (fault !== undefined) throw malformed(`The private key is cut off or changed: ${fault.message}.`)
  if (key === undefined) throw malformed(`The private key is of the unknown kind "${name.slice(0, 50)}".`)
  return key()
}

type ReadNumber = (field: string) => Uint8Array

/** What makes the key, once it is certain that all numbers were there. */
function readNumbers(name: string, number: ReadNumber): (() => KeyObject) | undefined {
  switch (name) {
    case 'RSA_PRIVCRT_KEY': {
      const [n, e, d, p, q] = [number('n'), number('e'), number('d'), number('p'), number('q')]
      const [dp, dq, qi] = [number('dp'), number('dq'), number('qi')]
      return () => rsaKey({ n, e, d, p, q, dp, dq, qi })
    }
    case 'RSA_PRIV_KEY': {
      const [n, d] = [number('n'), number('d')]
      return () => {
        const parts = primesOf(n, d)
        if (parts === undefined) throw malformed('The RSA key has an unusual public exponent: turn it into PEM first.')
        return rsaKey({ n, d, ...parts })
      }
    }
    case 'DSA_PRIV_KEY': {
      const [x, p, q, g] = [number('x'), number('p'), number('q'), number('g')]
      return () => dsaKey({ x, p, q, g })
    }
    default:
      return undefined
  }
}

function rsaKey(numbers: Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', Uint8Array>>): KeyObject {
  const entries = Object.entries(numbers).map(([name, octets]) => [
    name,
    Buffer.from(magnitude(octets)).toString('base64url'),
  ])
  return createPrivateKey({ format: 'jwk', key: { kty: 'RSA', ...Object.fromEntries(entries) } })
}

const INTEGER = 0x02
const OCTET_STRING = 0x04
const SEQUENCE = 0x30
/** 1.2.840.10040.4.1, id-dsa of RFC 3279 §2.3.2. */
const ID_DSA = Buffer.from('06072a8648ce380401', 'hex')

/** PrivateKeyInfo of RFC 5208 §5. */
function dsaKey({ x, p, q, g }: Readonly<Record<'x' | 'p' | 'q' | 'g', Uint8Array>>): KeyObject {
  const algorithm = der(SEQUENCE, ID_DSA, der(SEQUENCE, integer(p), integer(q), integer(g)))
  const key = der(SEQUENCE, integer(new Uint8Array(1)), algorithm, der(OCTET_STRING, integer(x)))
  return createPrivateKey({ format: 'der', type: 'pkcs8', key })
}

function integer(number: Uint8Array): Buffer {
  return der(INTEGER, withSign(number))
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const length = Buffer.from(content.length.toString(16).padStart(content.length < 0x100 ? 2 : 4, '0'), 'hex')
  const head = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length]
  return Buffer.concat([Buffer.from(head), content])
}

function malformed(message: string, cause?: unknown): HandleFault {
  return new HandleFault('key-malformed', message, { cause })
}
