/** Random storms: the same seed gives the same script. */
import type { Random } from './random.js'
import { FAULT_KINDS, type FaultKind, type FaultName } from './script.js'

export interface ScheduleOptions {
  readonly durationMs: number
  readonly random: Random
  /** Whether a fault may begin while another one lasts. */
  readonly overlap?: boolean
}

const CALM_MS = { least: 700, most: 2_500 }
/** What may be left of a fault when it is over: recovery of Postgres, start of a node. */
const RECOVERY_MS: Partial<Record<FaultName, number>> = {
  'postgres.kill': 3_000,
  'node.kill': 2_000,
  'node.restart': 3_000,
}
const LATENCIES_MS = [15, 60, 250]

/** A script in which every kind of fault comes up before any comes up again. */
export function randomScript({ durationMs, random, overlap = false }: ScheduleOptions): string {
  const lines: string[] = []
  let atMs = CALM_MS.least
  for (let deck: FaultName[] = []; ; ) {
    if (deck.length === 0) deck = random.shuffled(Object.keys(FAULT_KINDS) as FaultName[])
    const name = deck.pop()!
    const kind: FaultKind = FAULT_KINDS[name]
    const forMs = kind.forMs === undefined ? 0 : Math.round(kind.forMs * (0.5 + 1.5 * random.next()))
    const endsAtMs = atMs + forMs + (RECOVERY_MS[name] ?? 0)
    if (endsAtMs > durationMs) return lines.join('\n')
    const amount = kind.amount ? ` ${random.pick(LATENCIES_MS)}ms` : ''
    lines.push(`at ${atMs}ms ${subjectOf(name, random)}${amount}${forMs > 0 ? ` for ${forMs}ms` : ''}`)
    const calmMs = CALM_MS.least + random.below(CALM_MS.most - CALM_MS.least)
    atMs = (overlap && random.next() < 0.5 ? atMs + 200 : endsAtMs) + calmMs
  }
}

function subjectOf(name: FaultName, random: Random): string {
  if (name.startsWith('node.')) return name.replace('node', `node${1 + random.below(3)}`)
  if (!name.startsWith('proxy.')) return name
  const whose = random.next() < 0.3 ? 'all' : `node${1 + random.below(3)}`
  return name.replace('proxy.', `proxy.${whose}.`)
}
