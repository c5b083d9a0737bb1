/**
 * Databases of a given number of records, each made when it is first asked for. For speed the records come in by COPY
 * into the node's own tables, past its import: as the import would write them, but without rows in the change feed.
 * The index is built afterwards, as after a restore.
 */
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { contentDigest, encodeValues } from '../../src/record/codec.js'
import { readDraft } from '../../src/record/draft.js'
import type { Bench } from '../bench.js'
import { PART_PREFIX, PRODUCT_PREFIX, recordAt } from '../workload/dataset.js'
import { setUpEnterprise } from './api.js'
import { ADMIN_KEY, NO_REDIS, startMeasuredNode } from './measured-node.js'

export interface ScaledDatabase {
  readonly records: number
  readonly url: string
  /** What all statements on the table of identifiers have cost since the counting began. */
  countedSince(begin: 'now'): Promise<() => Promise<StatementCounts>>
}

export interface StatementCounts {
  readonly queries: number
  readonly rows: number
  /** Pages of 8 KiB looked at, in memory or not. */
  readonly pages: number
}

export type ScaledDatabases = (records: number) => Promise<ScaledDatabase>

const COPY = `copy identifier
  (key, version, state, prefix, template, body, digest, registered_at, recorded_at, recorded_by) from stdin`
const ROWS_PER_CHUNK = 200
const ROWS_PER_TRANSACTION = 250_000
const LONG_MS = 3_600_000

export function scaledDatabases(bench: Bench): ScaledDatabases {
  const made = new Map<number, Promise<ScaledDatabase>>()
  return (records) => {
    const known = made.get(records) ?? make(bench, records)
    made.set(records, known)
    return known
  }
}

async function make(bench: Bench, records: number): Promise<ScaledDatabase> {
  const name = `scale_${records}`
  const url = new URL(bench.stage.databaseUrl)
  url.pathname = `/${name}`
  await withDatabase(bench.stage.databaseUrl, (db) => db.query(`create database ${name}`))
  await migrate(bench, url.href)
  await withDatabase(url.href, async (db) => {
    await load(bench, db, records)
    await db.query('create extension if not exists pg_stat_statements')
    await db.query(`alter database ${name} set pg_stat_statements.track = 'top'`)
    await db.query(`alter database ${name} set compute_query_id = on`)
  })
  return { records, url: url.href, countedSince: () => countSince(url.href) }
}

/** A node makes the tables, and is told of the prefixes. */
async function migrate(bench: Bench, databaseUrl: string): Promise<void> {
  const node = await startMeasuredNode(bench, { databaseUrl, memoryCacheBytes: 0, redisUrl: NO_REDIS })
  await setUpEnterprise({ port: node.port, apiKey: ADMIN_KEY }, [PRODUCT_PREFIX, PART_PREFIX])
  await node.stop()
}

async function load(bench: Bench, db: Database, records: number): Promise<void> {
  const { seed } = bench.options
  const [constraint] = await db.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = 'identifier'::regclass and contype = 'p'`,
  )
  if (!constraint) throw new Error('The table identifier has no primary key.')
  await db.query(`alter table identifier drop constraint ${constraint.name}`)
  for (let from = 0; from < records; from += ROWS_PER_TRANSACTION) {
    const to = Math.min(records, from + ROWS_PER_TRANSACTION)
    bench.say(`loading by COPY: records ${from} to ${to} of ${records}`)
    await db.transaction((tx) => tx.copyIn(COPY, copyLines(seed, from, to)), { timeoutMs: LONG_MS })
  }
  await db.query(`alter table identifier add constraint ${constraint.name} primary key (key)`)
  await db.query('vacuum (analyze) identifier')
  await db.query('checkpoint')
}

export function* copyLines(seed: number, from: number, to: number): Iterable<string> {
  const now = new Date()
  const about = { seed, at: now.toISOString(), nowSeconds: Math.floor(now.getTime() / 1000) }
  for (let start = from; start < to; start += ROWS_PER_CHUNK) {
    let chunk = ''
    for (let index = start; index < Math.min(to, start + ROWS_PER_CHUNK); index += 1) chunk += copyLine(index, about)
    yield chunk
  }
}

function copyLine(
  index: number,
  { seed, at, nowSeconds }: { readonly seed: number; readonly at: string; readonly nowSeconds: number },
): string {
  const { identifier, ...given } = recordAt(seed, index)
  const draft = readDraft(given, nowSeconds)
  if (!draft.ok) throw new Error(`Record ${index} is not one the node accepts.`)
  const { template, values } = draft.value
  const body = Buffer.from(encodeValues(values)).toString('hex')
  const digest = contentDigest(template, values).toString('hex')
  const prefix = identifier.slice(0, identifier.indexOf('/'))
  return `${identifier}\t1\t1\t${prefix}\t${template}\t\\\\x${body}\t\\\\x${digest}\t${at}\t${at}\tbench\n`
}

async function countSince(url: string): Promise<() => Promise<StatementCounts>> {
  const before = await countNow(url)
  return async () => {
    const after = await countNow(url)
    return {
      queries: after.queries - before.queries,
      rows: after.rows - before.rows,
      pages: after.pages - before.pages,
    }
  }
}

function countNow(url: string): Promise<StatementCounts> {
  return withDatabase(url, async (db) => {
    // The feed's polls go on all the time, and are no part of a look-up.
    const [counts] = await db.query<{ queries: number; rows: number; pages: number }>(
      `select coalesce(sum(calls), 0)::bigint as queries, coalesce(sum(rows), 0)::bigint as rows,
         coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint as pages
       from pg_stat_statements
       where dbid = (select oid from pg_database where datname = current_database())
         and query !~* '\\mchange\\M|pg_stat_statements'`,
    )
    return counts!
  })
}

async function withDatabase<Result>(url: string, work: (db: Database) => Promise<Result>): Promise<Result> {
  const db = openDatabase({ url, maxConnections: 1, statementTimeoutMs: LONG_MS })
  return work(db).finally(() => db.close())
}
