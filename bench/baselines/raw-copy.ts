/**
 * Baselines of the bulk import: COPY of the data set's rows as ready-made lines, nothing parsed, validated or authorised.
 *
 *   same   into copies of the node's own tables (constraints, indexes, history trigger), in transactions of as many rows
 *          as the import's, each with its row of the change feed: the least that keeps what the import keeps
 *   bare   into a copy of the table `identifier` alone, in one transaction
 *
 * Arguments: database URL, `same` or `bare`, seed.
 */
import { openDatabase, type Transaction } from '../../src/platform/postgres.js'
import { contentDigest, encodeValues } from '../../src/record/codec.js'
import { readDraft } from '../../src/record/draft.js'
import { CHUNK_ROWS } from '../../src/registry/import-content.js'
import { recordAt } from '../workload/dataset.js'
import { type Measured, serveOrders } from './tasks.js'

const MAX_MS = 3_600_000
const ROWS_PER_PIECE = 100

const [url = '', kind = '', seed = ''] = process.argv.slice(2)
const keepsAll = kind === 'same'
const schema = `bench_copy_${keepsAll ? 'same' : 'bare'}`
const COPY = `copy ${schema}.identifier (key, version, state, prefix, template, body, digest, registered_at, recorded_at, recorded_by) from stdin`
const FEED = `insert into ${schema}.change (keys, versions) values ($1, $2)`

const db = openDatabase({ url, maxConnections: 1, statementTimeoutMs: MAX_MS })
await db.query(`create schema ${schema}`)
for (const table of keepsAll ? ['identifier', 'identifier_version', 'change'] : ['identifier'])
  await db.query(`create table ${schema}.${table} (like public.${table} including all)`)
if (keepsAll)
  await db.query(`create trigger identifier_keeps_versions before update on ${schema}.identifier
    for each row execute function public.keep_identifier_version()`)

interface ReadyChunk {
  readonly pieces: readonly Buffer[]
  readonly keys: readonly string[]
}

let next = 0

async function copy(rows: number): Promise<Measured> {
  const chunks = readyChunks(rows)
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  for (const chunk of chunks) await db.transaction((tx) => write(tx, chunk), { timeoutMs: MAX_MS })
  const seconds = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { done: rows, seconds, cpuSeconds: (user + system) / 1e6 }
}

async function write(tx: Transaction, { pieces, keys }: ReadyChunk): Promise<void> {
  await tx.copyIn(COPY, pieces)
  if (keepsAll) await tx.query(FEED, [keys, keys.map(() => 1)])
}

function readyChunks(rows: number): readonly ReadyChunk[] {
  const chunks: ReadyChunk[] = []
  const size = keepsAll ? CHUNK_ROWS : rows
  for (let left = rows; left > 0; left -= size) chunks.push(readyChunk(Math.min(left, size)))
  return chunks
}

function readyChunk(rows: number): ReadyChunk {
  const pieces: Buffer[] = []
  const keys: string[] = []
  for (let left = rows; left > 0; left -= ROWS_PER_PIECE) {
    let lines = ''
    for (let row = 0; row < Math.min(left, ROWS_PER_PIECE); row += 1) {
      const { key, line } = nextRow()
      lines += line
      keys.push(`i:${key}`)
    }
    pieces.push(Buffer.from(lines))
  }
  return { pieces, keys }
}

/** As the node stores it. Identifiers of the data set are their own canonical keys. */
function nextRow(): { readonly key: string; readonly line: string } {
  const { identifier: key, ...content } = recordAt(Number(seed), next)
  next += 1
  const draft = readDraft(content, Math.floor(Date.now() / 1000))
  if (!draft.ok) throw new Error(`Record ${next - 1} of the data set is not valid: ${JSON.stringify(draft.faults)}`)
  const { template, values } = draft.value
  const body = Buffer.from(encodeValues(values)).toString('hex')
  const digest = contentDigest(template, values).toString('hex')
  const prefix = key.slice(0, key.indexOf('/'))
  const now = new Date().toISOString()
  return { key, line: `${key}\t1\t1\t${prefix}\t${template}\t\\\\x${body}\t\\\\x${digest}\t${now}\t${now}\tbench\n` }
}

serveOrders(
  ({ rows }) => copy(rows ?? 0),
  () => db.close(),
)
