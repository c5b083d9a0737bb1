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
  (key, version, state, prefix, spelling, template, body, digest, registered_at, recorded_at, recorded_by)
  from stdin (format binary)`

const FIELDS = 11
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex')
const TRAILER = Buffer.from('ffff', 'hex')
const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1)
const REGISTERED = 1
const PIECE_BYTES = 65_536

export interface CopyRow {
  readonly row: GoodRow
  /** The registered prefix that is responsible. */
  readonly prefix: string
}

/** First versions, all recorded at `recordedAt` by `apiKeyId`. Pieces of about 64 KiB. */
export function* copyPieces(
  rows: Iterable<CopyRow>,
  about: { readonly recordedAt: Date; readonly apiKeyId: string },
): Generator<Buffer> {
  const micros = BigInt(about.recordedAt.getTime() - POSTGRES_EPOCH_MS) * 1000n
  const apiKeyId = Buffer.from(about.apiKeyId)
  let piece = Buffer.allocUnsafe(PIECE_BYTES)
  let end = HEADER.copy(piece)
  for (const { row, prefix } of rows) {
    const { identifier, template } = row.registration
    const spelling = identifier.spelling === identifier.key ? undefined : identifier.spelling
    // Upper bound: a UTF-16 code unit takes at most three octets.
    const needed =
      (identifier.key.length + prefix.length + (spelling?.length ?? 0) + template.length) * 3 +
      row.body.length +
      row.digest.length +
      apiKeyId.length +
      128
    if (end + needed > piece.length) {
      yield piece.subarray(0, end)
      piece = Buffer.allocUnsafe(Math.max(PIECE_BYTES, needed))
      end = 0
    }
    end = piece.writeInt16BE(FIELDS, end)
    end = writeText(piece, end, identifier.key)
    end = piece.writeBigInt64BE(1n, piece.writeInt32BE(8, end))
    end = piece.writeInt16BE(REGISTERED, piece.writeInt32BE(2, end))
    end = writeText(piece, end, prefix)
    end = spelling === undefined ? piece.writeInt32BE(-1, end) : writeText(piece, end, spelling)
    end = writeText(piece, end, template)
    end = writeOctets(piece, end, row.body)
    end = writeOctets(piece, end, row.digest)
    end = piece.writeBigInt64BE(micros, piece.writeInt32BE(8, end))
    end = piece.writeBigInt64BE(micros, piece.writeInt32BE(8, end))
    end = writeOctets(piece, end, apiKeyId)
  }
  yield piece.subarray(0, end)
  yield TRAILER
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
