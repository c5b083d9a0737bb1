/**
 * Bodies of messages, named for their layout: several operations share one, and the header's codes say which is meant.
 *
 *   text = length *OCTET, UTF-8         number = 4OCTET        list of x = count *x
 *
 *   handle             handle
 *   handle-index       handle index
 *   handle-values      handle, list of values
 *   handle-indexes     handle, list of numbers
 *   query              handle, list of numbers, list of texts
 *   challenge-answer   text type, handle, index, octets of the answer
 *   challenge-check    handle, index, octets of the nonce, digest, octets of the answer
 *   session-request    codec-session.ts
 *   session-answer     codec-session.ts
 *   session-key        octets: a key, encrypted with the server's
 *   site               octets of HS_SITE, without a length
 *   handles            list of texts
 *   verified           OCTET: 0 or 1
 *   referral           handle; when that is empty, a list of values
 *   challenge          octets of the nonce
 *   error              text; from version 3.0 on perhaps a list of numbers: the values meant
 *   empty              nothing
 *   opaque             octets that this codec doesn't look into
 *
 * Octets behind a body's last field are passed over: later versions append fields.
 *
 * Source: RFC 3652 §3, and software in use.
 */
import type { ByteReader } from '../../platform/byte-reader.js'
import type { ByteWriter } from '../../platform/byte-writer.js'
import { type RequestDigest, readDigest, writeDigest } from './codec-digest.js'
import {
  readSessionAnswer,
  readSessionRequest,
  type SessionAnswer,
  type SessionRequest,
  writeSessionAnswer,
  writeSessionRequest,
} from './codec-session.js'
import { type HandleValue, readValues, writeValues } from './codec-value.js'
import { isOlder, VERSION_3_0, type Version } from './codec-version.js'

export interface HandleIndex {
  readonly handle: string
  readonly index: number
}

/** Somebody who has shown that a key is his. Only `Identities` makes one. */
export interface ProvenIdentity extends HandleIndex {
  /** Of the key: hexadecimal. Another key at the same place is another identity. */
  readonly keySha256: string
}

export interface Query {
  readonly handle: string
  readonly indexes: readonly number[]
  readonly types: readonly string[]
}

export interface ChallengeAnswer extends HandleIndex {
  /** `HS_PUBKEY` or `HS_SECKEY`. */
  readonly type: string
  /** codec-challenge.ts reads it. */
  readonly answer: Uint8Array
}

export interface ChallengeCheck extends HandleIndex {
  readonly nonce: Uint8Array
  readonly digest: RequestDigest
  readonly answer: Uint8Array
}

export type Body =
  | { readonly kind: 'handle'; readonly handle: string }
  | ({ readonly kind: 'handle-index' } & HandleIndex)
  | { readonly kind: 'handle-values'; readonly handle: string; readonly values: readonly HandleValue[] }
  | { readonly kind: 'handle-indexes'; readonly handle: string; readonly indexes: readonly number[] }
  | ({ readonly kind: 'query' } & Query)
  | ({ readonly kind: 'challenge-answer' } & ChallengeAnswer)
  | ({ readonly kind: 'challenge-check' } & ChallengeCheck)
  | ({ readonly kind: 'session-request' } & SessionRequest)
  | ({ readonly kind: 'session-answer' } & SessionAnswer)
  | { readonly kind: 'session-key'; readonly encryptedKey: Uint8Array }
  | { readonly kind: 'site'; readonly octets: Uint8Array }
  | { readonly kind: 'handles'; readonly handles: readonly string[] }
  | { readonly kind: 'verified'; readonly isVerified: boolean }
  | { readonly kind: 'referral'; readonly handle: string; readonly values: readonly HandleValue[] }
  | { readonly kind: 'challenge'; readonly nonce: Uint8Array }
  | { readonly kind: 'error'; readonly message: string; readonly indexes: readonly number[] }
  | { readonly kind: 'empty' }
  | { readonly kind: 'opaque'; readonly octets: Uint8Array }

export type BodyKind = Body['kind']

type BodyOf<Kind extends BodyKind> = Extract<Body, { readonly kind: Kind }>
type Readers = { readonly [Kind in BodyKind]: (reader: ByteReader, version: Version) => BodyOf<Kind> }
type Writers = { readonly [Kind in BodyKind]: (writer: ByteWriter, body: BodyOf<Kind>, version: Version) => void }

const INDEX_OCTETS = 4
const LEAST_TEXT_OCTETS = 4

export const READERS: Readers = {
  handle: (reader) => ({ kind: 'handle', handle: reader.text('handle') }),
  'handle-index': (reader) => ({
    kind: 'handle-index',
    handle: reader.text('handle'),
    index: reader.int4('index'),
  }),
  'handle-values': (reader) => ({
    kind: 'handle-values',
    handle: reader.text('handle'),
    values: readValues(reader),
  }),
  'handle-indexes': (reader) => ({
    kind: 'handle-indexes',
    handle: reader.text('handle'),
    indexes: readNumbers(reader, 'indexes'),
  }),
  query: (reader) => ({
    kind: 'query',
    handle: reader.text('handle'),
    indexes: readNumbers(reader, 'indexes'),
    types: readTexts(reader, 'types'),
  }),
  'challenge-answer': (reader) => ({
    kind: 'challenge-answer',
    type: reader.text('authentication.type'),
    handle: reader.text('handle'),
    index: reader.int4('index'),
    answer: reader.lengthAndOctets('answer'),
  }),
  'challenge-check': (reader) => ({
    kind: 'challenge-check',
    handle: reader.text('handle'),
    index: reader.int4('index'),
    nonce: reader.lengthAndOctets('nonce'),
    digest: readDigest(reader),
    answer: reader.lengthAndOctets('answer'),
  }),
  'session-request': (reader) => ({ kind: 'session-request', ...readSessionRequest(reader) }),
  'session-answer': (reader) => ({ kind: 'session-answer', ...readSessionAnswer(reader) }),
  'session-key': (reader) => ({ kind: 'session-key', encryptedKey: reader.lengthAndOctets('encryptedKey') }),
  site: (reader) => ({ kind: 'site', octets: reader.octets(reader.left, 'site') }),
  handles: (reader) => ({ kind: 'handles', handles: readTexts(reader, 'handles') }),
  verified: (reader) => ({ kind: 'verified', isVerified: reader.int1('verified') !== 0 }),
  referral: readReferral,
  challenge: (reader) => ({ kind: 'challenge', nonce: reader.lengthAndOctets('nonce') }),
  error: readError,
  empty: () => ({ kind: 'empty' }),
  opaque: (reader) => ({ kind: 'opaque', octets: reader.octets(reader.left, 'body') }),
}

const WRITERS: Writers = {
  handle: (writer, { handle }) => writer.text('handle', handle),
  'handle-index': writeHandleIndex,
  'handle-values': (writer, { handle, values }) => {
    writer.text('handle', handle)
    writeValues(writer, values)
  },
  'handle-indexes': (writer, { handle, indexes }) => {
    writer.text('handle', handle)
    writeNumbers(writer, 'indexes', indexes)
  },
  query: (writer, { handle, indexes, types }) => {
    writer.text('handle', handle)
    writeNumbers(writer, 'indexes', indexes)
    writeTexts(writer, 'types', types)
  },
  'challenge-answer': (writer, body) => {
    writer.text('authentication.type', body.type)
    writeHandleIndex(writer, body)
    writer.lengthAndOctets('answer', body.answer)
  },
  'challenge-check': (writer, body) => {
    writeHandleIndex(writer, body)
    writer.lengthAndOctets('nonce', body.nonce)
    writeDigest(writer, body.digest)
    writer.lengthAndOctets('answer', body.answer)
  },
  'session-request': writeSessionRequest,
  'session-answer': writeSessionAnswer,
  'session-key': (writer, { encryptedKey }) => writer.lengthAndOctets('encryptedKey', encryptedKey),
  site: (writer, { octets }) => writer.octets(octets),
  handles: (writer, { handles }) => writeTexts(writer, 'handles', handles),
  verified: (writer, { isVerified }) => writer.int1('verified', isVerified ? 1 : 0),
  referral: (writer, { handle, values }) => {
    writer.text('handle', handle)
    if (handle === '') writeValues(writer, values)
  },
  challenge: (writer, { nonce }) => writer.lengthAndOctets('nonce', nonce),
  error: (writer, { message, indexes }, version) => {
    writer.text('message', message)
    if (indexes.length > 0 && !isOlder(version, VERSION_3_0)) writeNumbers(writer, 'indexes', indexes)
  },
  empty: () => undefined,
  opaque: (writer, { octets }) => writer.octets(octets),
}

export function writeBody(writer: ByteWriter, body: Body, version: Version): void {
  const write = WRITERS[body.kind] as (to: ByteWriter, of: Body, version: Version) => void
  write(writer, body, version)
}

function readReferral(reader: ByteReader): BodyOf<'referral'> {
  const handle = reader.text('handle')
  const values = handle === '' && reader.left > 0 ? readValues(reader) : []
  return { kind: 'referral', handle, values }
}

/** Some servers leave even the length of an empty message out. */
function readError(reader: ByteReader, version: Version): BodyOf<'error'> {
  if (reader.left === 0) return { kind: 'error', message: '', indexes: [] }
  const message = reader.text('message')
  const hasIndexes = !isOlder(version, VERSION_3_0) && reader.left > 0
  return { kind: 'error', message, indexes: hasIndexes ? readNumbers(reader, 'indexes') : [] }
}

function writeHandleIndex(writer: ByteWriter, { handle, index }: HandleIndex): void {
  writer.text('handle', handle)
  writer.int4('index', index)
}

function readNumbers(reader: ByteReader, field: string): readonly number[] {
  const count = reader.count(INDEX_OCTETS, field)
  const numbers: number[] = []
  for (let place = 0; place < count; place++) numbers.push(reader.int4(field))
  return numbers
}

function writeNumbers(writer: ByteWriter, field: string, numbers: readonly number[]): void {
  writer.int4(field, numbers.length)
  for (const number of numbers) writer.int4(field, number)
}

function readTexts(reader: ByteReader, field: string): readonly string[] {
  const count = reader.count(LEAST_TEXT_OCTETS, field)
  const texts: string[] = []
  for (let place = 0; place < count; place++) texts.push(reader.text(field))
  return texts
}

function writeTexts(writer: ByteWriter, field: string, texts: readonly string[]): void {
  writer.int4(field, texts.length)
  for (const text of texts) writer.text(field, text)
}
