/** Import jobs as this door shows them. */
import { Type } from 'typebox'
import type { ImportJob } from '../../registry/import-jobs.js'
import { IMPORT_FORMATS } from '../../registry/import-quotes.js'

const Time = Type.String({ format: 'date-time' })
const Count = Type.Integer({ minimum: 0 })

const Options = {
  format: Type.Enum([...IMPORT_FORMATS]),
  template: Type.Optional(Type.String({ description: 'needed for csv and tsv; for ndjson the default of its rows' })),
  mode: Type.Optional(
    Type.Enum(['create', 'upsert'], {
      description:
        'create (default): an identifier that exists with other content is a row error; upsert: a new version',
    }),
  ),
  dryRun: Type.Optional(Type.Boolean({ description: 'check and report everything, write nothing' })),
}

export const ImportInput = Type.Object(
  {
    id: Type.Optional(Type.String({ description: 'of your choice; asking again with it gives the same import' })),
    ...Options,
    identifierColumn: Type.Optional(Type.String({ default: 'identifier' })),
    prefix: Type.Optional(Type.String({ description: 'with suffixColumn: identifiers are prefix/suffix' })),
    suffixColumn: Type.Optional(Type.String()),
    columns: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]), {
        description: 'from column to attribute, to value:<index>:<TYPE>, or to null (ignored)',
      }),
    ),
    otherColumns: Type.Optional(Type.Enum(['refuse', 'ignore'])),
    source: Type.Optional(
      Type.Object({ name: Type.Optional(Type.String()), bytes: Type.Optional(Count) }, { description: 'for progress' }),
    ),
  },
  { examples: [{ format: 'csv', template: 'product', prefix: '88.118.8', suffixColumn: 'gtin' }] },
)

export const ImportShape = Type.Object({
  id: Type.String(),
  state: Type.Enum(['open', 'running', 'interrupted', 'finished', 'halted']),
  halted: Type.Optional(Type.Object({ code: Type.String(), reason: Type.String() })),
  ...Options,
  source: Type.Object({ name: Type.Optional(Type.String()), bytes: Type.Optional(Count) }),
  offset: Type.Integer({ minimum: 0, description: 'the octet of the file from which the content is wanted' }),
  rows: Type.Object({
    done: Count,
    created: Count,
    replaced: Count,
    unchanged: Count,
    withdrawn: Count,
    failed: Count,
  }),
  errors: Type.Integer({ minimum: 0, description: 'faults that can be read at /v1/imports/{id}/errors' }),
  token: Type.Optional(
    Type.String({ description: 'send it as Jiexi-Token to see at least what this import has written so far' }),
  ),
  visible: Type.Optional(
    Type.Literal(true, { description: 'with wait=visible: no replica can answer older any more' }),
  ),
  enterpriseId: Type.Union([Type.String(), Type.Null()]),
  createdBy: Type.String({ description: 'API key id' }),
  createdAt: Time,
  changedAt: Time,
  finishedAt: Type.Union([Time, Type.Null()]),
})

export function importJson(job: ImportJob, tokenOf: (xid: number) => string) {
  const { format, template, mode, dryRun, source } = job.options
  return {
    id: job.id,
    state: job.state,
    ...(job.halted === undefined ? {} : { halted: job.halted }),
    format,
    template,
    mode,
    dryRun,
    source,
    offset: job.offsetBytes,
    rows: { done: job.rowsDone, ...job.counts },
    errors: job.errorsStored,
    ...(job.lastXid === undefined ? {} : { token: tokenOf(job.lastXid) }),
    enterpriseId: job.enterpriseId ?? null,
    createdBy: job.createdBy,
    createdAt: job.createdAt.toISOString(),
    changedAt: job.changedAt.toISOString(),
    finishedAt: job.finishedAt?.toISOString() ?? null,
  }
}
