/**
 * Sessions: the bodies that set one up, and what is in them.
 *
 *   request = mode timeout handle index material tail
 *   mode    = 2OCTET                     ; SESSION_MODE; the other numbers have four octets
 *   material = publicKey                 ; modes 1 and 4: octets as in HS_PUBKEY, with their length
 *            / handle index              ; mode 3: the value that holds the key
 *            / nothing                   ; mode 2
 *   answer  = mode data tail             ; data with its length
 *   tail    = %x00 %x00                  ; software in use leaves room for a mode of four octets
 *
 *   data of a Diffie-Hellman answer = cipher publicKey      ; cipher: 4OCTET of SESSION_CIPHER, the key of HS_PUBKEY
 *
 * In the session a message's body is encrypted whole, header and credential included, with the initialisation vector in
 * front of the ciphertext; the envelope stays open, with ENCRYPTED set.
 *
 * Source: RFC 3652 §3.5, §2.2.1, and software in use.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter, EncodingError } from '../../platform/byte-writer.js'

/** How the key of the session comes about. Version 3.0 has only `diffieHellman`. */
export const SESSION_MODE = {
  /** The server sends a key, encrypted with the client's public key. */
  clientKey: 1,
  /** The client sends a key, encrypted with the server's public key, by OP.exchangeSessionKey. */
  serverKey: 2,
  /** As clientKey, with a public key that a handle's value holds. */
  handleKey: 3,
  diffieHellman: 4,
} as const

export const SESSION_CIPHER = { des: 1, tripleDes: 2, aes: 3 } as const

export interface SessionRequest {
  readonly mode: number
  readonly timeoutSeconds: number
  /** Who asks: empty for nobody in particular. */
  readonly handle: string
  readonly index: number
  /** Modes 1 and 4. */
  readonly publicKey?: Uint8Array
  /** Mode 3. */
  readonly keyValue?: { readonly handle: string; readonly index: number }
}

export interface SessionAnswer {
  readonly mode: number
  readonly data: Uint8Array
}

export interface DiffieHellmanData {
  /** Of `SESSION_CIPHER`. */
  readonly cipher: number
  readonly publicKey: Uint8Array
}

const TAIL = new Uint8Array(2)
const writer = new ByteWriter()

function holdsKey(mode: number): boolean {
  return mode === SESSION_MODE.clientKey || mode === SESSION_MODE.diffieHellman
}

export function readSessionRequest(reader: ByteReader): SessionRequest {
  const request = {
    mode: reader.int2('mode'),
    timeoutSeconds: reader.int4('timeout'),
    handle: reader.text('identity.handle'),
    index: reader.int4('identity.index'),
  }
  if (holdsKey(request.mode)) return { ...request, publicKey: reader.lengthAndOctets('publicKey') }
  if (request.mode !== SESSION_MODE.handleKey) return request
  return { ...request, keyValue: { handle: reader.text('key.handle'), index: reader.int4('key.index') } }
}

export function writeSessionRequest(to: ByteWriter, request: SessionRequest): void {
  const { mode, publicKey, keyValue } = request
  to.int2('mode', mode)
  to.int4('timeout', request.timeoutSeconds)
  to.text('identity.handle', request.handle)
  to.int4('identity.index', request.index)
  if (holdsKey(mode)) {
    if (publicKey === undefined) throw new EncodingError('publicKey', `mode ${mode} needs a public key`)
    to.lengthAndOctets('publicKey', publicKey)
  }
  if (mode === SESSION_MODE.handleKey) {
    if (keyValue === undefined) throw new EncodingError('key', `mode ${mode} needs the value that holds the key`)
    to.text('key.handle', keyValue.handle)
    to.int4('key.index', keyValue.index)
  }
  to.octets(TAIL)
}

export function readSessionAnswer(reader: ByteReader): SessionAnswer {
  return { mode: reader.int2('mode'), data: reader.lengthAndOctets('data') }
}

export function writeSessionAnswer(to: ByteWriter, { mode, data }: SessionAnswer): void {
  to.int2('mode', mode)
  to.lengthAndOctets('data', data)
  to.octets(TAIL)
}

export function decodeDiffieHellmanData(octets: Uint8Array): Decoded<DiffieHellmanData> {
  const reader = new ByteReader(octets)
  return reader.decoded({ cipher: reader.int4('cipher'), publicKey: reader.octets(reader.left, 'publicKey') })
}

/** @throws EncodingError */
export function encodeDiffieHellmanData({ cipher, publicKey }: DiffieHellmanData): Uint8Array {
  writer.begin()
  writer.int4('cipher', cipher)
  writer.octets(publicKey)
  return writer.finish()
}
