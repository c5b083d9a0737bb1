/**
 * Whole messages: envelope, header, body, credential.
 *
 *   message = envelope header body [ credentialLength [ credential ] ]
 *   body    = [ digest ] fields     ; of the request, in every challenge and in any other response whose flag says so
 *
 * A message that came in several packets is put together first (codec-reassembly.ts), an encrypted one is opened first
 * (session-cipher.ts) and read with `decodeOpened`.
 *
 * Source: RFC 3652 §2.2.
 */
import type { ByteFault } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter, EncodingError } from '../../platform/byte-writer.js'
import { type Body, READERS, writeBody } from './codec-body.js'
import { type Credential, readCredential, writeCredential } from './codec-credential.js'
import { type RequestDigest, readDigest, writeDigest } from './codec-digest.js'
import { ENVELOPE_OCTETS, type Envelope, readEnvelope, suggestionOf, writeEnvelope } from './codec-envelope.js'
import { HEADER_OCTETS, type Header, readHeader, writeHeader } from './codec-header.js'
import { layoutOf } from './codec-layouts.js'
import { answerVersion, type Version } from './codec-version.js'
import { FLAG, hasFlag, RC } from './codes.js'

/** What of the envelope a sender decides about a message as a whole. */
export type MessageEnvelope = Pick<Envelope, 'version' | 'suggestedVersion' | 'sessionId' | 'requestId'>

export interface Message {
  readonly envelope: MessageEnvelope
  readonly header: Header
  /** Digest of the request that this is the response to. */
  readonly requestDigest?: RequestDigest
  readonly body: Body
  readonly credential?: Credential
}

/** With what could be read of the message's beginning, so that the fault can be answered. */
export interface MessageFault extends ByteFault {
  readonly envelope?: MessageEnvelope
  readonly header?: Header
}

export type DecodedMessage = { readonly ok: true; readonly value: Message } | ({ readonly ok: false } & MessageFault)

const LENGTH_AT = 16
const writer = new ByteWriter()

/** Reads a message that is there as a whole, and alone. */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  const reader = new ByteReader(bytes)
  const envelope = readEnvelope(reader)
  const cut = reader.fault()
  if (cut !== undefined) return { ok: false, ...cut }
  if (envelope.isCompressed || envelope.isEncrypted) closed(reader, envelope)
  else if (envelope.messageOctets !== reader.left) return wrongLength(reader, envelope)
  return readMessage(reader, partOf(envelope))
}

/** Reads what an encrypted message gave: header, body and credential. Offsets in faults count from the header. */
export function decodeOpened(envelope: MessageEnvelope, opened: Uint8Array): DecodedMessage {
  return readMessage(new ByteReader(opened), partOf(envelope))
}

function readMessage(reader: ByteReader, envelope: MessageEnvelope): DecodedMessage {
  const { header, bodyOctets } = readHeader(reader)
  const cut = reader.fault()
  if (cut !== undefined) return { ok: false, ...cut, envelope }

  const outerEnd = reader.enter(bodyOctets, 'body')
  const requestDigest = holdsDigest(header) ? readDigest(reader) : undefined
  const kind = layoutOf(header.opCode, header.responseCode, reader.left)
  const body = READERS[kind](reader, envelope.version)
  reader.leave(outerEnd)
  const credential = readOptionalCredential(reader)
  const fault = reader.fault()
  if (fault !== undefined) return { ok: false, ...fault, envelope, header }
  const plain = requestDigest === undefined ? { envelope, header, body } : { envelope, header, requestDigest, body }
  return { ok: true, value: credential === undefined ? plain : { ...plain, credential } }
}

function holdsDigest({ responseCode, opFlags }: Header): boolean {
  if (responseCode === RC.none) return false
  return responseCode === RC.authenticationNeeded || hasFlag(opFlags, FLAG.returnDigest)
}

/** Its length may be missing altogether. */
function readOptionalCredential(reader: ByteReader): Credential | undefined {
  const length = reader.left === 0 ? 0 : reader.int4('credentialLength')
  if (length === 0) return undefined
  const outerEnd = reader.enter(length, 'credential')
  const credential = readCredential(reader)
  reader.leave(outerEnd)
  return credential
}

function closed(reader: ByteReader, { isCompressed }: Envelope): void {
  const message = isCompressed
    ? 'the message is compressed, which nobody does and this node does not read (octet 2)'
    : 'the message is encrypted: it can be read only within its session (octet 2)'
  reader.fail('bad-value', { offset: 2, field: 'bits', message })
}

/** The header may be there all the same. */
function wrongLength(reader: ByteReader, envelope: Envelope): DecodedMessage {
  const { messageOctets } = envelope
  const fault = {
    reason: messageOctets > reader.left ? ('cut-off' as const) : ('left-over' as const),
    offset: LENGTH_AT,
    field: 'messageLength',
    message: `the message is said to have ${messageOctets} octets and has ${reader.left} (octet ${LENGTH_AT})`,
  }
  const { header } = readHeader(reader)
  const known = { envelope: partOf(envelope) }
  return { ok: false, ...fault, ...(reader.fault() === undefined ? { ...known, header } : known) }
}

function partOf({ version, suggestedVersion, sessionId, requestId }: MessageEnvelope): MessageEnvelope {
  return { version, suggestedVersion, sessionId, requestId }
}

/**
 * The message in one piece, sequence number 0 and not encrypted.
 *
 * @throws EncodingError
 */
export function encodeMessage(message: Message): Buffer {
  writer.begin()
  writeWholeEnvelope(message.envelope, 0)
  writeContent(message)
  return withLength(writer.finish())
}

/** Header, body and credential alone: what is encrypted in a session. @throws EncodingError */
export function encodeContent(message: Message): Buffer {
  writer.begin()
  writeContent(message)
  return writer.finish()
}

/** An envelope, and behind it what a session's cipher made of `encodeContent`. */
export function encodeSealed(envelope: MessageEnvelope, sealed: Uint8Array): Buffer {
  writer.begin()
  writeWholeEnvelope(envelope, sealed.length, true)
  writer.octets(sealed)
  return writer.finish()
}

/** The same message with this credential; it must have none yet. @throws EncodingError */
export function withCredential(message: Uint8Array, credential: Credential): Buffer {
  const end = ENVELOPE_OCTETS + signedPartOf(message).length
  writer.begin()
  writer.octets(message.subarray(0, end))
  writeCredential(writer, credential)
  return withLength(writer.finish())
}

/** Header and body of a whole message: what digests are taken over, and signatures are made of. */
export function signedPartOf(message: Uint8Array): Uint8Array {
  const bodyOctets = new ByteReader(message, ENVELOPE_OCTETS + HEADER_OCTETS - 4).int4('bodyLength')
  return message.subarray(ENVELOPE_OCTETS, ENVELOPE_OCTETS + HEADER_OCTETS + bodyOctets)
}

function writeContent({ envelope, header, requestDigest, body, credential }: Message): void {
  writeHeader(writer, header)
  const start = writer.open()
  if (requestDigest !== undefined) writeRequestDigest(header, requestDigest)
  else if (holdsDigest(header)) throw new EncodingError('digest', 'the response must return the digest of its request')
  writeBody(writer, body, envelope.version)
  writer.close(start)
  if (credential === undefined) writer.int4('credentialLength', 0)
  else writeCredential(writer, credential)
}

function writeRequestDigest(header: Header, digest: RequestDigest): void {
  if (!holdsDigest(header)) throw new EncodingError('digest', 'its flag is not set, so nobody would look for it')
  writeDigest(writer, digest)
}

function writeWholeEnvelope(envelope: MessageEnvelope, messageOctets: number, isEncrypted = false): void {
  const { version, suggestedVersion, sessionId, requestId } = envelope
  // Spelled out: spreading the envelope would take longer than all the rest of the message.
  writeEnvelope(writer, {
    version,
    suggestedVersion,
    isCompressed: false,
    isEncrypted,
    isTruncated: false,
    sessionId,
    requestId,
    sequence: 0,
    messageOctets,
  })
}

/** The envelope of an answer to this request, by a server that speaks `own`: it always suggests that. */
export function answerEnvelope(request: MessageEnvelope, own: Version): MessageEnvelope {
  const { sessionId, requestId } = request
  return { version: answerVersion(suggestionOf(request), own), suggestedVersion: own, sessionId, requestId }
}

function withLength(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(bytes.length - ENVELOPE_OCTETS, ENVELOPE_OCTETS - 4)
  return bytes
}
