/**
 * Baseline of the bulk import: COPY of as many like rows into a table like `identifier`, made up as they are sent,
 * with nothing parsed, validated or recorded beside.
 *
 * Arguments: database URL, octets of a body.
 */
import { randomBytes } from 'node:crypto'
import { openDatabase } from '../../src/platform/postgres.js'
import { identifierAt } from '../workload/dataset.js'
import { type Measured, serveOrders } from './tasks.js'

const TABLE = 'bench_copy'
const COPY = `copy ${TABLE} (key, version, state, prefix, template, body, digest, registered_at, recorded_at, recorded_by) from stdin`
const ROWS_PER_CHUNK = 100
const MAX_MS = 3_600_000

const [url = '', bodyOctets = ''] = process.argv.slice(2)
const db = openDatabase({ url, maxConnections: 1, statementTimeoutMs: MAX_MS })
await db.query(`create table if not exists ${TABLE} (like identifier including all)`)
const body = randomBytes(Number(bodyOctets) + ROWS_PER_CHUNK).toString('hex')
const digest = randomBytes(32).toString('hex')

let next = 0

async function copy(rows: number): Promise<Measured> {
  const startedAt = performance.now()
  await db.transaction((tx) => tx.copyIn(COPY, chunks(rows)), { timeoutMs: MAX_MS })
  return { done: rows, seconds: (performance.now() - startedAt) / 1000 }
}

function* chunks(rows: number): Iterable<string> {
  const now = new Date().toISOString()
  for (let left = rows; left > 0; left -= ROWS_PER_CHUNK) {
    let chunk = ''
    for (let row = 0; row < Math.min(left, ROWS_PER_CHUNK); row += 1) chunk += line(row, now)
    yield chunk
  }
}

function line(row: number, now: string): string {
  const key = identifierAt(next)
  next += 1
  const bytes = body.slice(row * 2, row * 2 + Number(bodyOctets) * 2)
  return `${key}\t1\t1\t${key.slice(0, key.indexOf('/'))}\tpart\t\\\\x${bytes}\t\\\\x${digest}\t${now}\t${now}\tbench\n`
}

serveOrders(
  ({ rows }) => copy(rows ?? 0),
  () => db.close(),
)
