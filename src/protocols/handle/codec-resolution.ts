/**
 * The short way for look-ups, the one message that must be fast: a plain query is read in place, and its answer is put together from
 * the query's own octets and values that are ready (codec-record.ts, `encodeRecordValues`).
 *
 * Both objects are made once and used for every datagram; nothing is made for a query but the text of its handle. What is
 * not plain (several packets, a credential, a digest or a signature wanted, a fault) goes the long way of codec-message.ts.
 */
import { ByteReader, uint32At } from '../../platform/byte-reader.js'
import { writeUint32 } from '../../platform/byte-writer.js'
import { readUtf8 } from '../../platform/utf8.js'
import { READERS } from './codec-body.js'
import { COMPRESSED, ENCRYPTED, ENVELOPE_OCTETS, TRUNCATED } from './codec-envelope.js'
import { HEADER_OCTETS } from './codec-header.js'
import { answerVersion, responseCodeFor, type Version } from './codec-version.js'
import { FLAG, OP, RC } from './codes.js'

const BODY_AT = ENVELOPE_OCTETS + HEADER_OCTETS
const LENGTH_OCTETS = 4
/** A handle's length, two counts. */
const LEAST_OCTETS = BODY_AT + 3 * LENGTH_OCTETS
const SPECIAL_BITS = COMPRESSED | ENCRYPTED | TRUNCATED
const SUGGESTED_MAJOR = 0x1f
const SPECIAL_FLAGS = FLAG.certify | FLAG.encrypt | FLAG.returnDigest
const NONE: readonly never[] = []

/** A plain query, read in place: good until the octets it was read from are used again, or the next is read. */
export class PlainQuery {
  handle = ''
  /** Both empty: every value. */
  indexes: readonly number[] = NONE
  types: readonly string[] = NONE
  opFlags = 0
  siteSerial = 0
  /** What the client would rather speak; else the version it wrote in. */
  suggested: Version = { major: 0, minor: 0 }
  bytes: Buffer = Buffer.alloc(0)
  start = 0
  handleStart = 0
  handleEnd = 0

  /** True when the octets from `start` up to `end` are exactly one plain query. */
  read(bytes: Buffer, start: number, end: number): boolean {
    return this.readAround(bytes, start, end) && this.readHandle()
  }

  /** The same, but for the text of the handle, which may turn out to be none (`readHandle`). */
  readAround(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < LEAST_OCTETS || end > bytes.length || !isPlain(bytes, start, end)) return false
    const bodyStart = start + BODY_AT
    const bodyEnd = bodyStart + uint32At(bytes, bodyStart - LENGTH_OCTETS)
    if (bodyEnd !== end && (bodyEnd + LENGTH_OCTETS !== end || uint32At(bytes, bodyEnd) !== 0)) return false
    const handleStart = bodyStart + LENGTH_OCTETS
    const handleEnd = handleStart + uint32At(bytes, bodyStart)
    if (handleEnd + 2 * LENGTH_OCTETS > bodyEnd) return false
    const isWhole = uint32At(bytes, handleEnd) === 0 && uint32At(bytes, handleEnd + LENGTH_OCTETS) === 0
    this.bytes = bytes
    this.start = start
    this.handleStart = handleStart
    this.handleEnd = handleEnd
    this.opFlags = uint32At(bytes, start + 28)
    this.siteSerial = (bytes[start + 32]! << 8) | bytes[start + 33]!
    this.readSuggestion()
    this.indexes = NONE
    this.types = NONE
    return isWhole || this.readSelection(bodyEnd)
  }

  /** After `readAround`: the text of the handle. False when it is no UTF-8. */
  readHandle(): boolean {
    const { bytes, handleStart, handleEnd } = this
    let octets = 0
    for (let at = handleStart; at < handleEnd; at++) octets |= bytes[at]!
    const text =
      octets < 0x80 ? bytes.toString('latin1', handleStart, handleEnd) : readUtf8(bytes, handleStart, handleEnd)
    this.handle = text ?? ''
    return text !== undefined
  }

  private readSelection(bodyEnd: number): boolean {
    const reader = new ByteReader(this.bytes, this.handleStart - LENGTH_OCTETS, bodyEnd)
    const query = READERS.query(reader, this.suggested)
    this.indexes = query.indexes
    this.types = query.types
    return reader.fault() === undefined
  }

  private readSuggestion(): void {
    const { bytes, start, suggested } = this
    const at = (bytes[start + 2]! & SUGGESTED_MAJOR) === 0 ? start : start + 2
    const major = bytes[at]! & (at === start ? 0xff : SUGGESTED_MAJOR)
    const minor = bytes[at + 1]!
    // Nearly always the same as the one before.
    if (suggested.major !== major || suggested.minor !== minor) this.suggested = { major, minor }
  }
}

function isPlain(bytes: Buffer, start: number, end: number): boolean {
  return (
    (bytes[start + 2]! & SPECIAL_BITS) === 0 &&
    uint32At(bytes, start + 12) === 0 &&
    uint32At(bytes, start + 16) === end - start - ENVELOPE_OCTETS &&
    uint32At(bytes, start + 20) === OP.resolve &&
    uint32At(bytes, start + 24) === RC.none &&
    (uint32At(bytes, start + 28) & SPECIAL_FLAGS) === 0
  )
}

/** What all answers of a server have in common. */
export interface AnsweringServer {
  readonly version: Version
  readonly siteSerial: number
  /** Set in every answer, beside the flags of its query: `FLAG.authoritative` for a primary server; others set `FLAG.recursive` too. */
  readonly flags: number
}

/** Writes answers to plain queries into a buffer of the caller's. */
export class PlainAnswers {
  /** Clients refuse an answer past it, in seconds since the epoch: to be set now and then. */
  expirationSeconds = 0
  private readonly server: AnsweringServer
  /** Of the last answer, as nearly always of this one too. */
  private suggested: Version | undefined
  private version: Version = { major: 0, minor: 0 }

  constructor(server: AnsweringServer) {
    this.server = server
  }

  /**
   * @param values as `encodeRecordValues` or `encodeValues` gives them
   * @returns where the answer ends; -1 when `out` has no room for it from `at` on
   */
  encodeResolutionAnswer(query: PlainQuery, values: Uint8Array, { out, at }: Target): number {
    const handleOctets = query.handleEnd - query.handleStart
    const bodyOctets = LENGTH_OCTETS + handleOctets + values.length
    const end = at + BODY_AT + bodyOctets + LENGTH_OCTETS
    if (end > out.length) return -1
    this.writeHead(query, { out, at }, { responseCode: RC.success, bodyOctets })
    const body = at + BODY_AT
    // Length and handle as the client wrote them; of so few octets a loop is faster than a copy.
    const from = query.handleStart - LENGTH_OCTETS
    for (let octet = 0; octet < LENGTH_OCTETS + handleOctets; octet++) out[body + octet] = query.bytes[from + octet]!
    out.set(values, body + LENGTH_OCTETS + handleOctets)
    writeUint32(out, end - LENGTH_OCTETS, 0)
    return end
  }

  /** An answer without values or words, such as `RC.handleNotFound`. Referrals and challenges are none. Returns as the other. */
  encodeResolutionRefusal(query: PlainQuery, responseCode: number, { out, at }: Target): number {
    const end = at + BODY_AT + 2 * LENGTH_OCTETS
    if (end > out.length) return -1
    this.writeHead(query, { out, at }, { responseCode, bodyOctets: LENGTH_OCTETS })
    out.fill(0, end - 2 * LENGTH_OCTETS, end)
    return end
  }

  private writeHead(query: PlainQuery, { out, at }: Target, { responseCode, bodyOctets }: Outcome): void {
    const { bytes, start, opFlags } = query
    const { version: own, siteSerial, flags } = this.server
    if (query.suggested !== this.suggested) {
      this.suggested = query.suggested
      this.version = answerVersion(query.suggested, own)
    }
    const { version } = this
    out[at] = version.major
    out[at + 1] = version.minor
    out[at + 2] = own.major
    out[at + 3] = own.minor
    // Session and request id are the query's; sequence number 0.
    for (let octet = 4; octet < 16; octet++) out[at + octet] = bytes[start + octet]!
    writeUint32(out, at + 16, HEADER_OCTETS + bodyOctets + LENGTH_OCTETS)
    writeUint32(out, at + 20, OP.resolve)
    writeUint32(out, at + 24, responseCodeFor(version, responseCode))
    writeUint32(out, at + 28, opFlags | flags)
    writeUint32(out, at + 32, siteSerial << 16)
    writeUint32(out, at + 36, this.expirationSeconds)
    writeUint32(out, at + 40, bodyOctets)
  }
}

interface Target {
  readonly out: Buffer
  readonly at: number
}

interface Outcome {
  readonly responseCode: number
  readonly bodyOctets: number
}
