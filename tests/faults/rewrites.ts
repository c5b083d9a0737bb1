/** Single writes and small batches to the same identifiers over and over, with and without keys: nothing lost, nothing twice. */
import { audit } from './audit.js'
import { type Catalogue, catalogue } from './catalogue.js'
import type { CheckResult } from './checks/check.js'
import { checkDurability, checkVersions } from './checks/durability.js'
import { checkOnce, checkWhole } from './checks/once.js'
import { type Lab, REWRITTEN_PREFIX } from './lab.js'
import type { Write } from './record.js'
import type { Frontier } from './writer.js'
import { runWriters } from './writers.js'

export interface Rewrites {
  readonly writes: readonly Write[]
  /** Resolves when every write has a result. */
  readonly over: Promise<void>
  check(): Promise<CheckResult[]>
}

const SIZES = { hot: 40, cool: 20, newborn: 20_000, never: 0 }
const WRITERS = 6
const PER_SECOND = 40
const WAIT_SHARE = 0.2

export function startRewrites(lab: Lab, signal: AbortSignal): Rewrites {
  const keys = catalogue(SIZES, REWRITTEN_PREFIX)
  const frontier: Frontier = { nextNewborn: keys.newborn.from, newest: new Map() }
  const writes: Write[] = []
  const { nodes, apiKey } = lab
  const over = runWriters({
    ...{ nodes, apiKey, writes, frontier, signal, catalogue: keys, random: lab.random.fork() },
    ...{ count: WRITERS, perSecond: PER_SECOND, waitShare: WAIT_SHARE },
  })
  return { writes, over, check: () => check({ lab, writes, keys }) }
}

async function check(parts: {
  readonly lab: Lab
  readonly writes: readonly Write[]
  readonly keys: Catalogue
}): Promise<CheckResult[]> {
  const { lab, writes, keys } = parts
  const wanted = new Set(writes.map(({ key }) => key))
  const stored = await audit({ port: lab.nodes[0]!.port, keys: keys.keys, wanted })
  const evidence = { boundMs: 0, keys: keys.keys, registeredFirst: 0, reads: [], writes, faults: [], stored }
  return [checkDurability(evidence), checkOnce(evidence), checkWhole(evidence), checkVersions(evidence)]
}
