/**
 * The receiving side, of a node in the role of a top-level node.
 *
 *   POST /v1/upward/reports/{table}    a report of a node below; the same one again changes nothing
 *   GET  /v1/received-reports          what was received, the newest first
 *   GET  /v1/received-reports/{id}     one document
 *
 * A node below is an enterprise here: its API key says whose reports these are, and it may only report for a prefix that
 * it holds here. A document is identified by node, table, period, revision and part; another content under the same name
 * is refused, for nobody could tell which of the two is meant. What is kept of each node is bounded (received/receive.ts).
 */
import { type TSchema, Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import type { Database } from '../../platform/postgres.js'
import { answers, described, operation } from '../../protocols/rest/documented.js'
import type { Scope } from '../../protocols/rest/door.js'
import { pageOf } from '../../protocols/rest/pages.js'
import { DEFAULT_PAGE, Page, PageQuery } from '../../protocols/rest/schemas.js'
import { requireKnown } from '../../registry/standing.js'
import { authorize } from '../../security/authorize.js'
import type { Principal } from '../../security/principal.js'
import { unpacked } from '../duty/ledger.js'
import { type Quota, receiveReport } from '../received/receive.js'
import { PERIOD_KEY, type Report, reportFaults } from '../tables/report-shape.js'
import { TABLES } from '../tables/tables.js'
import { idOf, numberAfter, requireTable } from './parameters.js'

const tag = 'Received reports'
const json = 'application/json'
const AnyObject: TSchema = Type.Object({}, { additionalProperties: true })
const MAX_BODY_BYTES = 16 * 2 ** 20

const Receipt = Type.Object({
  id: Type.Integer(),
  node: Type.String(),
  table: Type.String(),
  period: Type.String(),
  revision: Type.Integer(),
  part: Type.Integer(),
  receivedAt: Type.String({ format: 'date-time' }),
  removed: Type.Integer({ minimum: 0, description: 'older documents of the node that went to make room for it' }),
})

export function receivedReportRoutes(scope: Scope, quota: Quota): void {
  receiveRoute(scope, quota)
  listRoute(scope)
  documentRoute(scope)
}

function receiveRoute({ app, door, authenticate }: Scope, quota: Quota): void {
  const { db } = door.registry
  app.post(
    '/v1/upward/reports/:table',
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        ...operation({
          tag,
          summary: 'Report to this node',
          description:
            'The body is a document as /v1/schemas/reports/{table} describes it. The same document again is answered 200 and changes nothing. Of each node so many documents and octets are kept (JIEXI_RECEIVED_REPORTS, JIEXI_RECEIVED_REPORT_BYTES), for 800 days at most; beyond that the oldest of the table that takes most room go, and `removed` says how many.',
          secured: true,
        }),
        params: Type.Object({ table: Type.Enum(TABLES) }),
        body: AnyObject,
        response: {
          200: described('It was here already', { [json]: Receipt }),
          ...answers(201, 'Received', { [json]: Receipt }).response,
        },
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      authorize(principal, 'write')
      const table = requireTable(request.params.table)
      const faults = reportFaults(table, request.body)
      if (faults.length > 0)
        throw new NodeError('request-malformed', `This is no report ${table}: see /v1/schemas/reports/${table}.`, {
          faults,
        })
      const report = request.body as unknown as Report
      await requireHolder(db, principal, report.node)
      const sentBy = requireKnown(principal).apiKeyId
      const { isNew, ...receipt } = await receiveReport(db, report, { quota, sentBy })
      const { node, period, revision, part } = report
      return reply.code(isNew ? 201 : 200).send({ node, table, period: period.key, revision, part, ...receipt })
    },
  )
}

/** @throws NodeError `prefix-not-held` */
async function requireHolder(db: Database, principal: Principal, node: string): Promise<void> {
  if (principal.kind === 'administrator') return
  const enterpriseId = principal.kind === 'enterprise' ? principal.enterpriseId : ''
  const rows = await db.query('select from prefix where name = $1 and enterprise_id = $2', [node, enterpriseId])
  if (rows.length > 0) {
    authorize(principal, 'write', node)
    return
  }
  throw new NodeError(
    'prefix-not-held',
    `${enterpriseId} does not hold the prefix ${node} at this node, and cannot report for it.`,
  )
}

function listRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/received-reports',
    {
      schema: {
        ...operation({ tag, summary: 'What was received, newest first', secured: true }),
        querystring: PageQuery({
          node: Type.Optional(Type.String({ maxLength: 255, pattern: '^[^\\u0000]*$' })),
          table: Type.Optional(Type.Enum(TABLES)),
          period: Type.Optional(Type.String({ pattern: PERIOD_KEY })),
        }),
        ...answers(200, 'A page', { [json]: Page(AnyObject) }),
      },
    },
    async (request) => {
      authorize(await authenticate(request), 'administer')
      const { limit = DEFAULT_PAGE, after, node, table, period } = request.query
      const rows = await door.registry.db.query<{ id: number }>(
        `select id, node, table_name as "table", period, revision, part, is_last as "isLast", received_at as "receivedAt",
           sent_by as "sentBy"
         from received_report
         where id < $1 and ($2::text is null or node = $2) and ($3::text is null or table_name = $3)
           and ($4::text is null or period = $4)
         order by id desc limit $5`,
        [numberAfter(after) ?? Number.MAX_SAFE_INTEGER, node ?? null, table ?? null, period ?? null, limit + 1],
      )
      return pageOf(rows, limit, ({ id }) => String(id))
    },
  )
}

function documentRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/received-reports/:id',
    {
      schema: {
        ...operation({ tag, summary: 'One received document', secured: true }),
        params: Type.Object({ id: Type.String({ pattern: '^\\d{1,15}$' }) }),
        ...answers(200, 'The report', { [json]: AnyObject }),
      },
    },
    async (request, reply) => {
      authorize(await authenticate(request), 'administer')
      const { id } = request.params
      const [row] = await door.registry.db.query<{ body: Buffer }>('select body from received_report where id = $1', [
        idOf(id),
      ])
      if (row === undefined) throw new NodeError('not-found', `No report ${id} was received here.`)
      return reply.header('content-type', json).send(Buffer.from(await unpacked(row.body)))
    },
  )
}
