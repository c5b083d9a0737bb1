/** One storm: a lab, readers and writers, faults by script, and at the end what every checker says of the record. */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../../src/platform/errors.js'
import { audit } from './audit.js'
import { catalogue } from './catalogue.js'
import {
  type Availability,
  checkAnswered,
  type LatencyRow,
  latenciesByFault,
  measureAvailability,
} from './checks/availability.js'
import type { CheckResult } from './checks/check.js'
import { checkDurability, checkVersions } from './checks/durability.js'
import { checkOnce, checkWhole } from './checks/once.js'
import { checkPresence } from './checks/presence.js'
import { checkDemands, checkMonotonic, checkOwnWrites } from './checks/sessions.js'
import { checkStaleness, checkVisibility, type StalenessResult } from './checks/staleness.js'
import { healAll, inflict } from './inflict.js'
import { type Lab, startLab } from './lab.js'
import type { NodeProcess } from './node-process.js'
import { seededRandom } from './random.js'
import { runReaders } from './readers.js'
import { type Evidence, type FaultSpan, ReadLog, type Write } from './record.js'
import type { Fault } from './script.js'
import { withVersions } from './withdrawals.js'
import type { Frontier } from './writer.js'
import { registerAll, runWriters } from './writers.js'

export interface StormOptions {
  readonly seed: number
  readonly durationMs: number
  readonly faults: readonly Fault[]
  readonly readsPerSecond: number
  readonly writesPerSecond: number
  /** Of the writes, those that are acknowledged only once they show everywhere. */
  readonly waitShare: number
  /** Of the look-ups of identifiers that were known before, so many must be answered. */
  readonly answeredShare: number
  readonly readers?: number
  readonly writers?: number
  /** Ends the storm early, with the checks of what there is. */
  readonly signal?: AbortSignal
  readonly say?: (line: string) => void
}

export interface StormResult {
  readonly promises: readonly CheckResult[]
  /** Counted without being promised. */
  readonly observed: readonly CheckResult[]
  readonly staleness: StalenessResult
  readonly visibility: StalenessResult
  readonly lost: CheckResult
  readonly availability: Availability
  readonly latencies: readonly LatencyRow[]
  readonly faults: readonly FaultSpan[]
  /** Faults that the lab could not bring about: its own mistakes, not the nodes'. */
  readonly misfires: readonly string[]
  /** Nodes that ended without being asked to. */
  readonly crashes: readonly string[]
  /** The last lines that nodes logged as errors. */
  readonly nodeErrors: readonly string[]
  readonly writes: WriteCounts
  readonly tookMs: number
}

export interface WriteCounts {
  readonly tried: number
  readonly acknowledged: number
  /** Of the acknowledged: after more than one try. */
  readonly retried: number
  /** Of the acknowledged: those that waited until they showed everywhere. */
  readonly waited: number
  readonly refused: number
  readonly unknown: number
  /** What the last try of those unknown met with. */
  readonly failures: ReadonlyMap<string, number>
}

const BOUND_MS = 1_000
const REPLICA_COPY_MS = 3_000
const SIZES = { hot: 40, cool: 300, newborn: 20_000, never: 50 }
const PROGRESS_MS = 10_000

export async function runStorm(options: StormOptions): Promise<StormResult> {
  const lab = await startLab(seededRandom(options.seed))
  try {
    return await stormIn(lab, options)
  } finally {
    await lab.stop()
  }
}

async function stormIn(lab: Lab, options: StormOptions): Promise<StormResult> {
  const { nodes, random, apiKey } = lab
  const keys = catalogue(SIZES)
  const frontier: Frontier = { nextNewborn: keys.newborn.from, newest: new Map() }
  const [log, writes, faults]: [ReadLog, Write[], FaultSpan[]] = [new ReadLog(), [], []]
  const misfires: string[] = []
  const over = new AbortController()
  const { signal } = over
  const common = { nodes, catalogue: keys, frontier, signal }
  const writing = {
    ...common,
    writes,
    apiKey,
    random: random.fork(),
    count: options.writers ?? 4,
    perSecond: options.writesPerSecond,
    waitShare: options.waitShare,
  }
  await registerAll(
    writing,
    Array.from({ length: keys.cool.to }, (_, key) => key),
  )

  const startedAtMs = performance.now()
  const work = [
    runReaders({
      ...common,
      log,
      random: random.fork(),
      count: options.readers ?? 12,
      perSecond: options.readsPerSecond,
    }),
    runWriters(writing),
    keepReplica(lab, signal),
    keepSaying({ options, log, writes, signal, startedAtMs }),
  ]
  try {
    await runFaults(lab, { options, startedAtMs, faults, misfires })
    await healAll(lab)
    // What is late by then is late for good.
    await delay(BOUND_MS + 200)
  } finally {
    over.abort()
    await Promise.all(work)
  }
  const tookMs = performance.now() - startedAtMs
  options.say?.(`the storm is over; looking at ${log.length} reads and ${writes.length} writes`)
  const wanted = new Set(writes.map(({ key }) => key))
  const stored = await audit({ port: nodes[0]!.port, keys: keys.keys, wanted })
  const evidence = {
    boundMs: BOUND_MS,
    keys: keys.keys,
    registeredFirst: keys.cool.to,
    reads: { [Symbol.iterator]: () => withVersions(log, stored) },
    writes,
    faults,
    stored,
  }
  return {
    ...judge(evidence, options.answeredShare),
    faults,
    misfires,
    tookMs,
    writes: countsOf(writes),
    crashes: nodes.flatMap(({ crashes }) => crashes),
    nodeErrors: nodes.flatMap(lastErrorsOf),
  }
}

type Judgement = Pick<
  StormResult,
  'promises' | 'observed' | 'staleness' | 'visibility' | 'lost' | 'availability' | 'latencies'
>

function judge(evidence: Evidence, answeredShare: number): Judgement {
  const staleness = checkStaleness(evidence)
  const visibility = checkVisibility(evidence)
  const lost = checkDurability(evidence)
  const availability = measureAvailability(evidence)
  return {
    promises: [
      staleness,
      visibility,
      checkPresence(evidence),
      checkOwnWrites(evidence),
      checkDemands(evidence),
      lost,
      checkOnce(evidence),
      checkWhole(evidence),
      checkVersions(evidence),
      checkAnswered(availability, answeredShare),
    ],
    observed: [checkMonotonic(evidence)],
    ...{ staleness, visibility, lost, availability },
    latencies: latenciesByFault(evidence),
  }
}

interface Course {
  readonly options: StormOptions
  readonly startedAtMs: number
  readonly faults: FaultSpan[]
  readonly misfires: string[]
}

async function runFaults(lab: Lab, { options, startedAtMs, faults, misfires }: Course): Promise<void> {
  const { signal } = options
  const running: Promise<void>[] = []
  for (const fault of options.faults) {
    if (!(await waitUntil(startedAtMs + fault.atMs, signal))) break
    const span: FaultSpan = { text: fault.text, startedAtMs: performance.now(), endedAtMs: Number.POSITIVE_INFINITY }
    faults.push(span)
    options.say?.(`${seconds(span.startedAtMs - startedAtMs)} ${fault.text}`)
    const work = inflict(lab, fault).finally(() => {
      span.endedAtMs = performance.now()
    })
    running.push(work.catch((error: unknown) => void misfires.push(`${fault.text}: ${messageOf(error)}`)))
  }
  await waitUntil(startedAtMs + options.durationMs, signal)
  await Promise.all(running)
}

/** Whether that moment came before the signal. */
async function waitUntil(atMs: number, signal: AbortSignal | undefined): Promise<boolean> {
  const waitMs = Math.max(0, atMs - performance.now())
  await delay(waitMs, undefined, signal ? { signal } : {}).catch(() => undefined)
  return signal?.aborted !== true
}

/** The replica is some seconds behind whenever it is switched in. */
async function keepReplica({ redis }: Lab, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(REPLICA_COPY_MS, undefined, { signal }).catch(() => undefined)
    if (!signal.aborted) await redis.refreshReplica()
  }
}

async function keepSaying(
  about: Pick<Course, 'options' | 'startedAtMs'> & {
    readonly log: ReadLog
    readonly writes: readonly Write[]
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { options, startedAtMs, log, writes, signal } = about
  while (!signal.aborted) {
    await delay(PROGRESS_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    options.say?.(`${seconds(performance.now() - startedAtMs)} … ${log.length} reads, ${writes.length} writes`)
  }
}

function lastErrorsOf({ recentOutput }: NodeProcess): string[] {
  const lines = recentOutput().split('\n')
  return lines.filter((line) => line.includes('"error"')).slice(-3)
}

function countsOf(writes: readonly Write[]): WriteCounts {
  const of = (kind: Write['result']['kind']) => writes.filter(({ result }) => result.kind === kind)
  const acknowledged = of('acknowledged')
  const failures = new Map<string, number>()
  for (const { result } of writes) {
    if (result.kind === 'unknown') failures.set(result.failure, (failures.get(result.failure) ?? 0) + 1)
  }
  return {
    tried: writes.length,
    acknowledged: acknowledged.length,
    retried: acknowledged.filter(({ tries }) => tries > 1).length,
    waited: acknowledged.filter(({ waits }) => waits).length,
    refused: of('refused').length,
    unknown: of('unknown').length,
    failures,
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1).padStart(6)} s`
}
