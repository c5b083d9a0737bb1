/**
 * Imports: files of any size, registered row by row.
 *
 *   POST  /v1/imports                what the file is and what its rows mean
 *   PATCH /v1/imports/{id}/content   the file itself, as one body; after a break the rest of it, from `offset` on
 *   GET   /v1/imports/{id}           how far it is
 *   GET   /v1/imports/{id}/errors    what was wrong with which row
 */
import { Type } from 'typebox'
import { bulkImport } from '../../registry/bulk-import.js'
import { malformedField } from '../../registry/checks.js'
import { listImports, openImport, requireImport } from '../../registry/import-jobs.js'
import { readImportOptions } from '../../registry/import-options.js'
import { checkJson } from '../http/strict-json.js'
import { UpwardWaitQuery } from './acknowledge.js'
import { TOKEN_HEADER } from './demands.js'
import { answers, described, describedOnly, operation } from './documented.js'
import type { Scope } from './door.js'
import { importContent } from './import-content.js'
import { importErrors } from './import-errors.js'
import { ImportInput, ImportShape, importJson } from './import-shapes.js'
import { pageOf } from './pages.js'
import { DEFAULT_PAGE, Page, PageQuery } from './schemas.js'

const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
const one = { 'application/json': ImportShape }
const tag = 'Import'

export function importRoutes(scope: Scope): void {
  openRoute(scope)
  readRoutes(scope)
  contentRoute(scope)
  errorsRoute(scope)
}

function openRoute({ app, door, authenticate }: Scope): void {
  app.post(
    '/v1/imports',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag,
          summary: 'Open an import',
          description:
            'Says what the file is. Its content is sent to /v1/imports/{id}/content. Choose the id yourself, and a lost answer does no harm: asking again gives the same import with status 200.',
          secured: true,
        }),
        body: ImportInput,
        ...answers(201, 'Opened', one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      const { job, created } = await openImport(door.registry, principal, readImportOptions(request.body))
      return reply
        .code(created ? 201 : 200)
        .headers({
          'cache-control': 'no-store',
          location: `/v1/imports/${job.id}`,
          'upload-offset': String(job.offsetBytes),
        })
        .send(importJson(job, door.tokens.begin()))
    },
  )
}

function readRoutes({ app, door, authenticate }: Scope): void {
  const { db } = door.registry
  app.get(
    '/v1/imports',
    {
      schema: {
        ...operation({ tag, summary: 'List imports, newest first', secured: true }),
        querystring: PageQuery({}),
        ...answers(200, 'A page', { 'application/json': Page(ImportShape) }),
      },
    },
    async (request, reply) => {
      const { limit = DEFAULT_PAGE, after } = request.query
      const before = after === undefined ? {} : { before: ordinalOf(after) }
      const jobs = await listImports(db, await authenticate(request), { ...before, limit: limit + 1 })
      const tokenOf = door.tokens.begin()
      const { items, next } = pageOf(jobs, limit, ({ ordinal }) => String(ordinal))
      return reply
        .header('cache-control', 'no-store')
        .send({ items: items.map((job) => importJson(job, tokenOf)), next })
    },
  )
  app.get(
    '/v1/imports/:id',
    {
      schema: {
        ...operation({
          tag,
          summary: 'How far an import is',
          description:
            'open: no content yet; running; interrupted: it waits for the content from `offset` on; finished; halted: it takes no more content, `halted` says why.',
          secured: true,
        }),
        params: ById,
        ...answers(200, 'The import', one),
      },
    },
    async (request, reply) => {
      const job = await requireImport(db, await authenticate(request), request.params.id)
      const shown = importJson(job, door.tokens.begin())
      if (shown.token !== undefined) reply.header(TOKEN_HEADER, shown.token)
      return reply.headers({ 'cache-control': 'no-store', 'upload-offset': String(job.offsetBytes) }).send(shown)
    },
  )
}

function contentRoute({ app, door, authenticate }: Scope): void {
  const { registry } = door
  const receive = bulkImport(registry, { parseJson })
  app.register(async (inner) => {
    // The body is not read here: it goes to the import as it arrives.
    inner.removeAllContentTypeParsers()
    inner.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    inner.patch(
      '/v1/imports/:id/content',
      {
        ...describedOnly,
        schema: {
          ...operation({
            tag,
            summary: 'Send the content of an import',
            description:
              'The file as it is, of any size, in one body; it is registered while it arrives. After a break GET tells `offset`: send the rest of the file from that octet on. Each row is registered exactly once, whatever breaks. With Upload-Complete: ?0 the file does not end with this content.',
            secured: true,
          }),
          params: ById,
          querystring: UpwardWaitQuery,
          headers: Type.Object({
            'upload-offset': Type.Integer({ minimum: 0, description: 'where in the file this content begins' }),
            'upload-complete': Type.Optional(Type.Enum(['?1', '?0'])),
          }),
          consumes: ['text/csv', 'text/tab-separated-values', 'application/x-ndjson', 'application/octet-stream'],
          body: Type.String({ format: 'binary' }),
          ...answers(200, 'The import as it is now', one),
        },
      },
      importContent({ door, authenticate, receive }),
    )
  })
}

function errorsRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/imports/:id/errors',
    {
      schema: {
        ...operation({
          tag,
          summary: 'What was wrong with which row',
          description: 'In the order of the file. Rows are counted from 1 without the header, lines with it.',
          secured: true,
        }),
        params: ById,
        response: {
          200: described('All faults so far', {
            'text/csv': Type.String({ description: 'row,line,field,reason,identifier' }),
            'application/x-ndjson': Type.Object({
              row: Type.Integer(),
              line: Type.Integer(),
              field: Type.String(),
              reason: Type.String(),
              identifier: Type.String(),
            }),
          }),
          ...answers(404, 'No such import', {}).response,
        },
      },
    },
    importErrors(door.registry.db, authenticate),
  )
}

function parseJson(text: string): unknown {
  checkJson(text)
  return JSON.parse(text)
}

function ordinalOf(after: string): number {
  if (/^\d{1,15}$/.test(after)) return Number(after)
  throw malformedField('after', 'must be `next` of the page before.')
}
