/**
 * Whether there is something: an identifier that was registered is never "not registered", marked stale or not; one that
 * was withdrawn is not found once T has passed; and an answer's version was registered, or withdrawn, as it says.
 */
import type { Evidence, Read, Write } from '../record.js'
import { type CheckResult, Tally, where } from './check.js'

export function checkPresence(evidence: Evidence): CheckResult {
  const { reads, writes, boundMs, keys, registeredFirst } = evidence
  const tally = new Tally('presence')
  const firstRegistered = firstRegistrations(writes)
  const withdrawals = withdrawalsOf(writes)
  for (const read of reads) {
    if (read.outcome === 'unanswered') continue
    const shown = () => `${keys[read.key]} ${read.outcome} as version ${read.version}: ${where(read)}`
    if (read.outcome === 'absent') {
      const knownAtMs = firstRegistered.get(read.key) ?? Number.POSITIVE_INFINITY
      const mayBeAbsent = read.isStale || read.startedAtMs - knownAtMs <= boundMs
      tally.check(read.key >= registeredFirst && mayBeAbsent, () => `registered, but ${shown()}`)
      continue
    }
    const fault = stateFault(evidence, read)
    tally.check(fault === undefined, () => `${fault}: ${shown()}`)
    if (read.outcome === 'found' && !read.isStale) {
      const undone = withdrawals
        .get(read.key)
        ?.some((one) => one.version > read.version && read.startedAtMs - one.atMs > boundMs)
      tally.check(undone !== true, () => `withdrawn, but ${shown()}`)
    }
  }
  return tally.result()
}

function stateFault({ stored }: Evidence, read: Read): string | undefined {
  const version = stored.get(read.key)?.[read.version - 1]
  if (version === undefined) return 'there is no such version'
  if ((version.state === 'registered') !== (read.outcome === 'found')) return `that version is ${version.state}`
  if (read.outcome === 'found' && version.content !== read.content)
    return `shows write ${read.content}, the version is write ${version.content}`
  return undefined
}

function firstRegistrations(writes: readonly Write[]): ReadonlyMap<number, number> {
  const first = new Map<number, number>()
  for (const { key, result } of writes) {
    if (result.kind !== 'acknowledged') continue
    first.set(key, Math.min(result.atMs, first.get(key) ?? Number.POSITIVE_INFINITY))
  }
  return first
}

function withdrawalsOf(writes: readonly Write[]): ReadonlyMap<number, { version: number; atMs: number }[]> {
  const withdrawals = new Map<number, { version: number; atMs: number }[]>()
  for (const { key, intent, result } of writes) {
    if (intent !== 'withdraw' || result.kind !== 'acknowledged') continue
    const known = withdrawals.get(key) ?? []
    known.push({ version: result.receipt.version, atMs: result.atMs })
    withdrawals.set(key, known)
  }
  return withdrawals
}
