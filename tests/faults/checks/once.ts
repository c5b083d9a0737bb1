/** Exactly once: however often a write was tried, it makes one version at most, and the one its receipt names. */
import type { Evidence } from '../record.js'
import { type CheckResult, Tally } from './check.js'

export function checkOnce({ writes, stored, keys }: Evidence): CheckResult {
  const tally = new Tally('each write once')
  const versionsOf = new Map<number, number[]>()
  for (const versions of stored.values()) {
    for (const { content, version } of versions) {
      versionsOf.set(content, [...(versionsOf.get(content) ?? []), version])
    }
  }
  for (const { number, key, tries, result } of writes) {
    const made = versionsOf.get(number) ?? []
    const title = () => `write ${number} of ${keys[key]}, tried ${tries} times`
    tally.check(made.length <= 1, () => `${title()}, made versions ${made.join(' and ')}`)
    if (result.kind === 'acknowledged' && result.receipt.outcome !== 'unchanged' && made.length === 1) {
      const { version } = result.receipt
      tally.check(made[0] === version, () => `${title()}, made version ${made[0]}, its receipt says ${version}`)
    }
    // Refused at the first try, nothing of it is under way any more.
    if (result.kind === 'refused' && tries === 1)
      tally.check(made.length === 0, () => `${title()}, was refused with ${result.status} and made version ${made[0]}`)
  }
  return tally.result()
}
