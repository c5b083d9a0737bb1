/**
 * The messages of PostgreSQL's wire protocol that a read by keys needs: a statement whose only parameter is a text[], and
 * its rows in binary form. A general client makes texts, then objects of every row; that is most of what a look-up costs.
 *
 *   message = type length body       ; 1 octet, 4 octets (body and itself), big-endian throughout
 *   DataRow = count *( length *OCTET )  ; 2 octets, 4 octets each; length -1: null
 *
 * Source: PostgreSQL documentation, "Frontend/Backend Protocol", message formats; binary forms: array_recv, timestamptz_send.
 */

const BIND = 0x42
const EXECUTE = 0x45
const PARSE = 0x50
const SYNC = 0x53
const DATA_ROW = 0x44
const ERROR_RESPONSE = 0x45
const READY_FOR_QUERY = 0x5a

const TEXT_OID = 25
const TEXT_ARRAY_OID = 1009
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)
const HEAD_OCTETS = 5
/** No row of ours comes near it: whatever says so is no message. */
const MAX_MESSAGE_OCTETS = 64 * 1024 * 1024

/** Prepares `text` under the name, or anew as the unnamed statement when that is empty. */
export function encodeParse(name: string, text: string): Buffer {
  const room = name.length + Buffer.byteLength(text) + 16
  const writer = new MessageWriter(room)
  writer.begin(PARSE)
  writer.textZ(name)
  writer.textZ(text)
  writer.int16(1)
  writer.int32(TEXT_ARRAY_OID)
  writer.end()
  return writer.message()
}

/** Runs the prepared statement with these keys. */
export function encodeRead(name: string, keys: readonly string[]): Buffer {
  let room = 64 + name.length
  for (const key of keys) room += 4 + key.length * 3
  const writer = new MessageWriter(room)
  writer.begin(BIND)
  writer.textZ('')
  writer.textZ(name)
  // The one parameter, and below all columns, in binary form.
  writer.int16(1)
  writer.int16(1)
  writer.int16(1)
  writer.textArray(keys)
  writer.int16(1)
  writer.int16(1)
  writer.end()
  writer.begin(EXECUTE)
  writer.textZ('')
  writer.int32(0)
  writer.end()
  writer.begin(SYNC)
  writer.end()
  return writer.message()
}

class MessageWriter {
  readonly #bytes: Buffer
  #at = 0
  #lengthAt = 0

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(room)
  }

  begin(type: number): void {
    this.#bytes[this.#at++] = type
    this.#lengthAt = this.#at
    this.#at += 4
  }

  end(): void {
    this.#bytes.writeInt32BE(this.#at - this.#lengthAt, this.#lengthAt)
  }

  int16(value: number): void {
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  textZ(text: string): void {
    this.#at += this.#bytes.write(text, this.#at)
    this.#bytes[this.#at++] = 0
  }

  textArray(texts: readonly string[]): void {
    const lengthAt = this.#at
    this.#at += 4
    // One dimension, no nulls.
    this.int32(1)
    this.int32(0)
    this.int32(TEXT_OID)
    this.int32(texts.length)
    this.int32(1)
    for (const text of texts) {
      const octets = this.#bytes.write(text, this.#at + 4)
      this.int32(octets)
      this.#at += octets
    }
    this.#bytes.writeInt32BE(this.#at - lengthAt - 4, lengthAt)
  }

  message(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }
}

/** What the server reported in place of an answer. */
export interface ReportedError {
  /** `ERROR`, `FATAL` or `PANIC`. */
  readonly severity: string
  /** SQLSTATE. */
  readonly code: string
  readonly message: string
}

export interface ReplyEvents {
  row(row: BinaryRow): void
  failed(error: ReportedError): void
  /** The reply is complete, and the next statement may be sent. */
  ready(): void
}

/** Finds the messages in what arrives, however it is cut. Those of no concern here are passed over. */
export class ReplyReader {
  readonly #events: ReplyEvents
  #rest: Buffer | undefined

  constructor(events: ReplyEvents) {
    this.#events = events
  }

  /** @throws Error when these are no messages */
  feed(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (at + HEAD_OCTETS <= bytes.length) {
      const length = bytes.readInt32BE(at + 1)
      if (length < 4 || length > MAX_MESSAGE_OCTETS) throw new Error(`a message of ${length} octets`)
      const end = at + 1 + length
      if (end > bytes.length) break
      this.#take(bytes, at, end)
      at = end
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at]
    if (type === DATA_ROW) this.#events.row(new BinaryRow(bytes, at + HEAD_OCTETS, end))
    else if (type === READY_FOR_QUERY) this.#events.ready()
    else if (type === ERROR_RESPONSE) this.#events.failed(reportedError(bytes.subarray(at + HEAD_OCTETS, end)))
  }
}

function reportedError(body: Buffer): ReportedError {
  const fields: Record<string, string> = {}
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1)
    if (end < 0) break
    fields[String.fromCharCode(body[at]!)] = body.toString('utf8', at + 1, end)
    at = end + 1
  }
  const { V: severity = 'FATAL', C: code = '', M: message = 'an error without a message' } = fields
  return { severity, code, message }
}

/** A row whose columns are read one after the other, in the order of the statement; null is undefined. */
export interface ColumnReader {
  /** smallint, integer and bigint; not for null. */
  integer(): number
  text(): string | undefined
  /** A view: it keeps all alive that came with it. */
  octets(): Buffer | undefined
  /** A timestamptz as milliseconds since 1970, rounded down; not for null. */
  timeMs(): number
}

/** A view of a row's octets; its columns are read one after the other. */
export class BinaryRow implements ColumnReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    // The count of columns is the statement's, and known.
    this.#at = start + 2
    this.#end = end
  }

  integer(): number {
    const at = this.#at
    const length = this.#next()
    if (length === 8) return this.#int64(at + 4)
    if (length === 4) return this.#bytes.readInt32BE(at + 4)
    if (length === 2) return this.#bytes.readInt16BE(at + 4)
    throw new Error(`an integer of ${length} octets`)
  }

  text(): string | undefined {
    const start = this.#at + 4
    const length = this.#next()
    return length < 0 ? undefined : this.#bytes.toString('utf8', start, start + length)
  }

  octets(): Buffer | undefined {
    const start = this.#at + 4
    const length = this.#next()
    return length < 0 ? undefined : this.#bytes.subarray(start, start + length)
  }

  timeMs(): number {
    return Math.floor(this.integer() / 1000) + POSTGRES_EPOCH_MS
  }

  #int64(at: number): number {
    return this.#bytes.readInt32BE(at) * 2 ** 32 + this.#bytes.readUInt32BE(at + 4)
  }

  /** Passes a column over; gives its length, -1 for null. */
  #next(): number {
    const start = this.#at + 4
    if (start > this.#end) throw new Error('a row has fewer columns than the statement')
    const length = this.#bytes.readInt32BE(this.#at)
    const end = length < 0 ? start : start + length
    if (end > this.#end) throw new Error('a column is longer than its row')
    this.#at = end
    return length
  }
}
