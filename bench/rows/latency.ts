/**
 * Capacity curves: latency in an open loop, at shares of the capacity that was measured before. Node and bare server
 * take turns at each load, and the whole curve is gone through in every round.
 */
import type { Bench } from '../bench.js'
import { GENERATOR_LIMIT } from '../load/load.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { percentilesOf } from '../load/percentiles.js'
import { spreadOf } from '../load/rounds.js'
import { type LoadedServer, percent } from '../load/sides.js'
import { formatMicroseconds } from '../report/figures.js'
import type { LatencyRow } from '../report/report.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cycle } from '../workload/keys.js'
import { recordForBareServer } from './lookups.js'
import type { RowName } from './row-names.js'

export interface LatencySpec {
  readonly name: RowName
  readonly title: string
  readonly requests: readonly Buffer[]
  /** Answers per second of the node in a closed loop. */
  readonly capacityPerSecond: number
  /** Measures a bare server under the same offered load too: what of a latency is the machine's. */
  readonly withBareServer: boolean
  /** Rates of further baselines by name; each has a curve at shares of its own. */
  readonly otherCapacities?: ReadonlyMap<string, number>
}

const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
const QUICK_SHARES = [0.1, 0.5, 0.9]
const ROUNDS = 3
const WARM_UP_SHARE = 0.2
/** Above this the generator's own lateness is a part of the latency that should not be overlooked. */
const LAG_LIMIT_MICROSECONDS = 300

interface CurveSide {
  readonly name: string
  readonly server: LoadedServer
  readonly requests: readonly Buffer[]
  readonly capacityPerSecond: number
}

export async function measureLatency(bench: Bench, node: RunningNode, spec: LatencySpec): Promise<LatencyRow[]> {
  bench.say(`${spec.name}: ${spec.title}`)
  const { quick, rounds } = bench.options
  const points = (quick ? QUICK_SHARES : SHARES).flatMap((share) => ({ share, results: [] as OpenLoopResult[][] }))
  const sides = await sidesOf(bench, node, spec)
  for (let round = 0; round < (quick ? 1 : Math.min(ROUNDS, rounds)); round += 1) {
    for (const { share, results } of points) {
      for (const [index, side] of sides.entries()) {
        results[index] = [...(results[index] ?? []), await measurePoint(bench, side, share)]
      }
    }
  }
  return points.flatMap(({ share, results }) =>
    sides.map(({ name }, index) => ({
      name: spec.name,
      title: spec.title,
      side: name,
      shareOfCapacity: share,
      ...latencyFigures(results[index]!),
    })),
  )
}

async function sidesOf(bench: Bench, node: RunningNode, spec: LatencySpec): Promise<CurveSide[]> {
  const { requests, capacityPerSecond, otherCapacities = new Map<string, number>() } = spec
  const measured = { name: 'node', server: node, requests, capacityPerSecond }
  if (!spec.withBareServer) return [measured]
  const recorded = await recordForBareServer(bench, node, spec)
  const bare = { name: bench.bare.name, server: bench.bare, requests: recorded.requests, capacityPerSecond }
  const others = bench.otherBaselines.flatMap((server) => {
    const capacity = otherCapacities.get(server.name)
    if (capacity === undefined) return []
    return { name: server.name, server, requests: server.requestsFor(recorded.requests), capacityPerSecond: capacity }
  })
  return [measured, bare, ...others]
}

async function measurePoint(bench: Bench, side: CurveSide, share: number): Promise<OpenLoopResult> {
  const { durationMs, connections } = bench.options
  const load = {
    port: side.server.port,
    connections,
    nextRequest: cycle(side.requests),
    expectStatus: 200,
    ratePerSecond: side.capacityPerSecond * share,
  }
  await runOpenLoop({ ...load, durationMs: durationMs * WARM_UP_SHARE })
  return runOpenLoop({ ...load, durationMs })
}

/** What is told of the rounds at one load. */
export function latencyFigures(
  rounds: readonly OpenLoopResult[],
): Omit<LatencyRow, 'name' | 'title' | 'side' | 'shareOfCapacity'> {
  const median = (figure: (result: OpenLoopResult) => number) => spreadOf(rounds.map(figure)).median
  return {
    offeredPerSecond: median((result) => result.offeredPerSecond),
    answeredPerSecond: median((result) => result.answeredPerSecond),
    ...percentilesOf(rounds.map(({ latency }) => latency)),
    generatorLagP99: median(({ generatorLag }) => generatorLag.quantile(0.99)),
    generatorBusyShare: median((result) => result.generatorBusyShare),
    unanswered: rounds.reduce((sum, { unanswered }) => sum + unanswered, 0),
    notes: notesOf(rounds),
  }
}

/** What a reader must know before believing the figures, of any of the rounds. */
export function notesOf(rounds: readonly OpenLoopResult[]): string[] {
  const notes: string[] = []
  const busiest = Math.max(...rounds.map((result) => result.generatorBusyShare))
  const lag = spreadOf(rounds.map(({ generatorLag }) => generatorLag.quantile(0.99))).median
  const unanswered = rounds.reduce((sum, result) => sum + result.unanswered, 0)
  if (busiest > GENERATOR_LIMIT) notes.push(`GENERATOR-BOUND: it used ${percent(busiest)} of its core`)
  if (lag > LAG_LIMIT_MICROSECONDS) {
    notes.push(`GENERATOR LATE: by ${formatMicroseconds(lag)} at p99, with a connection free`)
  }
  if (unanswered > 0) notes.push(`${unanswered} requests had no answer; they count with their wait`)
  for (const [status, answers] of unexpectedOf(rounds)) {
    notes.push(`UNEXPECTED ANSWERS: ${answers} × status ${status}`)
  }
  return notes
}

function unexpectedOf(rounds: readonly OpenLoopResult[]): ReadonlyMap<number, number> {
  const total = new Map<number, number>()
  for (const { unexpected } of rounds) {
    for (const [status, answers] of unexpected) total.set(status, (total.get(status) ?? 0) + answers)
  }
  return total
}
