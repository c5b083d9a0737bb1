/**
 * What the door of the native Handle protocol counts: requests by transport, operation and response code, and datagrams that
 * got no answer. Plain numbers on the hot path; they become metrics when somebody scrapes.
 */
import type { Registry } from 'prom-client'
import { counter, countMetric, gauge } from './collected.js'

export const HANDLE_TRANSPORTS = ['udp', 'tcp', 'http'] as const
export type HandleTransport = (typeof HANDLE_TRANSPORTS)[number]

/** Why a datagram was dropped. */
export type DatagramDrop =
  /** It is a response, or might be one: whoever answers those answers himself. */
  | 'response'
  /** Too little of it can be read to know whom to tell. */
  | 'unreadable'
  /** Its source has had its share. */
  | 'source-limit'
  /** As many are under way as there may be. */
  | 'busy'

/** Operations and codes have at most 12 bits; the rest is one number for all. */
const OTHER = 0xfff
const SHIFT = 12

interface Count {
  /** Transport, operation and response code. */
  readonly key: number
  answered: number
}

export class HandleMeter {
  /** Connections of the native port. */
  openConnections = 0
  /** Answers over UDP of which only the beginning was sent. */
  cutShort = 0
  private readonly counts = new Map<number, Count>()
  /** What was counted last, as it nearly always is again. */
  private last: Count = { key: Number.NaN, answered: 0 }
  private readonly drops = new Map<DatagramDrop, number>()

  answered(transport: HandleTransport, opCode: number, responseCode: number): void {
    const key = (ordinalOf(transport) << (2 * SHIFT)) | (bounded(opCode) << SHIFT) | bounded(responseCode)
    if (this.last.key !== key) this.last = this.countOf(key)
    this.last.answered += 1
  }

  private countOf(key: number): Count {
    const known = this.counts.get(key)
    if (known !== undefined) return known
    const count = { key, answered: 0 }
    this.counts.set(key, count)
    return count
  }

  dropped(reason: DatagramDrop): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + 1)
  }

  register(registry: Registry): void {
    counter(registry, {
      name: 'jiexi_handle_requests_total',
      help: 'Requests of the native Handle protocol answered, by transport, operation and response code.',
      labels: ['transport', 'op', 'code'],
      collect: (add) => {
        for (const { key, answered } of this.counts.values()) add(labelsOf(key), answered)
      },
    })
    countMetric(registry, {
      name: 'jiexi_handle_datagrams_dropped_total',
      help: 'Datagrams of the native Handle protocol that got no answer, by reason.',
      label: 'reason',
      counts: () => this.drops,
    })
    counter(registry, {
      name: 'jiexi_handle_udp_cut_short_total',
      help: 'Answers over UDP of which only the first packet was sent, because the whole is too long for a peer nobody knows.',
      labels: [],
      collect: (add) => add({}, this.cutShort),
    })
    gauge(registry, {
      name: 'jiexi_handle_connections',
      help: 'Open TCP connections of the native Handle protocol.',
      labels: [],
      joined: 'sum',
      collect: (set) => set({}, this.openConnections),
    })
  }
}

/** In `HANDLE_TRANSPORTS`. */
function ordinalOf(transport: HandleTransport): number {
  if (transport === 'udp') return 0
  return transport === 'tcp' ? 1 : 2
}

function bounded(code: number): number {
  return code < OTHER ? code : OTHER
}

function labelsOf(key: number): { transport: string; op: string; code: string } {
  const text = (code: number) => (code === OTHER ? 'other' : String(code))
  return {
    transport: HANDLE_TRANSPORTS[key >>> (2 * SHIFT)]!,
    op: text((key >>> SHIFT) & OTHER),
    code: text(key & OTHER),
  }
}
