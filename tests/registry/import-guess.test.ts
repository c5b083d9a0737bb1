/** While a file registers what is new, its rows are copied without looking first; whatever is there then is still met. */
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../src/platform/postgres.js'
import { bulkImport } from '../../src/registry/bulk-import.js'
import { HEADER, type ImportSetUp, importSetUp, PLAIN, PREFIX, piecesOf, productRows } from './import-set-up.js'

const CHUNK_ROWS = 10

let s: ImportSetUp
const setUps: ImportSetUp[] = []

beforeEach(async () => {
  s = await importSetUp()
  setUps.push(s)
})
afterAll(() => Promise.all(setUps.map((setUp) => setUp.close())))

test('only the first chunk of a new file is looked up', async () => {
  const { job, chunks } = await run(HEADER + productRows(60))
  expect(job.counts.created).toBe(60)
  expect(chunks).toEqual(['look, copy', 'copy', 'copy', 'copy', 'copy', 'copy'])
})

test('once an identifier is met that is there, every chunk is looked up', async () => {
  await s.run(`${HEADER}${PREFIX}/ITEM-25,Pump 25\n`)
  const { job, chunks } = await run(HEADER + productRows(50))
  expect(job.counts).toMatchObject({ created: 49, unchanged: 1, failed: 0 })
  expect(chunks).toEqual(['look, copy', 'copy', 'copy', 'look, copy', 'look, copy', 'look, copy'])
  expect((await s.identifiers()).every(({ version }) => version === 1)).toBe(true)
})

test.each([
  ['create', { created: 49, replaced: 0, failed: 1 }],
  ['upsert', { created: 49, replaced: 1, failed: 0 }],
])('with other content it comes to what it would have come to: %s', async (mode, counts) => {
  await s.run(`${HEADER}${PREFIX}/ITEM-25,Other\n`)
  const { job } = await run(HEADER + productRows(50), { ...PLAIN, mode })
  expect(job.counts).toMatchObject(counts)
  const reason = `${PREFIX}/ITEM-25 is registered already with other content; mode upsert (--mode upsert) replaces it`
  expect((await s.errorsOf(job)).map((error) => error.reason)).toEqual(mode === 'create' ? [reason] : [])
})

test('an identifier that repeats within a chunk that is not looked up', async () => {
  const repeated = `${HEADER}${productRows(15)}${PREFIX}/ITEM-12,Other\n${PREFIX}/item-12,Pump 12\n`
  const { job, chunks } = await run(repeated, { ...PLAIN, mode: 'upsert' })
  expect(chunks).toEqual(['look, copy', 'copy'])
  expect(job.counts).toMatchObject({ created: 15, replaced: 2 })
  expect(s.changes.at(-1)!.keys).toHaveLength(5)
  const [row] = await s.db.query<{ version: number }>(`select version from identifier where key = '${PREFIX}/item-12'`)
  expect(row!.version).toBe(3)
  const at = s.changes.at(-1)!.keys.indexOf(`i:${PREFIX}/item-12`)
  expect(s.changes.at(-1)!.versions[at]).toBe(3)
})

test('what was withdrawn is met too', async () => {
  await s.run(`${HEADER}${PREFIX}/ITEM-25,Pump\n`)
  await s.run(`${JSON.stringify({ identifier: `${PREFIX}/ITEM-25`, intent: 'withdraw' })}\n`, {
    options: { format: 'ndjson' },
  })
  expect((await run(HEADER + productRows(30))).job.counts).toMatchObject({ created: 30, failed: 0 })
  const [row] = await s.db.query<{ version: number }>(`select version from identifier where key = '${PREFIX}/item-25'`)
  expect(row!.version).toBe(3)
})

/** Tells for each transaction of a chunk whether identifiers were looked up, and whether rows were copied. */
async function run(content: string, options: object = PLAIN) {
  const chunks: string[] = []
  const registry = { ...s.registry, db: watched(s.db, chunks) }
  const receive = bulkImport(registry, { parseJson: JSON.parse, chunkRows: CHUNK_ROWS })
  const opened = await s.open(options)
  const job = await receive(s.maker, {
    importId: opened.id,
    offsetBytes: 0,
    last: true,
    content: piecesOf(Buffer.from(content)),
  })
  return { job, chunks }
}

function watched(db: Database, chunks: string[]): Database {
  return {
    ...db,
    transaction: (work, bounds) =>
      db.transaction(async (tx) => {
        const seen: string[] = []
        const query: typeof tx.query = (text, parameters) => {
          if (text.startsWith('select wanted.key')) seen.push('look')
          return tx.query(text, parameters)
        }
        const copyIn: typeof tx.copyIn = (statement, lines) => {
          seen.push('copy')
          return tx.copyIn(statement, lines)
        }
        try {
          return await work({ ...tx, query, copyIn })
        } finally {
          if (seen.length > 0) chunks.push(seen.join(', '))
        }
      }, bounds),
  }
}
