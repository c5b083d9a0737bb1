/**
 * Exactly once: however often a write was tried, it makes one version at most, and the one its receipt names. What went
 * in one request is carried out together or not at all.
 */
import type { Evidence, Write } from '../record.js'
import { type CheckResult, Tally } from './check.js'

export function checkOnce({ writes, stored, keys }: Evidence): CheckResult {
  const tally = new Tally('each write once')
  const versionsOf = versionsByWrite(stored)
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

export function checkWhole({ writes, stored, keys }: Evidence): CheckResult {
  const tally = new Tally('batches whole or not at all')
  const versionsOf = versionsByWrite(stored)
  const batches = new Map<number, { readonly made: Write[]; readonly missing: Write[] }>()
  for (const write of writes) {
    if (write.batch === undefined) continue
    const batch = batches.get(write.batch) ?? { made: [], missing: [] }
    batches.set(write.batch, batch)
    if (versionsOf.has(write.number)) batch.made.push(write)
    else batch.missing.push(write)
  }
  for (const [number, { made, missing }] of batches) {
    const isWhole = made.length === 0 || missing.length === 0
    tally.check(isWhole, () => {
      const names = missing.map(({ key }) => keys[key]).join(', ')
      return `batch ${number} made ${made.length} versions, and none of ${names}`
    })
  }
  return tally.result()
}

function versionsByWrite(stored: Evidence['stored']): ReadonlyMap<number, readonly number[]> {
  const versionsOf = new Map<number, number[]>()
  for (const versions of stored.values()) {
    for (const { content, version } of versions) {
      versionsOf.set(content, [...(versionsOf.get(content) ?? []), version])
    }
  }
  return versionsOf
}
