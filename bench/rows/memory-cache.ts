/**
 * The row of the memory cache, seen from outside: how much the process grows for each record that comes into it, and how
 * late a hit is with few records and with many, at the same offered load.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseAnswer } from '../baselines/recording.js'
import type { Bench } from '../bench.js'
import { runClosedLoop } from '../load/closed-loop.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { percentilesOf } from '../load/percentiles.js'
import { collectAnswers, sendAll } from '../load/send-all.js'
import type { MemoryCacheRow } from '../report/report.js'
import { NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import { readMetrics } from '../stage/node-metrics.js'
import type { RunningNode } from '../stage/node-under-test.js'
import type { ScaledDatabases } from '../stage/scaled-database.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle, drawKeys } from '../workload/keys.js'
import { lookup, resolveMany } from '../workload/requests.js'
import { notesOf } from './latency.js'
import { sizesOfScale } from './scale.js'

const MOST_ENTRIES = 1_000_000
/** More than a cache needs for a record; what fits is kept, and told. */
const CAPACITY_BYTES_PER_RECORD = 6_144
const LEAST_CAPACITY_BYTES = 2 ** 26
const MOST_CAPACITY_BYTES = 2.5 * 2 ** 30
/** Of those kept, in case the cache did not drop the oldest exactly. */
const ASKED_SHARE = 0.95
const BATCH = 1_000
/** So many look-ups first, so that the process has the size it works with. */
const SETTLING_LOOKUPS = 10_000
const SETTLING_RECORDS = 500
const DRAWN = 100_000
const SAMPLED = 500
const SHARE_OF_CAPACITY = 0.5
/** In which V8 collects, of itself, what answering has left behind: that is no part of the cache. */
const SETTLE_MS = 15_000
const QUICK_SETTLE_MS = 200

interface Filled {
  readonly node: RunningNode
  readonly records: number
  readonly requests: readonly Buffer[]
  readonly entries: number
  readonly residentBytesPerEntry: number
  readonly countedBytesPerEntry: number
  readonly payloadBytesPerEntry: number
  readonly answerOctets: number
}

export async function measureMemoryCache(bench: Bench, databaseOf: ScaledDatabases): Promise<MemoryCacheRow[]> {
  const sizes = sizesOfScale(bench.options)
  const most = sizes.findLast((size) => size <= MOST_ENTRIES) ?? sizes[0]!
  const filled: Filled[] = []
  for (const records of [...new Set([sizes[0]!, most])]) {
    const { url } = await databaseOf(records)
    filled.push(await fill(bench, await startNode(bench, url, records), records))
  }
  bench.say(`memory-cache: open loop with ${filled.map(({ entries }) => entries).join(' and ')} entries`)
  const ratePerSecond = SHARE_OF_CAPACITY * (await capacityOf(bench, filled[0]!))
  const results = filled.map((): OpenLoopResult[] => [])
  const { rounds } = bench.turns()
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { node, requests }] of filled.entries()) {
      const result = await runOpenLoop({ ...loadOf(bench, node, requests), ratePerSecond })
      // The first round warms up.
      if (round > 0) results[index]!.push(result)
    }
  }
  await Promise.all(filled.map(({ node }) => node.stop()))
  return filled.map(({ node: _node, requests: _requests, records, ...figures }, index) => ({
    name: 'memory-cache',
    title: `${records} records in memory`,
    ...figures,
    latency: percentilesOf(results[index]!.map(({ latency }) => latency)),
    offeredPerSecond: ratePerSecond,
    notes: [
      ...(figures.entries < records ? [`only ${figures.entries} of ${records} records were kept`] : []),
      ...notesOf(results[index]!),
    ],
  }))
}

function startNode(bench: Bench, databaseUrl: string, records: number): Promise<RunningNode> {
  return startMeasuredNode(bench, {
    databaseUrl,
    redisUrl: NO_REDIS,
    memoryCacheBytes: Math.min(MOST_CAPACITY_BYTES, LEAST_CAPACITY_BYTES + records * CAPACITY_BYTES_PER_RECORD),
  })
}

async function fill(bench: Bench, node: RunningNode, records: number): Promise<Filled> {
  bench.say(`memory-cache: ${records} records into memory`)
  const next = cycle(lookups(0, SETTLING_RECORDS))
  await sendAll(node.port, Array.from({ length: SETTLING_LOOKUPS }, next))
  const before = await cacheOf(node)
  for (let from = 0; from < records; from += DRAWN) {
    const to = Math.min(records, from + DRAWN)
    await sendAll(node.port, batches(from, to))
    // A look-up may leave more behind than a batch does, such as the ready octets of its answer.
    await sendAll(node.port, lookups(from, to))
  }
  await delay(bench.options.quick ? QUICK_SETTLE_MS : SETTLE_MS)
  const after = await cacheOf(node)
  // Where not all were kept, the last ones were.
  const count = after.entries >= records ? records : Math.floor(after.entries * ASKED_SHARE)
  const drawn = drawKeys('uniform', { count, length: DRAWN, seed: bench.options.seed })
  const keys = drawn.map((index) => records - count + index)
  const requests = Array.from(keys, (index) => lookup(identifierAt(index)))
  const answerOctets = await meanAnswer(node, keys.subarray(0, SAMPLED))
  return {
    node,
    records,
    requests,
    entries: after.entries,
    residentBytesPerEntry: (after.residentBytes - before.residentBytes) / (after.entries - before.entries),
    countedBytesPerEntry: after.countedBytes / after.entries,
    payloadBytesPerEntry: after.payloadBytes > 0 ? after.payloadBytes / after.entries : answerOctets,
    answerOctets,
  }
}

function lookups(from: number, to: number): Buffer[] {
  return Array.from({ length: to - from }, (_, index) => lookup(identifierAt(from + index)))
}

function batches(from: number, to: number): Buffer[] {
  return Array.from({ length: Math.ceil((to - from) / BATCH) }, (_, batch) => {
    const start = from + batch * BATCH
    return resolveMany(Array.from({ length: Math.min(BATCH, to - start) }, (_, index) => start + index))
  })
}

async function cacheOf(node: RunningNode) {
  const metrics = await readMetrics(node.port)
  return {
    entries: metrics.total('jiexi_memory_cache_entries'),
    countedBytes: metrics.total('jiexi_memory_cache_bytes'),
    payloadBytes: metrics.total('jiexi_memory_cache_payload_bytes'),
    residentBytes: node.memory()?.rssBytes ?? Number.NaN,
  }
}

/** Octets of identifier and body of an answer. */
async function meanAnswer(node: RunningNode, keys: Uint32Array): Promise<number> {
  const answers = await collectAnswers(
    node.port,
    Array.from(keys, (index) => lookup(identifierAt(index))),
  )
  const octets = answers.reduce((sum, answer) => sum + parseAnswer(answer).body.length, 0)
  return (octets + keys.reduce((sum, index) => sum + Buffer.byteLength(identifierAt(index)), 0)) / keys.length
}

function loadOf(bench: Bench, node: RunningNode, requests: readonly Buffer[]) {
  const { connections, durationMs } = bench.options
  return { port: node.port, connections, durationMs, expectStatus: 200, nextRequest: cycle(requests) }
}

async function capacityOf(bench: Bench, { node, requests }: Filled): Promise<number> {
  const load = loadOf(bench, node, requests)
  await runClosedLoop(load)
  const { answersPerSecond } = await runClosedLoop(load)
  return answersPerSecond
}
