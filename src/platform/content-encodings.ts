/**
 * Bodies that somebody has compressed. A few octets can stand for any number, so what comes out is bounded, and so is how
 * often a body may be wrapped (RFC 9110 §8.4.1).
 */
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { NodeError } from './errors.js'

const MAX_ENCODINGS = 2

type Decode = (octets: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>

const DECODERS: Readonly<Record<string, Decode>> = {
  gzip: promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  'x-gzip': promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip),
  deflate: promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate),
  br: promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress),
  identity: async (octets) => octets,
}

/**
 * @param encodings the header field; undefined: as it is
 * @throws NodeError `too-large`, `authority-unavailable` (an encoding that is not known, too many, or broken)
 */
export async function decodeContent(body: Buffer, encodings: string | undefined, maxBytes: number): Promise<Buffer> {
  const names = (encodings ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length > MAX_ENCODINGS) throw undecodable(`${names.length} content encodings; ${MAX_ENCODINGS} are taken`)
  let octets = body
  // The last one was put on last.
  for (const name of names.reverse()) octets = await decodeOnce(octets, name, maxBytes)
  if (octets.length > maxBytes) throw tooLarge(maxBytes)
  return octets
}

async function decodeOnce(octets: Buffer, name: string, maxBytes: number): Promise<Buffer> {
  const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined
  if (decode === undefined) throw undecodable(`the content encoding ${JSON.stringify(name.slice(0, 40))}`)
  try {
    return await decode(octets, { maxOutputLength: maxBytes })
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw undecodable(`what is no ${name}`, cause)
  }
}

function tooLarge(maxBytes: number): NodeError {
  return new NodeError('too-large', `The answer is larger than ${maxBytes} bytes when it is decoded.`)
}

function undecodable(what: string, cause?: unknown): NodeError {
  return new NodeError('authority-unavailable', `The answer cannot be read: it has ${what}.`, { cause })
}
