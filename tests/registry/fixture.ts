/** A registry on a fresh database: an administrator, the enterprises acme and globex with a prefix each, their keys. */
import { parseIdentifier } from '../../src/identifier/parse.js'
import { systemClock } from '../../src/platform/clock.js'
import type { Database } from '../../src/platform/postgres.js'
import type { Value } from '../../src/record/record.js'
import { ensureAdminKey, findPrincipal, issueApiKey } from '../../src/registry/api-keys.js'
import { createEnterprise } from '../../src/registry/enterprises.js'
import type { Precondition, Registration } from '../../src/registry/identifiers.js'
import { allotPrefix } from '../../src/registry/prefixes.js'
import type { Registry } from '../../src/registry/registry.js'
import type { CommittedChange } from '../../src/resolution/change-knowledge.js'
import type { Administrator, EnterpriseUser, Scope } from '../../src/security/principal.js'
import { testDatabase } from '../support/database.js'

export interface RegistryFixture {
  readonly db: Database
  readonly url: string
  readonly registry: Registry
  /** What the registry has reported as its own writes. */
  readonly committed: CommittedChange[]
  readonly admin: Administrator
  /** Holds 88.118.8 and urn:oid:1.2.156.3000. */
  readonly acme: EnterpriseUser
  /** Holds 88.118.9. */
  readonly globex: EnterpriseUser
  close(): Promise<void>
}

export async function registryFixture(): Promise<RegistryFixture> {
  const { db, url, close } = await testDatabase()
  const committed: CommittedChange[] = []
  const registry = { db, clock: systemClock, committed: (change: CommittedChange) => void committed.push(change) }
  const admin = (await findPrincipal(db, (await ensureAdminKey(db))!)) as Administrator
  await createEnterprise(registry, admin, { id: 'acme', name: 'Acme' })
  await createEnterprise(registry, admin, { id: 'globex', name: 'Globex' })
  await allotPrefix(registry, admin, { prefix: '88.118.8', enterpriseId: 'acme' })
  await allotPrefix(registry, admin, { prefix: 'urn:oid:1.2.156.3000', enterpriseId: 'acme' })
  await allotPrefix(registry, admin, { prefix: '88.118.9', enterpriseId: 'globex' })
  const acme = await enterpriseUser(registry, admin, { enterpriseId: 'acme' })
  const globex = await enterpriseUser(registry, admin, { enterpriseId: 'globex' })
  committed.length = 0
  return { db, url, registry, committed, admin, acme, globex, close }
}

export async function enterpriseUser(
  registry: Registry,
  by: Administrator | EnterpriseUser,
  key: { enterpriseId: string; scopes?: readonly Scope[]; prefixes?: readonly string[] },
): Promise<EnterpriseUser> {
  const issued = await issueApiKey(registry, by, { scopes: ['read', 'write', 'keys'], ...key })
  return (await findPrincipal(registry.db, issued.apiKey)) as EnterpriseUser
}

export function identifierOf(text: string) {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`)
  return parsed.value
}

export function urlValue(data: string, timestampSeconds = 1_800_000_000): Value {
  return { index: 1, type: 'URL', data, ttlSeconds: 60, permissions: 14, timestampSeconds }
}

/** A registration of one URL value. */
export function registration(text: string, data: string, precondition?: Precondition): Registration {
  const common = { identifier: identifierOf(text), template: '', values: [urlValue(data)] } as const
  return { ...common, intent: 'register', ...(precondition && { precondition }) }
}

export function withdrawal(text: string, more: Pick<Registration, 'reason' | 'precondition'> = {}): Registration {
  return { identifier: identifierOf(text), intent: 'withdraw', template: '', values: [], ...more }
}

export const ABSENT: Precondition = { kind: 'absent' }
export const PRESENT: Precondition = { kind: 'present' }
export const version = (number: number): Precondition => ({ kind: 'version', version: number })

/** What the feed holds for a key, in the order of transactions. */
export async function feedOf(db: Database, key: string): Promise<readonly number[]> {
  const rows = await db.query<{ version: number }>(
    `select e.version from change, unnest(keys, versions) with ordinality as e (key, version, place)
     where e.key = $1 order by xid, place`,
    [key],
  )
  return rows.map((row) => row.version)
}

/** Waits until everything the feed holds lies below the snapshot's xmin: other tests' transactions in the cluster hold that back. */
export async function feedSettled(db: Database): Promise<void> {
  for (;;) {
    const [row] = await db.query<{ settled: boolean }>(
      'select coalesce(max(xid), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint as settled from change',
    )
    if (row!.settled) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
