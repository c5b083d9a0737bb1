/** What is known of other nodes. The label `peer` takes as many values as there are nodes that belong to this one, and one for all others. */
import type { Registry } from 'prom-client'
import { counter, gauge } from './collected.js'

export interface PeerReading {
  readonly peer: string
  readonly role: string
  readonly state: 'unknown' | 'up' | 'down' | 'failing'
  readonly requests: number
  readonly failures: number
  readonly refused: number
  readonly inFlight: number
  readonly latencyMs: number | undefined
}

export interface ForeignReadings {
  readonly peers: readonly PeerReading[]
  /** Answers of other nodes that are remembered. */
  readonly usage: { readonly entries: number; readonly bytes: number }
}

const MAX_SERIES = 200
const OTHERS = 'other'

export function peerMetrics(registry: Registry, read: () => ForeignReadings): void {
  const settled = () =>
    read()
      .peers.filter(({ role }) => role !== OTHERS)
      .slice(0, MAX_SERIES)
  const labels = ['peer', 'role']
  gauge(registry, {
    name: 'jiexi_peer_up',
    help: '1 while the node answers, 0 while it does not; absent before it was asked.',
    labels,
    joined: 'max',
    collect: (set) => {
      for (const { peer, role, state } of settled())
        if (state !== 'unknown') set({ peer, role }, Number(state === 'up'))
    },
  })
  gauge(registry, {
    name: 'jiexi_peer_latency_seconds',
    help: 'Smoothed time of an answer of the node.',
    labels,
    joined: 'max',
    collect: (set) => {
      for (const { peer, role, latencyMs } of settled())
        if (latencyMs !== undefined) set({ peer, role }, latencyMs / 1000)
    },
  })
  gauge(registry, {
    name: 'jiexi_peer_in_flight',
    help: 'Requests to the node that are under way.',
    labels,
    joined: 'sum',
    collect: (set) => {
      for (const { peer, role, inFlight } of settled()) set({ peer, role }, inFlight)
    },
  })
  requestCounts(registry, read)
  usageGauges(registry, read)
}

/** Of all nodes: those that were only met are one. */
function requestCounts(registry: Registry, read: () => ForeignReadings): void {
  counter(registry, {
    name: 'jiexi_peer_requests_total',
    help: 'Requests to other nodes by what came of them: refused ones were not sent, since the node fails or is busy.',
    labels: ['peer', 'outcome'],
    collect: (add) => {
      for (const { peer, role, requests, failures, refused } of read().peers) {
        const name = role === OTHERS ? OTHERS : peer
        add({ peer: name, outcome: 'answered' }, Math.max(0, requests - failures))
        add({ peer: name, outcome: 'failed' }, failures)
        add({ peer: name, outcome: 'refused' }, refused)
      }
    },
  })
}

function usageGauges(registry: Registry, read: () => ForeignReadings): void {
  gauge(registry, {
    name: 'jiexi_foreign_answers',
    help: 'Answers of other nodes that are remembered.',
    labels: [],
    joined: 'sum',
    collect: (set) => set({}, read().usage.entries),
  })
  gauge(registry, {
    name: 'jiexi_foreign_answer_bytes',
    help: 'Bytes taken for them, about.',
    labels: [],
    joined: 'sum',
    collect: (set) => set({}, read().usage.bytes),
  })
}
