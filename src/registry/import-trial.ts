/**
 * A dry run's chunk: judges every row as if it were written. What would have been written so far is kept in
 * `import_trial`, so that identifiers that repeat anywhere in the file are found as well.
 */
import type { Transaction } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import {
  type ChunkResults,
  findVersions,
  type KnownVersion,
  type KnownVersions,
  keysOf,
  type Outcome,
  outcomeOfBad,
  outcomeOfTrial,
  versionAfter,
} from './import-outcomes.js'
import { judgePrefixes } from './import-prefixes.js'
import { type GoodRow, isGood } from './import-rows.js'
import type { RowsTask } from './import-write.js'
import { requireKnown } from './standing.js'
import { REGISTERED, WITHDRAWN } from './write-statement.js'

export async function tryRows(tx: Transaction, principal: Principal, task: RowsTask): Promise<ChunkResults> {
  const good = task.rows.filter(isGood)
  const judge = await judgePrefixes(tx, principal, good)
  const known = await findVersions(tx, { rows: good, job: task.job, apiKeyId: requireKnown(principal).apiKeyId })
  for (const [key, version] of await findTrials(tx, task.job.id, good)) known.set(key, version)
  const tried: KnownVersions = new Map()
  const outcomes = task.rows.map((row): Outcome => {
    const bad = outcomeOfBad(row)
    if (bad !== undefined || !isGood(row)) return bad!
    const judgement = judge(row)
    if (!judgement.ok) return judgement.outcome
    const { key } = row.registration.identifier
    const before = known.get(key)
    const outcome = outcomeOfTrial(row, before, task.job.options.mode)
    if (outcome.kind === 'failed' || outcome.kind === 'unchanged') return outcome
    const after = versionAfter(row, (before?.version ?? 0) + 1)
    known.set(key, after)
    tried.set(key, after)
    return outcome
  })
  await storeTrials(tx, task.job.id, tried)
  return { outcomes, changes: { keys: [], versions: [] }, allNew: false }
}

async function findTrials(tx: Transaction, importId: string, rows: readonly GoodRow[]): Promise<KnownVersions> {
  const found = await tx.query<Omit<KnownVersion, 'origin'> & { readonly key: string }>(
    `select wanted.key, seen.version, seen.digest,
       case when seen.digest is null then ${WITHDRAWN} else ${REGISTERED} end as state
     from unnest($2::text[]) as wanted (key)
     cross join lateral (
       select t.version, t.digest from import_trial t where t.import_id = $1 and t.key = wanted.key limit 1
     ) seen`,
    [importId, keysOf(rows)],
  )
  return new Map(found.map(({ key, ...version }) => [key, { ...version, origin: { kind: 'file' } }]))
}

async function storeTrials(tx: Transaction, importId: string, tried: KnownVersions): Promise<void> {
  if (tried.size === 0) return
  const versions = [...tried.values()]
  await tx.query(
    `insert into import_trial (import_id, key, version, digest)
     select $1, t.key, t.version, t.digest from unnest($2::text[], $3::bigint[], $4::bytea[]) as t (key, version, digest)
     on conflict (import_id, key) do update set version = excluded.version, digest = excluded.digest`,
    [importId, [...tried.keys()], versions.map(({ version }) => version), versions.map(({ digest }) => digest)],
  )
}
