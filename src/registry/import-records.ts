/**
 * Cuts the bytes of a file into its records, exactly: each record knows the byte offset at which it ends, so that an
 * import can go on there after any interruption. Bytes come in pieces of any size; memory is bounded by one record.
 *
 *   csv     fields between commas; a field that starts with " ends with "; inside it "" is a quote, and line ends are
 *           data (RFC 4180). A quote or a carriage return elsewhere in a field is a fault of that record.
 *   tsv     the same between tabs, but a quote inside a field that does not start with one is a plain character
 *           (files that follow IANA's text/tab-separated-values know no quoting).
 *   ndjson  one JSON text a line (RFC 8259, with LF or CRLF between).
 *
 * A record ends with LF or CRLF; the last one may end with the file. Empty lines are no records. A byte order mark at
 * offset 0 belongs to no record.
 */
import { isUtf8 } from 'node:buffer'
import { type ImportFormat, type QuoteMachine, quoteMachine } from './import-quotes.js'

/** 1 MiB: larger than any record of values this node takes. */
export const MAX_RECORD_BYTES = 1_048_576

export interface SourceRecord {
  /** Without the line end; UTF-8. Empty when there is a fault. */
  readonly octets: Buffer
  /** The same as text. */
  readonly text: string
  /** Whether some field is quoted; without one, delimiters alone separate the fields. */
  readonly quoted: boolean
  /** Why this record cannot be read; the records after it are not affected. */
  readonly fault?: string
  /** The line it starts at, counted from 1. */
  readonly line: number
  /** The byte after its line end: where the next record starts. */
  readonly endOffset: number
  /** Lines of the file that end at or before `endOffset`. */
  readonly endLine: number
}

export interface RecordSplitter {
  /** The records that end in `bytes`, in order. */
  push(bytes: Buffer): SourceRecord[]
  /** The last record when the file does not end with a line end; `unclosedQuote` is the line of a quote left open. */
  end(): SourceEnd
}

export interface SourceEnd {
  readonly records: readonly SourceRecord[]
  /** The byte after the last, and the lines of the whole file. */
  readonly endOffset: number
  readonly endLine: number
  readonly unclosedQuoteLine?: number
}

export interface SplitterStart {
  readonly format: ImportFormat
  /** Where the first byte lies in the file, and the lines before it. */
  readonly offset: number
  readonly lines: number
  readonly maxRecordBytes?: number
}

const LF = 10
const CR = 13
const QUOTE = 34
const NOTHING = Buffer.alloc(0)
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

type Found = Omit<SourceRecord, 'octets' | 'text'>

/** Decodes its text only for who asks for it: most rows are read from their octets. */
class LazyRecord implements SourceRecord {
  readonly octets: Buffer
  readonly quoted: boolean
  readonly line: number
  readonly endOffset: number
  readonly endLine: number
  declare readonly fault?: string

  constructor(octets: Buffer, { quoted, line, endOffset, endLine, fault }: Found) {
    this.octets = octets
    this.quoted = quoted
    this.line = line
    this.endOffset = endOffset
    this.endLine = endLine
    if (fault !== undefined) this.fault = fault
  }

  get text(): string {
    return this.octets.toString('utf8')
  }
}

/** The record that has begun. */
interface Begun {
  /** Its octets so far, none when it is too long. */
  octets: Buffer
  /** How many were dropped because it is too long. */
  dropped: number
  line: number
}

export function recordSplitter(start: SplitterStart): RecordSplitter {
  const { maxRecordBytes = MAX_RECORD_BYTES } = start
  const quotes = quoteMachine(start.format)
  const begun: Begun = { octets: NOTHING, dropped: 0, line: start.lines + 1 }
  let offset = start.offset
  let lines = start.lines
  let markPossible = start.offset === 0

  /** `undefined`: an empty line. */
  function finish(octets: Buffer): SourceRecord | undefined {
    const content = octets[octets.length - 1] === CR ? octets.subarray(0, -1) : octets
    const tooLong = begun.dropped > 0 || octets.length > maxRecordBytes
    const fault = tooLong
      ? tooLongReason({ line: begun.line, lastLine: lines, quotes, maxRecordBytes })
      : faultIn(content, quotes)
    const found = { quoted: quotes.quoted, line: begun.line, endOffset: offset, endLine: lines }
    begun.dropped = 0
    begun.line = lines + 1
    quotes.reset()
    if (fault !== undefined) return new LazyRecord(NOTHING, { ...found, fault })
    return content.length === 0 ? undefined : new LazyRecord(content, found)
  }

  /** Octets with the byte order mark left out; `undefined` while too few have come to tell. */
  function withoutMark(octets: Buffer): Buffer | undefined {
    const length = Math.min(octets.length, BYTE_ORDER_MARK.length)
    const isMark = octets.subarray(0, length).equals(BYTE_ORDER_MARK.subarray(0, length))
    if (isMark && length < BYTE_ORDER_MARK.length) return undefined
    markPossible = false
    if (!isMark) return octets
    offset += length
    return octets.subarray(length)
  }

  function keep(octets: Buffer): void {
    begun.octets = octets
    if (octets.length <= maxRecordBytes && begun.dropped === 0) return
    begun.dropped += octets.length
    offset += octets.length
    begun.octets = NOTHING
  }

  function push(piece: Buffer): SourceRecord[] {
    let octets = begun.octets.length === 0 ? piece : Buffer.concat([begun.octets, piece])
    let position = begun.octets.length
    if (markPossible) {
      const rest = withoutMark(octets)
      begun.octets = octets
      if (rest === undefined) return []
      octets = rest
      position = 0
    }
    const records: SourceRecord[] = []
    let from = 0
    const plain = plainLines(octets, start.format)
    let atStart = begun.octets.length === 0 && begun.dropped === 0
    for (; position < octets.length; position++) {
      // What is not plain, or has begun before this piece, goes octet by octet.
      const lineEnd = atStart ? plain.endFrom(from) : -1
      atStart = false
      if (lineEnd >= 0) {
        lines += 1
        offset += lineEnd + 1 - from
        const record = finish(octets.subarray(from, lineEnd))
        if (record !== undefined) records.push(record)
        from = lineEnd + 1
        position = lineEnd
        atStart = true
        continue
      }
      const octet = octets[position]!
      const ends = quotes.step(octet, lines)
      if (octet === LF) lines += 1
      if (!ends) continue
      offset += position + 1 - from
      const record = finish(octets.subarray(from, position))
      if (record !== undefined) records.push(record)
      from = position + 1
      atStart = true
    }
    keep(octets.subarray(from))
    return records
  }

  function end(): SourceEnd {
    if (begun.octets.length === 0 && begun.dropped === 0) return { records: [], endOffset: offset, endLine: lines }
    offset += begun.octets.length
    lines += 1
    const unclosedQuoteLine = quotes.end()
    if (unclosedQuoteLine !== undefined) return { records: [], endOffset: offset, endLine: lines, unclosedQuoteLine }
    const record = finish(begun.octets)
    begun.octets = NOTHING
    return { records: record === undefined ? [] : [record], endOffset: offset, endLine: lines }
  }

  return { push, end }
}

/** Finds lines that are records as they are: without a quote, and without a carriage return but at their end. */
function plainLines(octets: Buffer, format: ImportFormat): { endFrom(from: number): number } {
  const isNdjson = format === 'ndjson'
  let quote = -1
  let carriageReturn = -1
  return {
    /** Of the line that begins at `from`; -1 when it is not plain, or not all here. */
    endFrom(from) {
      const end = octets.indexOf(LF, from)
      if (end < 0 || isNdjson) return end
      if (quote < from) quote = nextOf(octets, QUOTE, from)
      if (quote < end) return -1
      if (carriageReturn < from) carriageReturn = nextOf(octets, CR, from)
      return carriageReturn < end - 1 ? -1 : end
    },
  }
}

/** Past the end when there is none. */
function nextOf(octets: Buffer, octet: number, from: number): number {
  const found = octets.indexOf(octet, from)
  return found < 0 ? octets.length : found
}

function faultIn(content: Buffer, quotes: QuoteMachine): string | undefined {
  if (quotes.fault !== undefined || isUtf8(content)) return quotes.fault
  return 'not valid UTF-8: save the file as UTF-8 and import this row again'
}

function tooLongReason(about: {
  readonly line: number
  readonly lastLine: number
  readonly quotes: QuoteMachine
  readonly maxRecordBytes: number
}): string {
  const lines = about.lastLine > about.line ? `, taken from lines ${about.line} to ${about.lastLine}` : ''
  const hint = about.quotes.quoted ? '; a quote that is not closed has this effect' : ''
  return `the row is longer than ${about.maxRecordBytes} octets${lines}${hint}`
}
