/**
 * A mix of requests as a node in use sees them, seeded: frequent records (which the memory cache holds), rare ones (which
 * it mostly does not), identifiers nobody registered, batches, and new versions of frequent and rare records.
 */
import { absentIdentifierAt, identifierAt, recordAt, revisionOf } from './dataset.js'
import { drawKeys } from './keys.js'
import { laneSeed, randomStream } from './random.js'
import { lookup, register, resolveMany } from './requests.js'

export const KINDS = ['hit', 'miss', 'negative', 'batch', 'write'] as const
export type Kind = (typeof KINDS)[number]

/** Of all requests. */
export const SHARES: Readonly<Record<Kind, number>> = { hit: 0.75, miss: 0.1, negative: 0.08, batch: 0.02, write: 0.05 }
export const BATCH_IDENTIFIERS = 50

const EXPECTED: Readonly<Record<Kind, number>> = { hit: 200, miss: 200, negative: 404, batch: 200, write: 200 }
const DRAWN = 20_000
const BATCHES = 200
const ABSENT = 2_000
const LANE = 77

export interface Mix {
  next(): Buffer
  kindOf(request: Buffer): Kind
  expectedStatus(request: Buffer): number
}

export interface MixOptions {
  readonly seed: number
  readonly records: number
  /** The first so many records are the frequent ones. */
  readonly hotRecords: number
  readonly apiKey: string
  /** Kinds that are left out; the others keep their proportions. */
  readonly without?: readonly Kind[]
  /** Counts up with every write, so that none repeats what another wrote. */
  nextRevision(): number
}

export function mixOf(options: MixOptions): Mix {
  const { seed, records, hotRecords, apiKey } = options
  const kinds = KINDS.filter((kind) => !options.without?.includes(kind))
  const random = randomStream(laneSeed(seed, LANE))
  const hot = drawKeys('zipf', { count: hotRecords, length: DRAWN, seed })
  const cold = drawKeys('uniform', { count: records - hotRecords, length: DRAWN, seed }).map((key) => key + hotRecords)
  const known = new WeakMap<Buffer, Kind>()
  const tagged = (kind: Kind, request: Buffer) => {
    known.set(request, kind)
    return request
  }
  const prepared = (kind: Kind, count: number, requestAt: (index: number) => Buffer) =>
    taken(Array.from({ length: count }, (_, index) => tagged(kind, requestAt(index))))
  const write = () => {
    const keys = random() < 0.5 ? hot : cold
    const record = recordAt(seed, keys[Math.floor(random() * DRAWN)]!)
    return tagged('write', register(revisionOf(record, options.nextRevision()), apiKey))
  }
  const makers: Readonly<Record<Kind, () => Buffer>> = {
    hit: prepared('hit', DRAWN, (index) => lookup(identifierAt(hot[index]!))),
    miss: prepared('miss', DRAWN, (index) => lookup(identifierAt(cold[index]!))),
    negative: prepared('negative', ABSENT, (index) => lookup(absentIdentifierAt(index))),
    batch: prepared('batch', BATCHES, (index) => {
      const from = (index * BATCH_IDENTIFIERS) % (DRAWN - BATCH_IDENTIFIERS)
      return resolveMany(hot.subarray(from, from + BATCH_IDENTIFIERS))
    }),
    write,
  }
  const kindOf = (request: Buffer) => known.get(request)!
  return {
    next: () => makers[drawKind(kinds, random())](),
    kindOf,
    expectedStatus: (request) => EXPECTED[kindOf(request)],
  }
}

/** @param draw uniform in [0, 1) */
export function drawKind(kinds: readonly Kind[], draw: number): Kind {
  let left = draw * kinds.reduce((sum, kind) => sum + SHARES[kind], 0)
  for (const kind of kinds) {
    left -= SHARES[kind]
    if (left < 0) return kind
  }
  return kinds.at(-1)!
}

function taken(requests: readonly Buffer[]): () => Buffer {
  let next = 0
  return () => {
    const request = requests[next % requests.length]!
    next += 1
    return request
  }
}
