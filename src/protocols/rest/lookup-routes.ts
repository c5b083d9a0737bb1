/** Where identifiers are found: one by one, in batches, and in their history. */
import { Type } from 'typebox'
import { demandHeaders, demandQuery } from './demands.js'
import { answers, describedOnly, operation, problem } from './documented.js'
import type { Scope } from './door.js'
import { history } from './identifier-lists.js'
import { lookup } from './lookup.js'
import { resolveBatch } from './resolve-batch.js'
import { MAX_BATCH } from './resolve-input.js'
import { ItemProblem, Limit, Page, RecordShape, VersionShape } from './schemas.js'

const json = 'application/json'
const protobuf = 'application/x-protobuf'
const Bytes = Type.String({ format: 'binary', description: 'proto/resolution.proto' })
const Strings = Type.Array(Type.String())

export function lookupRoutes({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/identifiers/*',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag: 'Look-up',
          summary: 'The record of an identifier',
          description:
            'A handle, VAA code or OID. 404: not registered, or no prefix of this node; 410: withdrawn, with when and why. ETag and If-None-Match give 304. With the API key of the holder also values that are not public.',
        }),
        querystring: Type.Object({
          index: Type.Optional(
            Type.Array(Type.Integer(), {
              description: 'only values with this index, in `values`, and under their names if attributes; repeatable',
            }),
          ),
          type: Type.Optional({
            ...Strings,
            description: 'or of this type; one ending in "." means all its subtypes; an attribute has its name as type',
          }),
          attribute: Type.Optional({
            ...Strings,
            description: 'only these attributes, and no free values; 400 for one that its template does not have',
          }),
          values: Type.Optional(
            Type.Literal('all', { description: 'every value, attributes included; `index` and `type` narrow it' }),
          ),
          version: Type.Optional(Type.Integer({ minimum: 1, description: 'that version' })),
          at: Type.Optional(Type.String({ format: 'date-time', description: 'the version that was current then' })),
          explain: Type.Optional(Type.Literal('1', { description: 'how the answer came about' })),
          ...demandQuery,
        }),
        headers: Type.Object({
          'if-none-match': Type.Optional(Type.String()),
          ...demandHeaders,
        }),
        response: lookupAnswers,
      },
    },
    lookup(door, authenticate),
  )
  app.post(
    '/v1/resolve',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag: 'Look-up',
          summary: `Up to ${MAX_BATCH} identifiers at once, of any schemes`,
          description:
            'Results in the order asked for, each with its own status. Takes and gives JSON, NDJSON (a result a line; an identifier a line, plain or as a JSON string) and protobuf, by Content-Type and Accept. Records of more than 32 MiB do not come at once: those beyond are 413, to be asked for again.',
        }),
        consumes: [json, 'application/x-ndjson', 'text/plain', protobuf],
        querystring: Type.Object(demandQuery),
        headers: Type.Object(demandHeaders),
        body: Type.Object({ identifiers: Type.Array(Type.String(), { maxItems: MAX_BATCH }) }),
        ...answers(200, 'The results', {
          [json]: Type.Object({ results: Type.Array(ResolveResultShape) }),
          'application/x-ndjson': ResolveResultShape,
          [protobuf]: Bytes,
        }),
      },
    },
    resolveBatch(door, authenticate),
  )
  const versions = history(door, authenticate)
  app.get(
    '/v1/history/*',
    {
      schema: {
        ...operation({ tag: 'Look-up', summary: 'The versions of an identifier, newest first' }),
        headers: Type.Object(demandHeaders),
        querystring: Type.Object(
          {
            before: Type.Optional(Type.Integer({ minimum: 1, description: '`next` of the page before' })),
            limit: Limit,
          },
          { additionalProperties: false },
        ),
        ...answers(200, 'A page', { [json]: Page(VersionShape) }),
      },
    },
    async (request, reply) => versions(request, reply, request.query),
  )
}

const ResolveResultShape = Type.Object({
  identifier: Type.String({ description: 'as asked' }),
  status: Type.Integer(),
  version: Type.Optional(Type.Integer({ description: 'of the record or its withdrawal; 0: never registered' })),
  tier: Type.Optional(Type.Enum(['memory', 'redis', 'registry', 'upstream', 'remembered'])),
  ageSeconds: Type.Optional(
    Type.Integer({ description: 'since the answer was last known to be current: 0 unless stale' }),
  ),
  stale: Type.Optional(Type.Object({ reason: Type.String(), asOf: Type.String() })),
  record: Type.Optional(RecordShape),
  problem: Type.Optional(ItemProblem),
})

const lookupAnswers: Readonly<Record<string, unknown>> = {
  ...answers(200, 'The record', { [json]: RecordShape, [protobuf]: Bytes }).response,
  304: { description: 'Not modified', type: 'null' },
  410: problem('Withdrawn: when, and why'),
}
