/** The single look-ups of the report: what each sends, and what must come back. */
import type { Bench } from '../bench.js'
import { sizesOf } from '../bench.js'
import { absentIdentifierAt, FOREIGN_PREFIX, identifierAt } from '../workload/dataset.js'
import { drawKeys, type KeyDistribution } from '../workload/keys.js'
import { lookup } from '../workload/requests.js'
import type { LookupSpec } from './lookups.js'

/** So many identifiers that nobody registered are asked for: negative answers are cached like others. */
const ABSENT_IDENTIFIERS = 2_000
const MALFORMED = 'no-slash-in-this-one'

/** Indexes of records below `count`, drawn with the run's seed. */
export function drawn(bench: Bench, distribution: KeyDistribution, count: number): Uint32Array {
  return drawKeys(distribution, { count, length: sizesOf(bench.options).drawnRequests, seed: bench.options.seed })
}

export function hits(
  bench: Bench,
  spec: Pick<LookupSpec, 'name' | 'title' | 'expectTier'> & {
    readonly distribution: KeyDistribution
    readonly count: number
  },
): LookupSpec {
  const requests = Array.from(drawn(bench, spec.distribution, spec.count), (index) => lookup(identifierAt(index)))
  return { ...spec, requests, expectStatus: 200 }
}

/** @param etag as the node gives it; all records of the data set are of version 1 */
export function notModified(bench: Bench, count: number, etag: string): LookupSpec {
  const requests = Array.from(drawn(bench, 'zipf', count), (index) =>
    lookup(identifierAt(index), { 'if-none-match': etag }),
  )
  return { name: 'not-modified', title: 'GET with If-None-Match, Zipf', requests, expectStatus: 304 }
}

export function absent(bench: Bench): LookupSpec {
  const requests = Array.from(drawn(bench, 'uniform', ABSENT_IDENTIFIERS), (index) => lookup(absentIdentifierAt(index)))
  return { name: 'absent', title: 'GET of what nobody registered', requests, expectStatus: 404 }
}

export function malformed(): LookupSpec {
  const requests = Array.from({ length: 100 }, (_, n) => lookup(`${MALFORMED}-${n}`))
  return { name: 'malformed', title: 'GET of a malformed identifier', requests, expectStatus: 400 }
}

export function notServed(): LookupSpec {
  const requests = Array.from({ length: ABSENT_IDENTIFIERS }, (_, n) => lookup(`${FOREIGN_PREFIX}/part-${n}`))
  return { name: 'not-served', title: "GET under another node's prefix", requests, expectStatus: 404 }
}
