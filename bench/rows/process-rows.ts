/**
 * Rows of several processes against one: workers of one node, and replicas over the same Postgres and Redis. Where the
 * load leaves them one core only, they cannot be faster than one; what counts is the CPU time of a request.
 */
import { SETTINGS } from '../../src/platform/settings.js'
import type { Bench } from '../bench.js'
import { takeTurns } from '../load/rounds.js'
import { sendAll } from '../load/send-all.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Findings } from '../report/findings.js'
import type { Row } from '../report/report.js'
import { MEMORY_CACHE_BYTES, NO_REDIS, startMeasuredNode } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle } from '../workload/keys.js'
import { lookup } from '../workload/requests.js'
import { hits } from './lookup-specs.js'
import { tierNotes, tiersOf } from './lookups.js'

const WORKERS_SETTING = 'JIEXI_WORKERS'
const PROCESSES = 2
/** Each process has to be warmed with all of them. */
const MOST_RECORDS = 5_000
/** Which process has a connection is chance: with each pass, more of them have seen a record. */
const MOST_WARMING_PASSES = 8
const WARM_SHARE = 0.995

export async function measureWorkers(bench: Bench, findings: Findings): Promise<void> {
  if (!hasWorkers()) {
    findings.leaveOut(['workers'], `this build has no workers: ${WORKERS_SETTING} is no setting of it`)
    return
  }
  await findings.group(['workers'], async () => {
    const one = await startProcesses(bench, 1)
    const two = await startProcesses(bench, PROCESSES)
    await warm(bench, one)
    await warm(bench, two)
    await findings.row('workers', () =>
      compareProcesses(bench, {
        name: 'workers',
        title: `GET memory hit, ${PROCESSES} workers against one`,
        severalName: `${PROCESSES} workers`,
        one,
        several: [two],
      }),
    )
    await Promise.all([one.stop(), two.stop()])
  })
}

export async function measureReplicas(bench: Bench, findings: Findings): Promise<void> {
  await findings.group(['replicas'], async () => {
    const replicas = await Promise.all(Array.from({ length: PROCESSES }, () => startProcesses(bench, 1)))
    for (const replica of replicas) await warm(bench, replica)
    await findings.row('replicas', () =>
      compareProcesses(bench, {
        name: 'replicas',
        title: `GET memory hit, ${PROCESSES} replicas against one`,
        severalName: `${PROCESSES} replicas`,
        one: replicas[0]!,
        several: replicas,
      }),
    )
    await Promise.all(replicas.map((replica) => replica.stop()))
  })
}

function hasWorkers(): boolean {
  return Object.values(SETTINGS).some(({ name }) => name === WORKERS_SETTING)
}

function startProcesses(bench: Bench, workers: number): Promise<RunningNode> {
  return startMeasuredNode(bench, {
    memoryCacheBytes: MEMORY_CACHE_BYTES,
    redisUrl: bench.stage.redisUrl ?? NO_REDIS,
    cores: bench.pinned?.serverCores.slice(0, PROCESSES),
    environment: hasWorkers() ? { [WORKERS_SETTING]: String(workers) } : {},
  })
}

async function warm(bench: Bench, node: RunningNode): Promise<void> {
  const requests = Array.from({ length: recordsOf(bench) }, (_, index) => lookup(identifierAt(index)))
  for (let pass = 0; pass < MOST_WARMING_PASSES; pass += 1) {
    await sendAll(node.port, requests)
    const { memory = 0 } = await tiersOf(node, requests)
    if (memory >= WARM_SHARE) return
  }
}

function recordsOf(bench: Bench): number {
  return Math.min(bench.options.records, MOST_RECORDS)
}

async function compareProcesses(
  bench: Bench,
  of: {
    readonly name: 'workers' | 'replicas'
    readonly title: string
    readonly severalName: string
    readonly one: RunningNode
    readonly several: readonly RunningNode[]
  },
): Promise<Row> {
  bench.say(`${of.name}: ${of.title}`)
  const { connections, durationMs } = bench.options
  const { requests } = hits(bench, {
    name: of.name,
    title: of.title,
    expectTier: 'memory',
    distribution: 'zipf',
    count: recordsOf(bench),
  })
  const load = { connections, durationMs, expectStatus: 200 }
  const [first, ...others] = of.several
  const [several, one] = await takeTurns(
    [
      loadedSide({
        ...load,
        name: of.severalName,
        server: first!,
        otherServers: others,
        nextRequest: cycle(requests),
      }),
      loadedSide({ ...load, name: 'one', server: of.one, nextRequest: cycle(requests) }),
    ],
    bench.turns(),
  )
  const tiers = await tiersOf(first!, requests)
  return {
    name: of.name,
    title: of.title,
    unit: 'answers',
    node: several!,
    baselines: [one!],
    notes: [...coreNotes(bench), ...tierNotes(tiers, 'memory'), ...warningsOf([several!, one!])],
    facts: { records: recordsOf(bench), cores: bench.pinned?.serverCores.slice(0, PROCESSES).join(', ') ?? 'any' },
  }
}

function coreNotes({ pinned }: Bench): string[] {
  if (!pinned || pinned.serverCores.length >= PROCESSES) return []
  return [
    `all processes on core ${pinned.serverCore}, since the load needs another: compare the CPU time, not the rate`,
  ]
}
