/**
 * Room for bytes off the JavaScript heap, given out in segments and taken back a segment at a time. What stands in a
 * segment is never overwritten: an answer that still reads from one keeps it alive, and the next segment is a new one.
 */
/** Where an entry stands on its way (kept-answers.ts). */
export type Queue = 'small' | 'main'

export interface Segment {
  /** Its place in the table; another segment has it once this one is gone. */
  readonly ordinal: number
  readonly queue: Queue
  readonly bytes: Buffer
  /** Octets written. */
  used: number
}

export class Segments {
  readonly #byOrdinal: (Segment | undefined)[] = []
  readonly #free: number[] = []
  readonly #segmentBytes: number
  readonly #allocated = { small: 0, main: 0 }

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes
  }

  allocatedBytes(queue: Queue): number {
    return this.#allocated[queue]
  }

  at(ordinal: number): Segment {
    return this.#byOrdinal[ordinal]!
  }

  /** What a segment for an entry of that size takes. */
  bytesFor(entryBytes: number): number {
    return Math.max(this.#segmentBytes, entryBytes)
  }

  open(queue: Queue, entryBytes: number): Segment {
    const ordinal = this.#free.pop() ?? this.#byOrdinal.length
    const segment = { ordinal, queue, bytes: Buffer.allocUnsafeSlow(this.bytesFor(entryBytes)), used: 0 }
    this.#byOrdinal[ordinal] = segment
    this.#allocated[queue] += segment.bytes.length
    return segment
  }

  close({ ordinal, queue, bytes }: Segment): void {
    this.#byOrdinal[ordinal] = undefined
    this.#free.push(ordinal)
    this.#allocated[queue] -= bytes.length
  }

  clear(): void {
    this.#byOrdinal.length = 0
    this.#free.length = 0
    this.#allocated.small = 0
    this.#allocated.main = 0
  }
}
