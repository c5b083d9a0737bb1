/** Rows of latency against offered load: 10, 50 and 90 % of the capacity that was measured before. */
import type { Bench } from '../bench.js'
import { GENERATOR_LIMIT } from '../load/load.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import { type LoadedServer, percent } from '../load/sides.js'
import type { LatencyRow } from '../report/report.js'
import { formatMicroseconds } from '../report/table.js'
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
}

const SHARES = [0.1, 0.5, 0.9]
const WARM_UP_SHARE = 0.2
/** Above this the generator's own lateness is a part of the latency that should not be overlooked. */
const LAG_LIMIT_MICROSECONDS = 300

export async function measureLatency(bench: Bench, node: RunningNode, spec: LatencySpec): Promise<LatencyRow[]> {
  bench.say(`${spec.name}: ${spec.title}`)
  const recorded = spec.withBareServer ? await recordForBareServer(bench, node, spec) : undefined
  const rows: LatencyRow[] = []
  for (const share of SHARES) {
    rows.push(await measureSide(bench, spec, { side: 'node', server: node, requests: spec.requests, share }))
    if (recorded) {
      const { requests } = recorded
      rows.push(await measureSide(bench, spec, { side: 'bare http', server: bench.bare, requests, share }))
    }
  }
  return rows
}

async function measureSide(
  bench: Bench,
  spec: LatencySpec,
  of: {
    readonly side: LatencyRow['side']
    readonly server: LoadedServer
    readonly requests: readonly Buffer[]
    readonly share: number
  },
): Promise<LatencyRow> {
  const { durationMs, connections, quick } = bench.options
  const load = {
    port: of.server.port,
    connections,
    // A tail needs more requests than a mean.
    durationMs: quick ? durationMs : durationMs * 2,
    nextRequest: cycle(of.requests),
    expectStatus: 200,
    ratePerSecond: spec.capacityPerSecond * of.share,
  }
  await runOpenLoop({ ...load, durationMs: load.durationMs * WARM_UP_SHARE })
  const result = await runOpenLoop(load)
  return {
    name: spec.name,
    title: spec.title,
    side: of.side,
    shareOfCapacity: of.share,
    offeredPerSecond: result.offeredPerSecond,
    answeredPerSecond: result.answeredPerSecond,
    p50: result.latency.quantile(0.5),
    p90: result.latency.quantile(0.9),
    p99: result.latency.quantile(0.99),
    p999: result.latency.quantile(0.999),
    max: result.latency.max,
    generatorLagP99: result.generatorLag.quantile(0.99),
    generatorBusyShare: result.generatorBusyShare,
    requests: result.latency.count,
    unanswered: result.unanswered,
    notes: notesOf(result),
  }
}

function notesOf(result: OpenLoopResult): string[] {
  const notes: string[] = []
  const lag = result.generatorLag.quantile(0.99)
  if (result.generatorBusyShare > GENERATOR_LIMIT) {
    notes.push(`GENERATOR-BOUND: it used ${percent(result.generatorBusyShare)} of its core`)
  }
  if (lag > LAG_LIMIT_MICROSECONDS) {
    notes.push(`GENERATOR LATE: by ${formatMicroseconds(lag)} at p99, with a connection free`)
  }
  if (result.unanswered > 0) notes.push(`${result.unanswered} requests had no answer; they count with their wait`)
  for (const [status, answers] of result.unexpected) notes.push(`UNEXPECTED ANSWERS: ${answers} × status ${status}`)
  return notes
}
