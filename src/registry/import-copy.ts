/**
 * Rows of the table `identifier` in the binary COPY format: no escaping, and about half the bytes of text for `bytea`.
 *
 *   stream   "PGCOPY\n\xff\r\n\0"  flags u32 = 0  extension u32 = 0  rows  i16 = -1
 *   row      i16 count of fields, then for each field an i32 length (-1: null) and its bytes
 *   int2, int8 big-endian; text as UTF-8; timestamptz as i64 microseconds since 2000-01-01 UTC
 *
 * Source: PostgreSQL documentation, COPY, "Binary Format".
 */
import type { GoodRow } from './import-rows.js'

export const COPY_IDENTIFIERS = `copy identifier
  (version, state, registered_at, recorded_at, recorded_by, key, prefix, spelling, template, body, digest)
  from stdin (format binary)`

const FIELDS = 11
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
const NULL_FIELD = Buffer.from('ffffffff', 'hex')
const TRAILER = Buffer.from('ffff', 'hex')
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)
const FIRST_VERSION = 1n
const REGISTERED = 1
const PIECE_BYTES = 65_536

export interface CopyRow {
  /** Registers. */
  readonly row: GoodRow
  /** The registered prefix that is responsible. */
  readonly prefix: string
}

export interface CopyAuthor {
  readonly recordedAt: Date
  readonly apiKeyId: string
}

/** First versions, all recorded at the same moment by the same key. Pieces of about 64 KiB. */
export function* copyPieces(rows: Iterable<CopyRow>, author: CopyAuthor): Generator<Buffer> {
  const common = commonFields(author)
  const fieldOf = readyFields()
  let piece = Buffer.allocUnsafe(PIECE_BYTES)
  let end = HEADER.copy(piece)
  for (const { row, prefix } of rows) {
    const { identifier, template, content } = row.registration
    const { key, spelling } = identifier
    // Upper bound: a UTF-16 code unit takes at most three octets.
    const texts = key.length + prefix.length + spelling.length + template.length
    const needed = texts * 3 + content!.octets.length + common.length + 64
    if (end + needed > piece.length) {
      yield piece.subarray(0, end)
      piece = Buffer.allocUnsafe(Math.max(PIECE_BYTES, needed))
      end = 0
    }
    piece.set(common, end)
    end = writeText(piece, end + common.length, key)
    end = put(piece, end, fieldOf(prefix))
    end = spelling === key ? put(piece, end, NULL_FIELD) : writeText(piece, end, spelling)
    end = put(piece, end, fieldOf(template))
    end = put(piece, end, content!.octets)
  }
  yield piece.subarray(0, end)
  yield TRAILER
}

/** What every row begins with. */
function commonFields({ recordedAt, apiKeyId }: CopyAuthor): Buffer {
  const author = Buffer.from(apiKeyId)
  const fields = Buffer.alloc(2 + 12 + 6 + 12 + 12 + 4 + author.length)
  let end = fields.writeInt16BE(FIELDS)
  end = fields.writeBigInt64BE(FIRST_VERSION, fields.writeInt32BE(8, end))
  end = fields.writeInt16BE(REGISTERED, fields.writeInt32BE(2, end))
  const micros = BigInt(recordedAt.getTime() - POSTGRES_EPOCH_MS) * 1000n
  end = fields.writeBigInt64BE(micros, fields.writeInt32BE(8, end))
  end = fields.writeBigInt64BE(micros, fields.writeInt32BE(8, end))
  writeOctets(fields, end, author)
  return fields
}

/** Fields of texts that many rows share. */
function readyFields(): (text: string) => Buffer {
  const fields = new Map<string, Buffer>()
  return (text) => {
    const known = fields.get(text)
    if (known !== undefined) return known
    const octets = Buffer.from(text)
    const field = Buffer.alloc(4 + octets.length)
    writeOctets(field, 0, octets)
    fields.set(text, field)
    return field
  }
}

function put(piece: Buffer, at: number, field: Buffer): number {
  piece.set(field, at)
  return at + field.length
}

function writeText(piece: Buffer, at: number, text: string): number {
  const length = piece.write(text, at + 4, 'utf8')
  piece.writeInt32BE(length, at)
  return at + 4 + length
}

function writeOctets(piece: Buffer, at: number, octets: Uint8Array): number {
  piece.writeInt32BE(octets.length, at)
  piece.set(octets, at + 4)
  return at + 4 + octets.length
}
