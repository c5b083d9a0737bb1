/**
 * Baseline of registration: upserts of like rows into a table like `identifier`, without history, feed, authorisation or HTTP.
 * One row a statement, or a thousand through unnest.
 *
 * Arguments: database URL, callers, rows per statement, connections, octets of a body.
 */
import { createHash, randomBytes } from 'node:crypto'
import { openDatabase } from '../../src/platform/postgres.js'
import { identifierAt, PART_PREFIX } from '../workload/dataset.js'
import { repeat, serveOrders } from './tasks.js'

const TABLE = 'bench_upsert'
const UPSERT = `insert into ${TABLE} (key, version, state, prefix, template, body, digest, registered_at, recorded_at, recorded_by)
  select key, 1, 1, $2, 'part', body, digest, now(), now(), 'bench'
  from unnest($1::text[], $3::bytea[], $4::bytea[]) given(key, body, digest) order by key
  on conflict (key) do update set version = ${TABLE}.version + 1, body = excluded.body, digest = excluded.digest,
    recorded_at = excluded.recorded_at`

const [url = '', callers = '', rowsPerStatement = '', connections = '', bodyOctets = ''] = process.argv.slice(2)
const db = openDatabase({ url, maxConnections: Number(connections), statementTimeoutMs: 30_000 })
await db.query(`create table if not exists ${TABLE} (like identifier including all)`)

let next = 0
const run = randomBytes(3).toString('hex')

async function upsert(rows: number): Promise<number> {
  const keys = Array.from({ length: rows }, () => {
    next += 1
    return `${identifierAt(next)}-${run}`
  })
  const bodies = keys.map(() => randomBytes(Number(bodyOctets)))
  // The digest is part of the row, so making it is part of the work on both sides.
  const digests = bodies.map((body) => createHash('sha256').update(body).digest())
  await db.query(UPSERT, [keys, PART_PREFIX, bodies, digests])
  return rows
}

serveOrders(
  ({ durationMs }) => repeat(Number(callers), durationMs, () => upsert(Number(rowsPerStatement))),
  () => db.close(),
)
