/**
 * The reports this node made, for the administrator.
 *
 *   GET  /v1/schemas/reports/{table}   the JSON Schema of a table; for everybody
 *   GET  /v1/reports                   what was made, the newest first, and where each has got to
 *   GET  /v1/reports/{id}              one document
 *   GET  /v1/reports/{id}/attempts     what was sent when, and what came of it
 *   POST /v1/reports/{table}/{period}/resend
 *   GET  /v1/events                    abnormal and recovered
 */
import { type TSchema, Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { answers, operation } from '../../protocols/rest/documented.js'
import type { Scope } from '../../protocols/rest/door.js'
import { pageOf } from '../../protocols/rest/pages.js'
import { DEFAULT_PAGE, Page, PageQuery } from '../../protocols/rest/schemas.js'
import { authorize } from '../../security/authorize.js'
import { eventData, listEvents } from '../duty/events.js'
import { sendAgain, unpacked } from '../duty/ledger.js'
import { isPeriodic, SETTLED_AFTER_MS } from '../duty/owed.js'
import { periodNamed } from '../periods.js'
import { REPORT_SCHEMAS } from '../tables/report-shape.js'
import { isTable, REPORT_TABLES, TABLES, type TableName } from '../tables/tables.js'
import { idOf, numberAfter, requireTable } from './parameters.js'

const tag = 'Reports'
const json = 'application/json'
const AnyObject: TSchema = Type.Object({}, { additionalProperties: true })
const ById = Type.Object({ id: Type.String({ pattern: '^\\d{1,15}$' }) })

export interface OwnReportOptions {
  readonly timeZone: string
  /** Names of those that reports go to. */
  readonly destinations: readonly string[]
  /** Why no report is made here; absent: they are. */
  readonly whyNone?: string | undefined
}

export function ownReportRoutes(scope: Scope, options: OwnReportOptions): void {
  schemaRoutes(scope)
  listRoute(scope)
  documentRoutes(scope)
  resendRoute(scope, options)
  eventsRoute(scope)
}

function schemaRoutes({ app }: Scope): void {
  app.get(
    '/v1/schemas/reports',
    {
      schema: {
        ...operation({ tag, summary: 'The tables that are reported' }),
        ...answers(200, 'All of them', { [json]: AnyObject }),
      },
    },
    async () => ({
      items: TABLES.map((table) => {
        const { title, cadence } = REPORT_TABLES[table]
        return { table, title, cadence, schema: `/v1/schemas/reports/${table}` }
      }),
    }),
  )
  app.get(
    '/v1/schemas/reports/:table',
    {
      schema: {
        ...operation({ tag, summary: 'The JSON Schema of a table' }),
        params: Type.Object({ table: Type.String({ maxLength: 64 }) }),
        ...answers(200, 'JSON Schema, 2020-12', { 'application/schema+json': AnyObject }),
      },
    },
    async (request, reply) => {
      const { table } = request.params
      if (!isTable(table))
        throw new NodeError('not-found', `There is no table ${table}. Known are ${TABLES.join(', ')}.`)
      return reply
        .header('content-type', 'application/schema+json')
        .send(Buffer.from(JSON.stringify(REPORT_SCHEMAS[table])))
    },
  )
}

interface ListedReport {
  readonly id: number
}

function listRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/reports',
    {
      schema: {
        ...operation({
          tag,
          summary: 'The reports that were made, newest first',
          description:
            'Of each part, where it was sent and what became of it: due, delivered, or refused with a reason.',
          secured: true,
        }),
        querystring: PageQuery({
          table: Type.Optional(Type.Enum(TABLES)),
          state: Type.Optional(Type.Enum(['due', 'delivered', 'refused'])),
        }),
        ...answers(200, 'A page', { [json]: Page(AnyObject) }),
      },
    },
    async (request) => {
      authorize(await authenticate(request), 'administer')
      const { limit = DEFAULT_PAGE, after, table, state } = request.query
      const rows = await door.registry.db.query<ListedReport>(
        `select id, table_name as "table", period, revision, part, is_last as "isLast", produced_at as "producedAt",
           body is not null as "isKept",
           (select coalesce(json_agg(json_build_object('destination', destination, 'state', state, 'attempts', attempts,
              'deliveredAt', delivered_at, 'problem', last_problem) order by destination), '[]')
            from report_delivery where report_id = id) as deliveries
         from report where is_complete and id < $1 and ($2::text is null or table_name = $2)
           and ($3::text is null or exists (select from report_delivery where report_id = id and state = $3))
         order by id desc limit $4`,
        [numberAfter(after) ?? Number.MAX_SAFE_INTEGER, table ?? null, state ?? null, limit + 1],
      )
      return pageOf(rows, limit, ({ id }) => String(id))
    },
  )
}

function documentRoutes({ app, door, authenticate }: Scope): void {
  const { db } = door.registry
  app.get(
    '/v1/reports/:id',
    {
      schema: {
        ...operation({ tag, summary: 'One document, as it is sent', secured: true }),
        params: ById,
        ...answers(200, 'The report', { [json]: AnyObject }),
      },
    },
    async (request, reply) => {
      authorize(await authenticate(request), 'administer')
      const [row] = await db.query<{ body: Buffer | null }>('select body from report where id = $1', [
        idOf(request.params.id),
      ])
      if (!row?.body)
        throw new NodeError('not-found', `There is no report ${request.params.id}, or no longer its text.`)
      return reply.header('content-type', json).send(Buffer.from(await unpacked(row.body)))
    },
  )
  app.get(
    '/v1/reports/:id/attempts',
    {
      schema: {
        ...operation({ tag, summary: 'What was sent when, and what came of it', secured: true }),
        params: ById,
        querystring: PageQuery({}),
        ...answers(200, 'A page, in the order of time', { [json]: Page(AnyObject) }),
      },
    },
    async (request) => {
      authorize(await authenticate(request), 'administer')
      const { limit = DEFAULT_PAGE, after } = request.query
      const rows = await db.query<ListedReport>(
        `select id, destination, at, took_ms as "tookMs", outcome, detail from report_attempt
         where report_id = $1 and id > $2 order by id limit $3`,
        [idOf(request.params.id), numberAfter(after) ?? 0, limit + 1],
      )
      return pageOf(rows, limit, ({ id }) => String(id))
    },
  )
}

function resendRoute({ app, door, authenticate }: Scope, { timeZone, destinations, whyNone }: OwnReportOptions): void {
  const { db, clock } = door.registry
  app.post(
    '/v1/reports/:table/:period/resend',
    {
      schema: {
        ...operation({
          tag,
          summary: 'Send a report again',
          description:
            'As it was made, to every destination; with `anew` it is collected again and sent as the next revision, which also serves for a period that has ended and no report was made of.',
          secured: true,
        }),
        params: Type.Object({ table: Type.String({ maxLength: 64 }), period: Type.String({ maxLength: 64 }) }),
        body: Type.Object({ anew: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
        ...answers(202, 'It will be', {
          [json]: Type.Object({
            deliveries: Type.Optional(Type.Integer({ description: 'documents to destinations' })),
          }),
        }),
      },
    },
    async (request, reply) => {
      authorize(await authenticate(request), 'administer')
      const { period } = request.params
      const table = requireTable(request.params.table)
      const settledAtMs = settledAt({ table, period, timeZone })
      if (whyNone !== undefined) throw new NodeError('request-malformed', `No report is made here: ${whyNone}`)
      reply.code(202)
      if (request.body.anew === true && table !== 'event') {
        if (settledAtMs > clock.nowMs()) throw notEnded(period, settledAtMs)
        await db.query('insert into report_request (table_name, period) values ($1, $2) on conflict do nothing', [
          table,
          period,
        ])
        return {}
      }
      const deliveries = await sendAgain(db, { table, period, destinations })
      if (deliveries > 0) return { deliveries }
      const advice = table === 'event' ? '' : ' With "anew": true it is collected again.'
      throw new NodeError('not-found', `No report ${table} of ${period} is kept.${advice}`)
    },
  )
}

interface Asked {
  readonly table: TableName
  readonly period: string
  readonly timeZone: string
}

/** From when on all of the period is in the database; of a state that has no end, always. @throws NodeError `request-malformed` */
function settledAt({ table, period, timeZone }: Asked): number {
  const { cadence } = REPORT_TABLES[table]
  if (isPeriodic(cadence)) return periodNamed(cadence, period, timeZone).toMs + SETTLED_AFTER_MS
  if (table === 'event') requirePeriodLike(period, EVENT, 'Reports of events are named like "event-7".')
  else requirePeriodLike(period, CURRENT, `${table} is told whenever it changes: its period is "current".`)
  return Number.NEGATIVE_INFINITY
}

const CURRENT = /^current$/
const EVENT = /^event-\d{1,15}$/

function requirePeriodLike(period: string, pattern: RegExp, reason: string): void {
  if (!pattern.test(period)) throw new NodeError('request-malformed', reason, { faults: [{ field: 'period', reason }] })
}

/** What is counted of a period that goes on would stand for the whole of it. */
function notEnded(period: string, settledAtMs: number): NodeError {
  const reason = `${period} can be collected from ${new Date(settledAtMs).toISOString()} on, when it has ended and all of it is stored.`
  return new NodeError('request-malformed', reason, { faults: [{ field: 'period', reason }] })
}

function eventsRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/events',
    {
      schema: {
        ...operation({
          tag,
          summary: 'Abnormal and recovered: events of this node and of its enterprises',
          description:
            '`ends` of a recovery is the number of the abnormal event that it ends. `prefix` says which node of an enterprise: the one that answers for it.',
          secured: true,
        }),
        querystring: PageQuery({}),
        ...answers(200, 'A page, in the order of numbers', { [json]: Page(AnyObject) }),
      },
    },
    async (request) => {
      authorize(await authenticate(request), 'administer')
      const { limit = DEFAULT_PAGE, after } = request.query
      const rows = await listEvents(door.registry.db, { after: numberAfter(after) ?? 0, limit: limit + 1 })
      return pageOf(rows.map(eventData), limit, ({ number }) => String(number))
    },
  )
}
