/** Bulk registration: batches of 500, each with an idempotency key, sent until they are acknowledged. */
import { setTimeout as delay } from 'node:timers/promises'
import { recordInput } from './catalogue.js'
import { HttpLine, type Reply, type Request } from './http-line.js'
import { type Lab, PREFIX } from './lab.js'
import type { Random } from './random.js'

export interface Batch {
  readonly number: number
  readonly keys: readonly string[]
  tries: number
  /** How many of its identifiers were there, each time somebody looked while it was under way. */
  readonly seen: Set<number>
  /** Once it is acknowledged. */
  receipts: readonly BatchReceipt[] | undefined
}

export interface BatchReceipt {
  readonly status: number
  readonly version: number | undefined
  readonly outcome: string | undefined
}

export interface BatchesOptions {
  readonly lab: Lab
  readonly batches: Batch[]
  readonly random: Random
  readonly signal: AbortSignal
}

export const BATCH_SIZE = 500
const PATIENCE_MS = 5_000
const GIVE_UP_AFTER_MS = 60_000
const RETRY_MS = 50
const PAUSE_MS = 30

/** Resolves when the batch that was under way at the signal has come to its end. */
export async function runBatches(options: BatchesOptions): Promise<void> {
  const { lab, batches, signal } = options
  const lines = lab.nodes.map(({ port }) => new HttpLine(port))
  while (!signal.aborted) {
    const number = batches.length + 1
    const keys = Array.from({ length: BATCH_SIZE }, (_, at) => `${PREFIX}/batch-${number}-${at}`)
    const batch: Batch = { number, keys, tries: 0, seen: new Set(), receipts: undefined }
    batches.push(batch)
    await untilAcknowledged(options, batch, lines)
    await delay(PAUSE_MS)
  }
  for (const line of lines) line.close()
}

async function untilAcknowledged(
  { lab, random }: BatchesOptions,
  batch: Batch,
  lines: readonly HttpLine[],
): Promise<void> {
  const request = requestOf(lab.apiKey, batch)
  const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS
  for (let node = random.below(lines.length); performance.now() < giveUpAtMs; node = (node + 1) % lines.length) {
    batch.tries += 1
    const reply = await lines[node]!.ask(request, PATIENCE_MS)
    batch.receipts = receiptsOf(reply)
    if (batch.receipts !== undefined) return
    await lookAt(lab, batch)
    await delay(RETRY_MS)
  }
}

function requestOf(apiKey: string, { number, keys }: Batch): Request {
  const items = keys.map((identifier) => ({ identifier, ...recordInput(identifier, number) }))
  const headers = [`Authorization: Bearer ${apiKey}`, `Idempotency-Key: batch-${number}`]
  return { method: 'POST', path: '/v1/identifiers:batch', headers, body: JSON.stringify({ items }) }
}

function receiptsOf(reply: Reply | string): BatchReceipt[] | undefined {
  if (typeof reply === 'string' || reply.status !== 200) return undefined
  const { results } = JSON.parse(reply.body) as {
    results: { status: number; receipt?: { version: number; outcome: string } }[]
  }
  return results.map(({ status, receipt }) => ({ status, version: receipt?.version, outcome: receipt?.outcome }))
}

/** Nobody may ever see a part of a batch. */
async function lookAt({ postgres }: Lab, batch: Batch): Promise<void> {
  const find = 'select count(*)::integer as count from identifier where key = any($1::text[])'
  const [row] = await postgres.db.query<{ count: number }>(find, [batch.keys]).catch(() => [])
  if (row !== undefined) batch.seen.add(row.count)
}
