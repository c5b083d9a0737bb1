/**
 * Write → visible: two nodes over one Postgres and Redis. A new version is put on one; the other, which holds the version
 * before in its memory cache, is asked for it again and again. The time counts from the acknowledgement of the write to
 * the sending of the first look-up that had the new version: how long a reader had to wait before asking.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { headerOf } from '../baselines/recording.js'
import type { Bench } from '../bench.js'
import { type Asker, openAsker } from '../load/asker.js'
import { type Histogram, histogram } from '../load/histogram.js'
import { percentilesOf } from '../load/percentiles.js'
import type { Findings } from '../report/findings.js'
import type { VisibilityRow } from '../report/report.js'
import type { Api } from '../stage/api.js'
import { MEMORY_CACHE_BYTES, NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { recordAt, revisionOf } from '../workload/dataset.js'
import { laneSeed, type Random, randomStream } from '../workload/random.js'
import { lookup, register } from '../workload/requests.js'

const CALLERS = 4
/** A write that waits does nothing else for most of a second. */
const WAITING_CALLERS = 32
/** With measurements of a second or longer, and fewer with shorter ones. */
const WRITES = 400
const WAITING_WRITES = 200
const LEAST_WRITES = 32
/** Between two looks at the other node: as exact as the figure is. */
const LOOK_EVERY_MS = 1
/** Longer than a poll of the feed, so that writes fall on every moment between two polls. */
const PAUSE_UP_TO_MS = 60
const GIVE_UP_AFTER_MS = 10_000
const LANE = 78
const WAIT = '?wait=visible'

interface Pair {
  readonly bench: Bench
  readonly api: Api
  readonly writer: RunningNode
  readonly reader: RunningNode
}

/** @param api of the enterprise that holds the data set's prefixes */
export async function measureVisibility(bench: Bench, api: Api, findings: Findings): Promise<void> {
  await findings.group(['visible'], async () => {
    const start = () =>
      startMeasuredNode(bench, {
        memoryCacheBytes: MEMORY_CACHE_BYTES,
        redisUrl: bench.stage.redisUrl ?? NO_REDIS,
      })
    const [writer, reader] = await Promise.all([start(), start()])
    const pair = { bench, api, writer, reader }
    await findings.visibility('visible', async () => {
      const isKnown = await knowsToWait(pair)
      const writesOf = (most: number) =>
        Math.max(LEAST_WRITES, Math.round(most * Math.min(1, bench.options.durationMs / 1000)))
      const plain = await measureSide(pair, {
        side: 'acknowledged at once',
        query: '',
        writes: writesOf(WRITES),
        callers: CALLERS,
      })
      if (!isKnown) return [{ ...plain, notes: [...plain.notes, `this build has no ${WAIT}`] }]
      const waiting = await measureSide(pair, {
        side: 'wait=visible',
        query: WAIT,
        writes: writesOf(WAITING_WRITES),
        callers: WAITING_CALLERS,
      })
      return [plain, waiting]
    })
    await Promise.all([writer.stop(), reader.stop()])
  })
}

interface SideSpec {
  readonly side: string
  readonly query: string
  readonly writes: number
  readonly callers: number
}

async function measureSide(pair: Pair, spec: SideSpec): Promise<VisibilityRow> {
  const { bench } = pair
  bench.say(`visible: ${spec.writes} writes, ${spec.side}`)
  const times = { write: histogram(), visible: histogram() }
  const random = randomStream(laneSeed(bench.options.seed, LANE))
  let started = 0
  const call = async (caller: number) => {
    const connection = { writer: await openAsker(pair.writer.port), reader: await openAsker(pair.reader.port) }
    try {
      for (; started < spec.writes; ) {
        started += 1
        await delay(random() * PAUSE_UP_TO_MS)
        await writeAndLook(pair, { caller, connection, random, times, query: spec.query })
      }
    } finally {
      connection.writer.close()
      connection.reader.close()
    }
  }
  await Promise.all(Array.from({ length: spec.callers }, (_, caller) => call(caller)))
  return {
    name: 'visible',
    title: 'PUT on one node until GET on another has it',
    side: spec.side,
    ...percentilesOf([times.visible]),
    write: percentilesOf([times.write]),
    notes: [],
  }
}

interface Caller {
  readonly caller: number
  readonly connection: { readonly writer: Asker; readonly reader: Asker }
  readonly random: Random
  readonly times: { readonly write: Histogram; readonly visible: Histogram }
  readonly query: string
}

async function writeAndLook({ bench, api }: Pair, { caller, connection, random, times, query }: Caller): Promise<void> {
  const { records, seed } = bench.options
  // Callers have records of their own: a rival's version would look like one's own.
  const index = caller + WAITING_CALLERS * Math.floor(random() * Math.floor(records / WAITING_CALLERS))
  const record = recordAt(seed, index)
  const look = lookup(record.identifier)
  await connection.reader.ask(look)
  const revision = revisionOf(record, Math.floor(random() * 1e9))
  const sentMs = performance.now()
  const receipt = await connection.writer.ask(register(revision, api.apiKey, query))
  const acknowledgedMs = performance.now()
  if (receipt.status !== 200) throw new Error(`A write was answered with ${receipt.status}: ${receipt.body.toString()}`)
  times.write.record((acknowledgedMs - sentMs) * 1000)
  for (;;) {
    const askedMs = performance.now()
    const seen = await connection.reader.ask(look)
    if (versionOf(seen) >= versionOf(receipt)) return times.visible.record((askedMs - acknowledgedMs) * 1000)
    if (askedMs - acknowledgedMs > GIVE_UP_AFTER_MS) {
      throw new Error(`${record.identifier} was still not visible after ${GIVE_UP_AFTER_MS / 1000} s`)
    }
    await delay(LOOK_EVERY_MS)
  }
}

function versionOf(answer: Parameters<typeof headerOf>[0]): number {
  return Number(headerOf(answer, 'jiexi-version'))
}

async function knowsToWait({ bench, api, writer }: Pair): Promise<boolean> {
  const asker = await openAsker(writer.port)
  const record = revisionOf(recordAt(bench.options.seed, 0), -1)
  const { status, body } = await asker.ask(register(record, api.apiKey, WAIT)).finally(asker.close)
  if (status !== 200 && status !== 400) throw new Error(`PUT ${WAIT} was answered with ${status}: ${body.toString()}`)
  return status === 200
}
