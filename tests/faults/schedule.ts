/** Random storms: the same seed gives the same script. */
import type { AmountKind } from './amounts.js'
import { FAULT_KINDS, type FaultKind, type FaultName } from './fault-kinds.js'
import type { Random } from './random.js'

export interface ScheduleOptions {
  readonly durationMs: number
  readonly random: Random
  /** Default: all there are. */
  readonly kinds?: readonly FaultName[]
  /** Whether a fault may begin while another one lasts. */
  readonly overlap?: boolean
}

export const ALL_KINDS = Object.keys(FAULT_KINDS) as FaultName[]

const CALM_MS = { least: 700, most: 2_500 }
/** What may be left of a fault when it is over: recovery of Postgres, start of a node, lines that return one by one. */
const RECOVERY_MS: Partial<Record<FaultName, number>> = {
  'redis.failover': 1_000,
  'postgres.kill': 3_000,
  'postgres.crash': 3_000,
  'postgres.crowd': 1_000,
  'node.kill': 2_000,
  'node.restart': 3_000,
  'net.swizzle': 3_000,
}
/** Last long, and do little by themselves: others come meanwhile. */
const IN_THE_BACKGROUND: ReadonlySet<FaultName> = new Set(['postgres.hold'])

const AMOUNTS_DRAWN: Readonly<Record<AmountKind, readonly string[]>> = {
  time: ['15ms', '60ms', '250ms'],
  rate: ['2kB', '20kB', '200kB'],
  offset: ['+700ms', '-1s', '+1h', '-1h', '+400d', '-400d'],
  factor: ['x5', 'x0.2', 'x50'],
}

/** A script in which every kind of fault comes up before any comes up again. */
export function randomScript({ durationMs, random, kinds = ALL_KINDS, overlap = false }: ScheduleOptions): string {
  const lines: string[] = []
  let atMs = CALM_MS.least
  for (let deck: FaultName[] = []; ; ) {
    if (deck.length === 0) deck = random.shuffled(kinds)
    const name = deck.pop()!
    const kind: FaultKind = FAULT_KINDS[name]
    const forMs = kind.forMs === undefined ? 0 : Math.round(kind.forMs * (0.5 + 1.5 * random.next()))
    const endsAtMs = atMs + forMs + (RECOVERY_MS[name] ?? 0)
    if (endsAtMs > durationMs) return lines.join('\n')
    const amount = kind.amount ? ` ${random.pick(AMOUNTS_DRAWN[kind.amount])}` : ''
    lines.push(`at ${atMs}ms ${subjectOf(name, random)}${amount}${forMs > 0 ? ` for ${forMs}ms` : ''}`)
    const calmMs = CALM_MS.least + random.below(CALM_MS.most - CALM_MS.least)
    const othersMayCome = IN_THE_BACKGROUND.has(name) || (overlap && random.next() < 0.5)
    atMs = (othersMayCome ? atMs + 200 : endsAtMs) + calmMs
  }
}

function subjectOf(name: FaultName, random: Random): string {
  if (name.startsWith('node.')) return name.replace('node', `node${1 + random.below(3)}`)
  if (!name.startsWith('proxy.')) return name
  // With all of them cut off from both, nobody could know what is not in memory.
  const mayHitAll = !name.startsWith('proxy.both.')
  const whose = mayHitAll && random.next() < 0.3 ? 'all' : `node${1 + random.below(3)}`
  return name.replace('proxy.', `proxy.${whose}.`)
}
