/** What is measured of each build: the same requests, in the same order, against a node of it. */
import type { Bench } from '../bench.js'
import type { Side } from '../load/rounds.js'
import { loadedSide } from '../load/sides.js'
import type { LookupSpec } from '../rows/lookups.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { cycle } from '../workload/keys.js'
import { lookup, resolveMany } from '../workload/requests.js'
import type { Contender } from './contender.js'

export type Pair<Item> = readonly [Item, Item]

export const BATCH = 1_000
export const BATCH_CALLERS = 4
const DISTINCT_BATCHES = 50

export function lookupSide(
  bench: Bench,
  { build }: Contender,
  { node, spec }: { readonly node: RunningNode; readonly spec: LookupSpec },
): Side {
  const { connections, durationMs } = bench.options
  const { expectStatus } = spec
  const nextRequest = cycle(spec.requests)
  return loadedSide({ name: build.revision, server: node, connections, durationMs, expectStatus, nextRequest })
}

export function batchSide(
  bench: Bench,
  { build }: Contender,
  { node, keys }: { readonly node: RunningNode; readonly keys: Uint32Array },
): Side {
  const requests = Array.from({ length: DISTINCT_BATCHES }, (_, batch) =>
    resolveMany(keys.subarray((batch * BATCH) % keys.length).subarray(0, BATCH)),
  )
  return loadedSide({
    name: build.revision,
    server: node,
    connections: BATCH_CALLERS,
    durationMs: bench.options.durationMs,
    expectStatus: 200,
    unitsPerAnswer: BATCH,
    nextRequest: cycle(requests),
  })
}

export function hotLookups(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => lookup(identifierAt(index)))
}
