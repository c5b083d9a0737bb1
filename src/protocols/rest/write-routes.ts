/** Where identifiers are registered, changed, withdrawn and listed. */
import { Type } from 'typebox'
import { BATCH_BODY_LIMIT } from '../http/body-parsers.js'
import { UpwardWaitQuery } from './acknowledge.js'
import { batchWrite } from './batch-write.js'
import { answers, described, describedOnly, operation } from './documented.js'
import type { Scope } from './door.js'
import { identifierList } from './identifier-lists.js'
import { identifierWrites } from './identifiers.js'
import { ItemProblem, ListedIdentifierShape, Page, PageQuery, ReceiptShape, RecordInput } from './schemas.js'

const json = 'application/json'

export function writeRoutes({ app, door, authenticate }: Scope): void {
  const writes = identifierWrites(door, authenticate)
  const receipt = { [json]: ReceiptShape }
  app.put(
    '/v1/identifiers/*',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag: 'Registration',
          summary: 'Register an identifier, or replace its record',
          description:
            'What GET gives can be edited and put back. Without If-Match whatever is there is replaced; the same content again changes nothing and gives the same version.',
          secured: true,
        }),
        querystring: UpwardWaitQuery,
        headers: conditionHeaders,
        body: RecordInput,
        response: {
          200: described('Replaced, or unchanged', receipt),
          ...answers(201, 'Registered', receipt).response,
        },
      },
    },
    writes.put,
  )
  app.patch(
    '/v1/identifiers/*',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag: 'Registration',
          summary: 'Change parts of a record (RFC 7396)',
          description: 'An attribute set to null is removed; `values`, when given, replaces the free values.',
          secured: true,
        }),
        consumes: ['application/merge-patch+json', json],
        querystring: UpwardWaitQuery,
        headers: conditionHeaders,
        body: RecordInput,
        ...answers(200, 'Changed, or unchanged', receipt),
      },
    },
    writes.patch,
  )
  app.delete(
    '/v1/identifiers/*',
    {
      ...describedOnly,
      schema: {
        ...operation({
          tag: 'Registration',
          summary: 'Withdraw an identifier',
          description: 'It answers 410 from then on, with when and why. Its history stays; PUT registers it anew.',
          secured: true,
        }),
        headers: conditionHeaders,
        querystring: Type.Object({
          reason: Type.Optional(Type.String({ maxLength: 1_000 })),
          ...UpwardWaitQuery.properties,
        }),
        body: Type.Object({ reason: Type.Optional(Type.String({ maxLength: 1_000 })) }),
        ...answers(200, 'Withdrawn', receipt),
      },
    },
    writes.withdraw,
  )
  batchRoute({ app, door, authenticate })
  const list = identifierList(door, authenticate)
  app.get(
    '/v1/identifiers',
    {
      schema: {
        ...operation({
          tag: 'Registration',
          summary: 'The identifiers below a prefix, for its holder',
          secured: true,
        }),
        querystring: PageQuery({ prefix: Type.String({ minLength: 1, maxLength: 300 }) }),
        ...answers(200, 'A page, in the order of keys', { [json]: Page(ListedIdentifierShape) }),
      },
    },
    async (request) => list(request, request.query),
  )
}

function batchRoute({ app, door, authenticate }: Scope): void {
  app.post(
    '/v1/identifiers::batch',
    {
      ...describedOnly,
      bodyLimit: BATCH_BODY_LIMIT,
      schema: {
        ...operation({
          tag: 'Registration',
          summary: 'Up to 2,000 registrations and withdrawals',
          description: 'Each has its own outcome, in order; what is wrong with one is no harm to the others.',
          secured: true,
        }),
        querystring: UpwardWaitQuery,
        headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ maxLength: 255 })) }),
        body: Type.Object({ items: Type.Array(BatchItem, { maxItems: 2_000 }) }),
        ...answers(200, 'The outcomes', {
          [json]: Type.Object({
            results: Type.Array(
              Type.Object({
                identifier: Type.Union([Type.String(), Type.Null()]),
                status: Type.Integer(),
                receipt: Type.Optional(ReceiptShape),
                problem: Type.Optional(ItemProblem),
              }),
            ),
          }),
        }),
      },
    },
    batchWrite(door, authenticate),
  )
}

const conditionHeaders = Type.Object({
  'if-match': Type.Optional(Type.String({ description: 'only while this is the newest version, such as "v3"' })),
  'if-none-match': Type.Optional(Type.String({ description: '*: only when it is not registered' })),
  'idempotency-key': Type.Optional(Type.String({ description: 'a retry with the same key gets the same receipt' })),
})

const BatchItem = Type.Intersect([
  RecordInput,
  Type.Object({
    identifier: Type.String(),
    intent: Type.Optional(Type.Enum(['register', 'withdraw'])),
    reason: Type.Optional(Type.String()),
    ifMatch: Type.Optional(Type.Integer({ minimum: 1 })),
    ifNoneMatch: Type.Optional(Type.Literal('*')),
  }),
])
