/** What a top-level node keeps of the reports of each node below it, on a real database. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pruneReports } from '../../src/reporting/duty/pruning.js'
import { type Quota, receiveReport } from '../../src/reporting/received/receive.js'
import type { Report } from '../../src/reporting/tables/report-shape.js'
import type { TableName } from '../../src/reporting/tables/tables.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { makeEnterprise, testNode } from '../support/node.js'

const AMPLE: Quota = { documents: 1_000, octets: 2 ** 30 }

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  await database.db.query('delete from received_report')
})

interface Sent {
  readonly node?: string
  /** Of something that nothing compresses. */
  readonly octets?: number
  readonly quota?: Quota
}

function reportOf(table: TableName, revision: number, { node = '88.118', octets = 0 }: Sent): Report {
  const time = '2026-11-25T00:00:00.000Z'
  return {
    table,
    formatVersion: 1,
    node,
    period: { key: '2026-11-25', from: time, to: time, timeZone: 'Asia/Shanghai' },
    revision,
    part: 1,
    isLast: true,
    collectedAt: time,
    missing: [],
    data: octets === 0 ? {} : { filling: randomBytes(octets).toString('base64') },
  }
}

function send(table: TableName, revision: number, sent: Sent = {}) {
  const { quota = AMPLE } = sent
  return receiveReport(database.db, reportOf(table, revision, sent), { quota, sentBy: 'key' })
}

async function kept(node = '88.118'): Promise<readonly string[]> {
  const rows = await database.db.query<{ table: string; revision: number }>(
    'select table_name as "table", revision from received_report where node = $1 order by id',
    [node],
  )
  return rows.map(({ table, revision }) => `${table} r${revision}`)
}

/** What is counted is what there is. */
async function expectCounted(): Promise<void> {
  const rows = (from: string) =>
    database.db.query(`select node, table_name, documents, octets from (${from}) as held order by node, table_name`)
  expect(await rows('select * from received_from where documents > 0')).toEqual(
    await rows(
      `select node, table_name, count(*) as documents, sum(octet_length(body))::bigint as octets
       from received_report group by node, table_name`,
    ),
  )
}

test('beyond the number that is kept the oldest of the table that has most go, and the receipt says how many', async () => {
  const quota = { ...AMPLE, documents: 4 }
  await send('T1', 1, { quota })
  for (const revision of [1, 2, 3]) expect(await send('T9', revision, { quota })).toMatchObject({ removed: 0 })
  expect(await send('T9', 4, { quota })).toMatchObject({ isNew: true, removed: 1 })
  expect(await send('month', 1, { quota })).toMatchObject({ removed: 1 })
  expect(await kept()).toEqual(['T1 r1', 'T9 r3', 'T9 r4', 'month r1'])
  await expectCounted()
})

test('beyond the octets that are kept the oldest of the table that takes most go, as many as it needs', async () => {
  const quota = { ...AMPLE, octets: 100_000 }
  await send('T1', 1, { quota, octets: 1_000 })
  for (const revision of [1, 2, 3, 4]) await send('T9', revision, { quota, octets: 20_000 })
  await send('T8', 1, { quota, octets: 500 })
  expect(await kept()).toHaveLength(6)
  expect(await send('T9', 5, { quota, octets: 50_000 })).toMatchObject({ removed: 2 })
  expect(await kept()).toEqual(['T1 r1', 'T9 r3', 'T9 r4', 'T8 r1', 'T9 r5'])
  await expectCounted()
})

test('a document larger than all that is kept stays alone of its table, and one that is known removes nothing', async () => {
  const quota = { ...AMPLE, octets: 10_000 }
  await send('T9', 1, { quota, octets: 1_000 })
  expect(await send('T9', 2, { quota, octets: 50_000 })).toMatchObject({ removed: 1 })
  expect(await kept()).toEqual(['T9 r2'])
  await send('T1', 1)
  expect(await send('T1', 1, { quota: { documents: 1, octets: 1 } })).toMatchObject({ isNew: false, removed: 0 })
  await expect(send('T1', 1, { octets: 3 })).rejects.toMatchObject({ code: 'version-conflict' })
  expect(await kept()).toEqual(['T9 r2', 'T1 r1'])
})

test('what one node sends takes no room of another', async () => {
  const quota = { ...AMPLE, documents: 2 }
  await send('T1', 1, { node: '88.119', quota })
  for (const revision of [1, 2, 3, 4, 5]) await send('T1', revision, { quota })
  expect([await kept(), await kept('88.119')]).toEqual([['T1 r4', 'T1 r5'], ['T1 r1']])
  await expectCounted()
})

test('a smaller bound than before holds from the next document on', async () => {
  for (let revision = 1; revision <= 250; revision++) await send('T1', revision)
  expect(await send('T2', 1, { quota: { ...AMPLE, documents: 3 } })).toMatchObject({ removed: 248 })
  expect(await kept()).toEqual(['T1 r249', 'T1 r250', 'T2 r1'])
  await expectCounted()
})

test('many that send at once, while what is old is forgotten, never exceed it and never wait for each other for ever', async () => {
  const quota = { ...AMPLE, documents: 5 }
  const nodes = ['88.118', '88.119']
  const tables = ['T1', 'T2', 'T9', 'month'] as const
  for (let round = 0; round < 10; round++) {
    const sending = nodes.flatMap((node) => tables.map((table) => send(table, round + 1, { node, quota })))
    // All that there is counts as old.
    await Promise.all([...sending, pruneReports(database.db, Date.now() + 801 * 86_400_000)])
    await expectCounted()
  }
  await Promise.all(nodes.flatMap((node) => tables.map((table) => send(table, 99, { node, quota }))))
  for (const node of nodes) expect((await kept(node)).length).toBeLessThanOrEqual(5)
}, 60_000)

test('a node with the role of a top-level node keeps so many as its settings say, and says in the receipt what went', async () => {
  const top = await testNode({ environment: { JIEXI_ROLE: 'top-level', JIEXI_RECEIVED_REPORTS: '10' } })
  try {
    const { apiKey } = await makeEnterprise(top, { id: 'province', prefix: '88.118' })
    const receipts = []
    for (let revision = 1; revision <= 11; revision++) {
      const response = await fetch(`${top.url}/v1/upward/reports/T1`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(reportOf('T1', revision, {})),
      })
      receipts.push([response.status, ((await response.json()) as { removed: number }).removed])
    }
    expect(receipts).toEqual([...Array.from({ length: 10 }, () => [201, 0]), [201, 1]])
    const listed = await fetch(`${top.url}/v1/received-reports`, {
      headers: { authorization: `Bearer ${top.adminKey}` },
    })
    const { items } = (await listed.json()) as { items: { revision: number }[] }
    expect(items.map(({ revision }) => revision)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
  } finally {
    await top.close()
  }
}, 60_000)
