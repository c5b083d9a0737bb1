/** What the bench sends is what the node takes: else its rows would be rates of refusals. */
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { headerOf, parseAnswer } from '../../bench/baselines/recording.js'
import { collectAnswers } from '../../bench/load/send-all.js'
import { ndjson } from '../../bench/rows/import.js'
import { type Api, openImport, setUpEnterprise, uploadImport } from '../../bench/stage/api.js'
import {
  absentIdentifierAt,
  FOREIGN_PREFIX,
  identifierAt,
  PART_PREFIX,
  PRODUCT_PREFIX,
  recordAt,
} from '../../bench/workload/dataset.js'
import { lookup, register, registerMany, resolveMany } from '../../bench/workload/requests.js'
import { type TestNode, testNode } from '../support/node.js'

const RECORDS = 1_500
const SEED = 1

let node: TestNode
let api: Api

beforeAll(async () => {
  node = await testNode()
  const port = Number(new URL(node.url).port)
  api = await setUpEnterprise({ port, apiKey: node.adminKey }, [PRODUCT_PREFIX, PART_PREFIX])
  const { id } = await openImport(api)
  const job = await uploadImport(api, id, Readable.from(ndjson(SEED, 0, RECORDS), { objectMode: false }))
  expect(job).toMatchObject({ state: 'finished', rows: { created: RECORDS, failed: 0 } })
})

afterAll(async () => {
  await node?.close()
})

test('what was imported is found, each record under its identifier, of about 600 octets', async () => {
  const requests = Array.from({ length: RECORDS }, (_, index) => lookup(identifierAt(index)))
  const answers = (await collectAnswers(api.port, requests)).map(parseAnswer)
  answers.forEach(({ status, body }, index) => {
    expect(status).toBe(200)
    const { identifier, attributes } = JSON.parse(body.toString()) as Record<string, unknown>
    const { identifier: expected, attributes: given } = recordAt(SEED, index)
    expect({ identifier, attributes }).toEqual({ identifier: expected, attributes: given })
  })
  const mean = answers.reduce((sum, { body }) => sum + body.length, 0) / RECORDS
  expect(mean).toBeGreaterThan(550)
  expect(mean).toBeLessThan(800)
})

test('an answer names its tier and its tag; the tag gives a 304 without a body', async () => {
  const tierNow = async () => headerOf(await collect(lookup(identifierAt(1))), 'cache-status')
  await expect.poll(tierNow).toContain('detail=memory')
  const etag = headerOf(await collect(lookup(identifierAt(1))), 'etag')!
  expect((await collect(lookup(identifierAt(2), { 'if-none-match': etag }))).status).toBe(304)
})

test('the rows that are refused are refused as the report says', async () => {
  expect((await collect(lookup(absentIdentifierAt(7)))).status).toBe(404)
  expect((await collect(lookup('no-slash-in-this-one-1'))).status).toBe(400)
  const foreign = await collect(lookup(`${FOREIGN_PREFIX}/part-1`))
  expect([foreign.status, JSON.parse(foreign.body.toString()).code]).toEqual([404, 'prefix-not-served'])
})

test('a batch look-up finds all it asks for', async () => {
  const { status, body } = await collect(resolveMany(Array.from({ length: 1_000 }, (_, index) => index)))
  expect(status).toBe(200)
  expect(statusesOf(body)).toEqual(Array(1_000).fill(200))
})

test('single and batch registration create new identifiers beyond the data set', async () => {
  expect((await collect(register(recordAt(SEED, RECORDS), api.apiKey))).status).toBe(201)
  const items = Array.from({ length: 1_000 }, (_, index) => recordAt(SEED, RECORDS + 1 + index))
  const { status, body } = await collect(registerMany(items, api.apiKey))
  expect(status).toBe(200)
  expect(statusesOf(body)).toEqual(Array(1_000).fill(201))
})

async function collect(request: Buffer) {
  const [answer] = await collectAnswers(api.port, [request])
  return parseAnswer(answer!)
}

function statusesOf(body: Buffer): number[] {
  return (JSON.parse(body.toString()) as { results: { status: number }[] }).results.map(({ status }) => status)
}
