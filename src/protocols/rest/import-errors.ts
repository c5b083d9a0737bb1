/** The row errors of an import, streamed: any number of them, in the order of the file. */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Database } from '../../platform/postgres.js'
import { type ImportError, listImportErrors } from '../../registry/import-errors.js'
import { requireImport } from '../../registry/import-jobs.js'
import { chooseMediaType } from '../http/accept.js'
import type { Authenticate } from '../http/authenticate.js'

const CSV = 'text/csv'
const NDJSON = 'application/x-ndjson'
const COLUMNS = ['row', 'line', 'field', 'reason', 'identifier'] as const
const LINES_PER_PIECE = 500

type ById = { Params: { readonly id: string } }

export function importErrors(db: Database, authenticate: Authenticate) {
  return async (request: FastifyRequest<ById>, reply: FastifyReply): Promise<FastifyReply> => {
    const { id } = await requireImport(db, await authenticate(request), request.params.id)
    const type = chooseMediaType(request.headers.accept, [CSV, NDJSON])
    const lineOf = type === CSV ? csvLine : jsonLine
    const head = type === CSV ? `${COLUMNS.join(',')}\r\n` : ''
    return reply
      .headers({
        'content-type': type === CSV ? `${CSV}; charset=utf-8; header=present` : NDJSON,
        'content-disposition': `attachment; filename="${id}.errors.${type === CSV ? 'csv' : 'ndjson'}"`,
        'cache-control': 'no-store',
        vary: 'Accept',
      })
      .send(Readable.from(pieces(listImportErrors(db, id), { head, lineOf }), { objectMode: false }))
  }
}

async function* pieces(
  errors: AsyncIterable<ImportError>,
  { head, lineOf }: { readonly head: string; readonly lineOf: (error: ImportError) => string },
): AsyncGenerator<string> {
  let lines = [head]
  for await (const error of errors) {
    lines.push(lineOf(error))
    if (lines.length < LINES_PER_PIECE) continue
    yield lines.join('')
    lines = []
  }
  yield lines.join('')
}

/** RFC 4180. */
function csvLine(error: ImportError): string {
  return `${COLUMNS.map((column) => csvField(String(error[column]))).join(',')}\r\n`
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function jsonLine({ row, line, field, reason, identifier }: ImportError): string {
  return `${JSON.stringify({ row, line, field, reason, identifier })}\n`
}
