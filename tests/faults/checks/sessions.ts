/**
 * What one reader sees of one identifier.
 *
 *   own writes   at the node that acknowledged a write it shows at once
 *   demands      with the token of a receipt, or with minVersion, it shows at least that, anywhere, marked or not: so versions
 *                are monotonic in a session that says what it has seen
 *   monotonic    from one process of a node, versions do not go back unasked. Not promised: the contract is the bound. Counted,
 *                because steps back that come in numbers are a sign that something is wrong.
 */
import type { Evidence, Read } from '../record.js'
import { type CheckResult, Tally, where } from './check.js'

export function checkOwnWrites({ reads, writes, keys }: Evidence): CheckResult {
  const tally = new Tally('own writes at once')
  const latest = ownWrites(writes)
  for (const read of reads) {
    if (read.outcome === 'unanswered' || read.isStale) continue
    const own = latest.get(placeOf(read))?.findLast(({ atMs }) => atMs < read.startedAtMs)
    if (own === undefined) continue
    tally.check(
      read.version >= own.version,
      () => `version ${own.version} was acknowledged here: ${keys[read.key]} ${shown(read)}`,
    )
  }
  return tally.result()
}

export function checkDemands({ reads, keys }: Evidence): CheckResult {
  const tally = new Tally('demanded versions at least')
  for (const read of reads) {
    if (read.outcome === 'unanswered' || read.minVersion === 0) continue
    tally.check(
      read.version >= read.minVersion,
      () => `version ${read.minVersion} was demanded: ${keys[read.key]} ${shown(read)}`,
    )
  }
  return tally.result()
}

function shown(read: Read): string {
  return `${read.outcome} as version ${read.version}, ${where(read)}`
}

export function checkMonotonic({ reads, keys }: Evidence): CheckResult {
  const tally = new Tally('monotonic versions per session')
  const newest = new Map<string, number>()
  for (const read of reads) {
    if (read.outcome === 'unanswered' || read.isStale) continue
    const place = `${read.session} ${placeOf(read)}`
    const before = newest.get(place) ?? 0
    tally.check(
      read.version >= before,
      () => `${keys[read.key]} went from version ${before} to ${read.version}, reader ${read.session}, ${where(read)}`,
    )
    newest.set(place, Math.max(before, read.version))
  }
  return tally.result()
}

/** By process and key: what it acknowledged so far, in order of time; a receipt of an earlier try may be another process's. */
function ownWrites(writes: Evidence['writes']): ReadonlyMap<string, { atMs: number; version: number }[]> {
  const own = new Map<string, { atMs: number; version: number }[]>()
  const acknowledged = writes.flatMap(({ key, tries, result }) =>
    result.kind === 'acknowledged' && tries === 1 ? [{ key, atMs: result.atMs, ...result.receipt }] : [],
  )
  for (const { atMs, version, ...place } of acknowledged.sort((one, other) => one.atMs - other.atMs)) {
    const known = own.get(placeOf(place)) ?? []
    known.push({ atMs, version: Math.max(version, known.at(-1)?.version ?? 0) })
    own.set(placeOf(place), known)
  }
  return own
}

function placeOf({ node, incarnation, key }: Pick<Read, 'node' | 'incarnation' | 'key'>): string {
  return `${node} ${incarnation} ${key}`
}
