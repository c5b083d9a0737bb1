/** The row of POST /v1/resolve with 1,000 identifiers the memory cache holds. */

import { parseAnswer } from '../baselines/recording.js'
import type { Bench } from '../bench.js'
import { takeTurns } from '../load/rounds.js'
import { collectAnswers } from '../load/send-all.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Row } from '../report/report.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cycle } from '../workload/keys.js'
import { resolveMany } from '../workload/requests.js'
import { recordForBareServer } from './lookups.js'

const IDENTIFIERS = 1_000
/** Enough to keep one process busy; more would only wait. */
const CALLERS = 4
const DISTINCT_REQUESTS = 50

/** @param keys indexes of records in the order drawn */
export async function measureBatchResolve(bench: Bench, node: RunningNode, keys: Uint32Array): Promise<Row> {
  bench.say('batch-resolve: POST /v1/resolve of 1,000 identifiers')
  const requests = Array.from({ length: DISTINCT_REQUESTS }, (_, batch) =>
    resolveMany(keys.subarray((batch * IDENTIFIERS) % keys.length).subarray(0, IDENTIFIERS)),
  )
  await requireAllFound(node, requests[0]!)
  const { octetsPerAnswer } = await recordForBareServer(bench, node, { name: 'batch-resolve', requests })
  const load = {
    connections: CALLERS,
    durationMs: bench.options.durationMs,
    expectStatus: 200,
    nextRequest: cycle(requests),
    unitsPerAnswer: IDENTIFIERS,
  }
  const [measured, baseline] = await takeTurns(
    [
      loadedSide({ ...load, name: 'node', server: node }),
      loadedSide({ ...load, name: 'bare http', server: bench.bare }),
    ],
    bench.turns(),
  )
  return {
    name: 'batch-resolve',
    title: 'POST /v1/resolve of 1,000, memory hit',
    unit: 'identifiers',
    node: measured!,
    baselines: [baseline!],
    notes: warningsOf([measured!, baseline!]),
    facts: { identifiersPerRequest: IDENTIFIERS, callers: CALLERS, octetsPerAnswer },
  }
}

/** A rate of errors would be no rate at all. */
async function requireAllFound(node: RunningNode, request: Buffer): Promise<void> {
  const [answer] = await collectAnswers(node.port, [request])
  const { status, body } = parseAnswer(answer!)
  const results = status === 200 ? (JSON.parse(body.toString()) as { results: { status: number }[] }).results : []
  const found = results.filter((result) => result.status === 200).length
  if (found !== IDENTIFIERS) {
    throw new Error(`POST /v1/resolve found ${found} of ${IDENTIFIERS}: ${status} ${body.toString().slice(0, 500)}`)
  }
}
