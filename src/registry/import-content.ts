/**
 * Turns the pieces of an upload into chunks: rows as they are read, cut every few thousand. Knows nothing of the
 * database; holds the chunk under construction and at most one record that is not whole yet.
 */
import { setImmediate } from 'node:timers/promises'
import { NodeError } from '../platform/errors.js'
import { findTemplate } from '../record/template.js'
import type { Chunk } from './import-chunk.js'
import { encodingWatch } from './import-encoding.js'
import { fieldsOf } from './import-fields.js'
import type { ImportJob } from './import-jobs.js'
import { jsonRowReader, type ParseJson } from './import-json-rows.js'
import type { ImportOptions } from './import-options.js'
import { recordSplitter, type SourceRecord } from './import-records.js'
import type { ImportRow, RowReader } from './import-rows.js'
import { delimiterOf, tableRowReader } from './import-table-rows.js'

export interface ContentReader {
  /** Reads one piece, giving way to other work in between; `ready` is awaited for each chunk that is full. */
  read(piece: Buffer, ready: (chunk: Chunk) => Promise<void>): Promise<void>
  /** The rows that are whole and in no chunk yet; undefined when there are none. */
  takeRest(): Chunk | undefined
  /** The last row, when the file ends here. @throws NodeError `record-invalid` when the file cannot end here */
  end(): { readonly endOffset: number; readonly endLine: number }
}

export interface ContentOptions {
  readonly parseJson: ParseJson
  readonly nowSeconds: () => number
  /** Default 4,000 rows or 4 MiB of the file, whichever comes first. */
  readonly chunkRows?: number
}

export const CHUNK_ROWS = 4_000
const CHUNK_BYTES = 4_194_304
/** A slow sender's rows wait no longer than this for the chunk to fill. */
const CHUNK_AGE_MS = 2_000
const SLICE_BYTES = 16_384
/** Other work waits no longer than about this. */
const MAX_STRETCH_MS = 2

/** Goes on where the job stands. @throws NodeError (from everything) `record-invalid` for a header that does not fit */
export function contentReader(job: ImportJob, options: ContentOptions): ContentReader {
  const { format } = job.options
  const { parseJson, nowSeconds, chunkRows = CHUNK_ROWS } = options
  const splitter = recordSplitter({ format, offset: job.offsetBytes, lines: job.linesDone })
  const encoding = encodingWatch(job.offsetBytes)
  let reader = firstReader(job, parseJson)

  let rows: ImportRow[] = []
  let header: readonly string[] | undefined
  let nextRow = job.rowsDone + 1
  let start = job.offsetBytes
  let endOffset = job.offsetBytes
  let endLine = job.linesDone
  let begunAtMs = 0
  let stretchFromMs = performance.now()

  function add(record: SourceRecord): void {
    if (rows.length === 0) begunAtMs = performance.now()
    if (reader === undefined) {
      header = headerOf(record, delimiterOf(job.options))
      reader = tableReader(job.options, header)
    } else {
      rows.push(reader(record, { row: nextRow, line: record.line, nowSeconds: nowSeconds() }))
      nextRow += 1
    }
    endOffset = record.endOffset
    endLine = record.endLine
  }

  function takeRest(): Chunk | undefined {
    if (endOffset === start) return undefined
    const chunk = { rows, startOffset: start, endOffset, endLine, ...(header !== undefined ? { header } : {}) }
    rows = []
    header = undefined
    start = endOffset
    return chunk
  }

  function isFull(): boolean {
    if (rows.length >= chunkRows || endOffset - start >= CHUNK_BYTES) return true
    return rows.length > 0 && performance.now() - begunAtMs > CHUNK_AGE_MS
  }

  return {
    takeRest,
    async read(piece, ready) {
      encoding.look(piece)
      for (let from = 0; from < piece.length; from += SLICE_BYTES) {
        for (const record of splitter.push(piece.subarray(from, from + SLICE_BYTES))) {
          add(record)
          if (isFull()) await ready(takeRest()!)
        }
        if (performance.now() - stretchFromMs < MAX_STRETCH_MS) continue
        await setImmediate()
        stretchFromMs = performance.now()
      }
    },
    end() {
      const found = splitter.end()
      if (found.unclosedQuoteLine !== undefined) throw unclosedQuote(found.unclosedQuoteLine, endOffset)
      for (const record of found.records) add(record)
      if (reader === undefined)
        throw new NodeError('record-invalid', 'The file is empty: its first line must name the columns.')
      return found
    },
  }
}

/** undefined: the header is still to come. */
function firstReader(job: ImportJob, parseJson: ParseJson): RowReader | undefined {
  if (job.options.format === 'ndjson') return jsonRowReader(job.options, parseJson)
  return job.header === undefined ? undefined : tableReader(job.options, job.header)
}

function tableReader(options: ImportOptions, header: readonly string[]): RowReader {
  const template = findTemplate(options.template)
  if (template !== undefined) return tableRowReader(options, { template, header })
  throw new NodeError('template-unknown', `There is no template "${options.template}" at this node any more.`)
}

function headerOf(record: SourceRecord, delimiter: string): readonly string[] {
  if (record.fault !== undefined)
    throw new NodeError('record-invalid', `The header of the file cannot be read: ${record.fault}.`)
  return fieldsOf(record, delimiter)
}

function unclosedQuote(line: number, offset: number): NodeError {
  return new NodeError(
    'record-invalid',
    `The quote opened in line ${line} is never closed, so the file from octet ${offset} on is one row without an end. Close the quote and import the file again: rows that are there already stay as they are.`,
  )
}
