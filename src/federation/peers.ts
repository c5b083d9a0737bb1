/** All nodes that this one has to do with, by address. Bounded: who sends us to ever new addresses pushes out old ones. */
import type { Clock } from '../platform/clock.js'
import { type Exchange, Peer, type PeerState } from './peer.js'

export interface PeersOptions {
  readonly clock: Clock
  /** Default 8. */
  readonly maxConcurrent?: number
  /** For the node above this one, which is asked most. Default 64. */
  readonly maxConcurrentParent?: number
  /** Default 1,000. */
  readonly maxPeers?: number
}

/** What a node is to this one. */
export type PeerRole = 'parent' | 'enterprise' | 'other'

export interface KnownPeer extends PeerState {
  readonly role: PeerRole
  /** Prefixes that it answers for, as far as this node has them. */
  readonly prefixes: readonly string[]
}

interface Entry {
  readonly peer: Peer
  role: PeerRole
  prefixes: readonly string[]
}

export class Peers {
  private readonly options: PeersOptions
  /** The one used last is last. */
  private readonly entries = new Map<string, Entry>()

  constructor(options: PeersOptions) {
    this.options = options
  }

  get(name: string): Peer {
    return this.entry(name).peer
  }

  /** Those that belong here; all other nodes are only met. */
  settle(name: string, role: PeerRole, prefixes: readonly string[]): Peer {
    const entry = this.entries.get(name) ?? this.add(name, role)
    entry.role = role
    entry.prefixes = prefixes
    return entry.peer
  }

  /** By address; those that no prefix leads to any more are only met from now on. */
  settleEnterprises(prefixesOf: ReadonlyMap<string, readonly string[]>): void {
    for (const [name, entry] of this.entries)
      if (entry.role === 'enterprise' && !prefixesOf.has(name)) this.settle(name, 'other', [])
    for (const [name, prefixes] of prefixesOf)
      if (this.entries.get(name)?.role !== 'parent') this.settle(name, 'enterprise', prefixes)
  }

  list(): KnownPeer[] {
    return [...this.entries.values()].map(({ peer, role, prefixes }) => ({ ...peer.state(), role, prefixes }))
  }

  /** Asks whether the node is there, and keeps account of what comes of it. @throws what `send` throws */
  async probe<Value>(name: string, send: () => Promise<Value>): Promise<Value> {
    const exchange = await this.get(name).enter(0, 'probe')
    return accounted(exchange, send)
  }

  private entry(name: string): Entry {
    const known = this.entries.get(name)
    if (known === undefined) return this.add(name, 'other')
    this.entries.delete(name)
    this.entries.set(name, known)
    return known
  }

  private add(name: string, role: PeerRole): Entry {
    const { clock, maxConcurrent = 8, maxConcurrentParent = 64, maxPeers = 1_000 } = this.options
    if (this.entries.size >= maxPeers) this.forgetOne()
    const peer = new Peer(name, { maxConcurrent: role === 'parent' ? maxConcurrentParent : maxConcurrent }, clock)
    const entry: Entry = { peer, role, prefixes: [] }
    this.entries.set(name, entry)
    return entry
  }

  private forgetOne(): void {
    for (const [name, { role }] of this.entries) {
      if (role !== 'other') continue
      this.entries.delete(name)
      return
    }
  }
}

async function accounted<Value>(exchange: Exchange, send: () => Promise<Value>): Promise<Value> {
  try {
    const value = await send()
    exchange.answered()
    return value
  } catch (error) {
    exchange.failed(error)
    throw error
  }
}
