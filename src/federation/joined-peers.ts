/** What the processes of one node know of the same other nodes, as one: each asks for itself, and knows what it has seen. */
import type { KnownPeer } from './peers.js'

/** Counts are added up; the state is that of whoever has heard, or waited in vain, last. */
export function joinedPeers(ofProcesses: readonly (readonly KnownPeer[])[]): KnownPeer[] {
  const byName = new Map<string, KnownPeer[]>()
  for (const known of ofProcesses.flat()) {
    const seen = byName.get(known.peer)
    if (seen === undefined) byName.set(known.peer, [known])
    else seen.push(known)
  }
  return [...byName.values()].map(joined)
}

function joined(seen: readonly KnownPeer[]): KnownPeer {
  const sum = (of: 'requests' | 'failures' | 'refused' | 'inFlight' | 'waiting') =>
    seen.reduce((total, one) => total + one[of], 0)
  const latencies = seen.flatMap(({ latencyMs }) => latencyMs ?? [])
  // A process that has not read its routes yet has only met it.
  const { peer, role, prefixes } = seen.find((one) => one.role !== 'other') ?? seen[0]!
  return {
    peer,
    role,
    prefixes,
    state: stateOf(seen),
    requests: sum('requests'),
    failures: sum('failures'),
    refused: sum('refused'),
    inFlight: sum('inFlight'),
    waiting: sum('waiting'),
    latencyMs: latencies.length === 0 ? undefined : latencies.reduce((total, one) => total + one) / latencies.length,
    lastAnswerAtMs: lastOf(seen, ({ lastAnswerAtMs }) => lastAnswerAtMs)?.lastAnswerAtMs,
    lastError: lastOf(seen, ({ lastError }) => lastError?.atMs)?.lastError,
  }
}

function stateOf(seen: readonly KnownPeer[]): KnownPeer['state'] {
  const last = lastOf(seen, ({ lastAnswerAtMs, lastError }) =>
    lastAnswerAtMs === undefined ? lastError?.atMs : Math.max(lastAnswerAtMs, lastError?.atMs ?? lastAnswerAtMs),
  )
  return last?.state ?? 'unknown'
}

function lastOf(seen: readonly KnownPeer[], atMs: (one: KnownPeer) => number | undefined): KnownPeer | undefined {
  const dated = seen.filter((one) => atMs(one) !== undefined)
  return dated.reduce<KnownPeer | undefined>(
    (last, one) => (last === undefined || atMs(one)! > atMs(last)! ? one : last),
    undefined,
  )
}
