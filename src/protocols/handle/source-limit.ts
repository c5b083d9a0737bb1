/**
 * How many octets of answers a source of datagrams gets: a bucket for each, filled at a steady rate. Anybody can claim to be
 * anybody over UDP, so this bounds what a stranger can have sent to a victim, whoever asks for it.
 *
 * The buckets are a table of fixed size, found by a seeded hash of the address; of sources that share one, each has less. Of
 * IPv6 the first four groups count: a network of 64 bits is one source.
 */
import { randomInt } from 'node:crypto'

const BUCKETS = 2 ** 16
const COLON = 0x3a
const MAPPED = '::ffff:'
/** Of the octets of a second, so many may come at once. */
const BURST_SECONDS = 1

export class SourceLimit {
  private readonly seed = randomInt(2 ** 31)
  private readonly octetsPerMs: number
  private readonly capacity: number
  private readonly left = new Float64Array(BUCKETS)
  private readonly filledAtMs = new Float64Array(BUCKETS)

  /** @param octetsPerSecond 0: no limit */
  constructor(octetsPerSecond: number) {
    this.octetsPerMs = octetsPerSecond / 1000
    this.capacity = octetsPerSecond * BURST_SECONDS
    this.left.fill(this.capacity)
  }

  bucketOf(address: string): number {
    let hash = this.seed
    const end = sourceEnd(address)
    for (let at = 0; at < end; at++) hash = Math.imul(hash ^ address.charCodeAt(at), 0x01000193)
    return (hash ^ (hash >>> 16)) & (BUCKETS - 1)
  }

  /** @param nowMs of a clock that never goes back */
  isExhausted(bucket: number, nowMs: number): boolean {
    if (this.capacity === 0) return false
    const filled = this.left[bucket]! + (nowMs - this.filledAtMs[bucket]!) * this.octetsPerMs
    this.left[bucket] = filled < this.capacity ? filled : this.capacity
    this.filledAtMs[bucket] = nowMs
    return filled <= 0
  }

  /** An answer that is under way may take more than is left; what follows waits the longer. */
  take(bucket: number, octets: number): void {
    this.left[bucket]! -= octets
  }
}

/** Where the text of the network ends. */
function sourceEnd(address: string): number {
  if (address.startsWith(MAPPED)) return address.length
  let groups = 0
  for (let at = 0; at < address.length; at++) {
    if (address.charCodeAt(at) !== COLON) continue
    groups += 1
    if (groups === 4 || address.charCodeAt(at + 1) === COLON) return at
  }
  return address.length
}
