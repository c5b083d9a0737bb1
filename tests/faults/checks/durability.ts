/** Every acknowledged write is there at the end, in the place and with the content that its receipt named. */
import { expectedDigest } from '../catalogue.js'
import type { Evidence, StoredVersion, Write } from '../record.js'
import { type CheckResult, Tally } from './check.js'

export function checkDurability({ writes, stored, keys }: Evidence): CheckResult {
  const tally = new Tally('acknowledged writes kept')
  for (const write of writes) {
    if (write.result.kind !== 'acknowledged') continue
    const { version } = write.result.receipt
    const found = stored.get(write.key)?.find((one) => one.version === version)
    const fault = faultOf(write, found, keys[write.key]!)
    tally.check(fault === undefined, () => `write ${write.number}, ${keys[write.key]} version ${version}: ${fault}`)
  }
  return tally.result()
}

/** Versions are 1, 2, 3, … without a gap. */
export function checkVersions({ stored, keys }: Evidence): CheckResult {
  const tally = new Tally('versions without gaps')
  for (const [key, versions] of stored) {
    const numbers = versions.map(({ version }) => version)
    tally.check(
      numbers.every((version, at) => version === at + 1),
      () => `${keys[key]} has versions ${numbers.join(', ')}`,
    )
  }
  return tally.result()
}

function faultOf({ intent, number, result }: Write, found: StoredVersion | undefined, key: string): string | undefined {
  if (result.kind !== 'acknowledged') return undefined
  const { digest, outcome } = result.receipt
  if (found === undefined) return 'is not there'
  if (intent === 'withdraw') {
    if (found.state !== 'withdrawn') return 'was acknowledged as withdrawn and is registered'
  } else {
    if (found.state !== 'registered') return 'was acknowledged as registered and is withdrawn'
    if (digest !== expectedDigest(key, number)) return 'the receipt names another content than the one sent'
    if (found.digest !== digest) return 'the registry names another digest than the receipt'
  }
  if (outcome !== 'unchanged' && found.content !== number) return `shows the content of write ${found.content}`
  return undefined
}
