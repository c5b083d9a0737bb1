/** What clients do: look up, with and without demands, in bursts too; register, withdraw, suspend prefixes. */
import type { Identifier } from '../../src/identifier/identifier.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import type { Query } from '../../src/resolution/resolve.js'
import type { Ledger, Write } from './ledger.js'
import type { Random } from './random.js'
import { IDENTIFIERS, NEVER_REGISTERED, PREFIXES } from './settings.js'
import type { Change } from './simulated-postgres.js'

const IDENTIFIED = IDENTIFIERS.map(identified)
const WRITABLE = IDENTIFIED.filter(({ key }) => key !== NEVER_REGISTERED)

/** What there is before the run begins: all prefixes, and some of the identifiers. */
export function startingChanges(): readonly Change[] {
  const prefixes = PREFIXES.map((prefix): Change => ({ key: `p:${prefix}`, kind: 'active' }))
  return [...prefixes, ...WRITABLE.slice(0, 3).map(({ key }): Change => ({ key: `i:${key}`, kind: 'found' }))]
}

/** A few queries at once, mostly one. */
export function someQueries(random: Random, ledger: Ledger): readonly Query[] {
  const identifier = random.pick(IDENTIFIED)
  const count = random.chance(0.1) ? 1 + random.below(4) : 1
  return Array.from({ length: count }, () => ({ identifier, ...someDemands(random, ledger, identifier) }))
}

function someDemands(random: Random, ledger: Ledger, { key }: Identifier): Omit<Query, 'identifier'> {
  const draw = random.next()
  if (draw < 0.9) return {}
  if (draw < 0.93) return { authoritative: true }
  const acknowledged = ledger
    .versionsOf(`i:${key}`)
    .filter(({ acknowledgedAtMs }) => acknowledgedAtMs < Number.POSITIVE_INFINITY)
  if (acknowledged.length === 0) return {}
  const write: Write = random.chance(0.7) ? acknowledged.at(-1)! : random.pick(acknowledged)
  return draw < 0.97 ? { token: write.xid } : { minVersion: write.version }
}

/** One to three identifiers in one transaction; a third are withdrawn where they can be. */
export function someChanges(random: Random, ledger: Ledger): readonly Change[] {
  const count = random.chance(0.2) ? 1 + random.below(3) : 1
  const keys = new Set(Array.from({ length: count }, () => `i:${random.pick(WRITABLE).key}`))
  return [...keys].map((key) => {
    const isRegistered = ledger.newest(key)?.kind === 'found'
    return { key, kind: isRegistered && random.chance(0.33) ? 'withdrawn' : 'found' }
  })
}

export function somePrefixChange(random: Random, ledger: Ledger): readonly Change[] {
  const key = `p:${random.pick(PREFIXES)}`
  return [{ key, kind: ledger.newest(key)?.kind === 'active' ? 'suspended' : 'active' }]
}

function identified(text: string): Identifier {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`)
  return parsed.value
}
