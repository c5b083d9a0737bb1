/** What all writers have in common. */
import type { Catalogue } from './catalogue.js'
import type { NodeProcess } from './node-process.js'
import type { Random } from './random.js'
import type { Write, WriteReceipt } from './record.js'
import type { Sender } from './write-attempts.js'

/** Where writers are, for readers to look at the same places. */
export interface Frontier {
  nextNewborn: number
  /** The newest receipt of a key. */
  readonly newest: Map<number, WriteReceipt>
}

export interface WritersOptions {
  readonly nodes: readonly NodeProcess[]
  readonly catalogue: Catalogue
  readonly frontier: Frontier
  readonly writes: Write[]
  readonly apiKey: string
  readonly random: Random
  readonly count: number
  /** Requests of all writers together, those that wait included. */
  readonly perSecond: number
  /** Of all requests; default none. */
  readonly waitShare?: number
  readonly signal: AbortSignal
}

export interface Writer extends WritersOptions, Sender {
  readonly waits: boolean
}

export function noteNewest({ frontier }: Writer, { key, result }: Write): void {
  if (result.kind !== 'acknowledged') return
  const { receipt } = result
  if (receipt.version > (frontier.newest.get(key)?.version ?? 0)) frontier.newest.set(key, receipt)
}
