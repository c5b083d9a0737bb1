/** What is kept of what nodes below have told. All of it is written under the lock of the node's own row. */
import type { Queryable, Transaction } from '../../platform/postgres.js'
import { bigintArray, byteaArray, smallintArray, textArray } from '../../platform/sql-arrays.js'
import type { DelegateNode, UpwardPosition } from '../../protocols/rest/upward.js'
import { formatChangeCursor } from '../../registry/changes.js'
import { msOf } from '../../registry/version-rows.js'
import { REGISTERED, WITHDRAWN } from '../../registry/write-statement.js'
import type { EnterpriseUser } from '../../security/principal.js'
import type { DelegatedPrefix, JudgedIdentifier, JudgedPrefix } from './judge.js'

/** A row of `delegate`. */
export interface Delegate {
  readonly enterpriseId: string
  /** null: it has told nothing yet. */
  readonly epoch: string | null
  readonly generation: number
  readonly xid: number
  readonly ordinal: number
  readonly walk: string | null
}

const COLUMNS = 'enterprise_id as "enterpriseId", epoch, generation, xid, ordinal, walk'

export async function findDelegate(on: Queryable, enterpriseId: string): Promise<Delegate | undefined> {
  const [found] = await on.query<Delegate>(`select ${COLUMNS} from delegate where enterprise_id = $1`, [enterpriseId])
  return found
}

/** One batch of a node at a time. */
export async function lockDelegate(tx: Transaction, enterpriseId: string): Promise<Delegate> {
  await tx.query('insert into delegate (enterprise_id) values ($1) on conflict do nothing', [enterpriseId])
  const [locked] = await tx.query<Delegate>(`select ${COLUMNS} from delegate where enterprise_id = $1 for update`, [
    enterpriseId,
  ])
  return locked!
}

export function positionOf({ epoch, xid, ordinal, walk }: Delegate): UpwardPosition | null {
  return epoch === null ? null : { epoch, position: formatChangeCursor({ xid, ordinal }), walk }
}

export interface Told {
  readonly applied: number
  readonly repeated: number
  readonly refused: number
}

export async function moveDelegate(tx: Transaction, to: Delegate, told: Told): Promise<void> {
  await tx.query(
    `update delegate set epoch = $2, generation = $3, xid = $4, ordinal = $5, walk = $6, applied_count = applied_count + $7,
       repeated_count = repeated_count + $8, refused_count = refused_count + $9, heard_at = clock_timestamp()
     where enterprise_id = $1`,
    [to.enterpriseId, to.epoch, to.generation, to.xid, to.ordinal, to.walk, told.applied, told.repeated, told.refused],
  )
}

/** Those that the administrator allotted to the node, which stay as they are until the transaction ends. */
export async function lockDelegated(
  tx: Transaction,
  { enterpriseId, prefixes: reach }: Pick<EnterpriseUser, 'enterpriseId' | 'prefixes'>,
  of: 'holders' | 'self-built',
): Promise<ReadonlyMap<string, DelegatedPrefix>> {
  const rows = await tx.query<DelegatedPrefix>(
    `select name as prefix, state = 'active' and holder_state = 'active' as "isActive" from prefix
     where enterprise_id = $1 and ($2::text[] is null or name = any ($2)) and ($3 or service = 'self-built')
     order by name for share`,
    [enterpriseId, reach === undefined ? null : textArray(reach), of === 'holders'],
  )
  return new Map(rows.map((row) => [row.prefix, row]))
}

interface Before {
  readonly key: string
  readonly version: number
  readonly state: number
  readonly prefix: string
}

// Lateral and limited, so that each key is looked up: while a table is young its statistics know of no rows, and a join
// might read all that the node has ever told.
const FIND_BEFORE = `
  select d.* from unnest($2::text[]) as told (key) cross join lateral (
    select key, version, state, prefix, generation from delegate_identifier where enterprise_id = $1 and key = told.key limit 1
  ) d where d.generation = $3`

/** How many of them had an effect: of an identifier only versions that are newer than the one known. */
export async function storeIdentifiers(
  tx: Transaction,
  { enterpriseId, generation }: Delegate,
  changes: readonly JudgedIdentifier[],
): Promise<number> {
  if (changes.length === 0) return 0
  const newest = newestOf(changes)
  const keys = textArray([...newest.keys()])
  const rows = await tx.query<Before>(FIND_BEFORE, [enterpriseId, keys, generation])
  const before = new Map(rows.map((row) => [row.key, row]))
  const isNew = ({ key, version }: JudgedIdentifier) => version > (before.get(key)?.version ?? 0)
  const written = [...newest.values()].filter(isNew)
  await tx.query(
    `insert into delegate_identifier (enterprise_id, key, generation, version, state, prefix, template, content_sha256, changed_at)
     select $1, t.key, $2, t.version, t.state, t.prefix, t.template, t.sha256, t.at::timestamptz
     from unnest($3::text[], $4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::bytea[], $9::text[])
       as t (key, version, state, prefix, template, sha256, at)
     on conflict (enterprise_id, key) do update set generation = excluded.generation, version = excluded.version,
       state = excluded.state, prefix = excluded.prefix, template = excluded.template,
       content_sha256 = excluded.content_sha256, changed_at = excluded.changed_at`,
    [
      enterpriseId,
      generation,
      textArray(written.map(({ key }) => key)),
      bigintArray(written.map(({ version }) => version)),
      smallintArray(written.map(({ isRegistered }) => (isRegistered ? REGISTERED : WITHDRAWN))),
      textArray(written.map(({ prefix }) => prefix)),
      textArray(written.map(({ template }) => template)),
      byteaArray(written.map(({ contentSha256 }) => contentSha256)),
      textArray(written.map(({ at }) => at)),
    ],
  )
  await addCounts(tx, { enterpriseId, generation }, differences(written, before))
  return changes.filter(isNew).length
}

/** The highest version of each: changes of one transaction, and of two writers, come in either order. */
function newestOf(changes: readonly JudgedIdentifier[]): ReadonlyMap<string, JudgedIdentifier> {
  const newest = new Map<string, JudgedIdentifier>()
  for (const change of changes) {
    if (change.version > (newest.get(change.key)?.version ?? 0)) newest.set(change.key, change)
  }
  return newest
}

/** By prefix: how many more identifiers are registered below it. */
function differences(
  written: readonly JudgedIdentifier[],
  before: ReadonlyMap<string, Before>,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const add = (prefix: string, count: number) => counts.set(prefix, (counts.get(prefix) ?? 0) + count)
  for (const { key, prefix, isRegistered } of written) {
    const was = before.get(key)
    if (was?.state === REGISTERED) add(was.prefix, -1)
    if (isRegistered) add(prefix, 1)
  }
  return counts
}

async function addCounts(
  tx: Transaction,
  { enterpriseId, generation }: Pick<Delegate, 'enterpriseId' | 'generation'>,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  await tx.query(
    `insert into delegate_prefix as p (enterprise_id, prefix, generation, version, state, registered_count)
     select $1, t.prefix, $2, 0, 'active', t.registered from unnest($3::text[], $4::bigint[]) as t (prefix, registered)
     on conflict (enterprise_id, prefix) do update set
       registered_count = excluded.registered_count + case when p.generation = excluded.generation then p.registered_count else 0 end,
       version = case when p.generation = excluded.generation then p.version else 0 end,
       generation = excluded.generation`,
    [enterpriseId, generation, textArray([...counts.keys()]), bigintArray([...counts.values()])],
  )
}

export async function storePrefixes(
  tx: Transaction,
  { enterpriseId, generation }: Delegate,
  changes: readonly JudgedPrefix[],
): Promise<number> {
  let applied = 0
  // One by one: prefixes are few, and one may come up twice.
  for (const { prefix, version, state } of changes) {
    const rows = await tx.query(
      `insert into delegate_prefix as p (enterprise_id, prefix, generation, version, state) values ($1, $2, $3, $4, $5)
       on conflict (enterprise_id, prefix) do update set version = excluded.version, state = excluded.state,
         registered_count = case when p.generation = excluded.generation then p.registered_count else 0 end,
         generation = excluded.generation
       where (p.generation, p.version) < (excluded.generation, excluded.version)
       returning prefix`,
      [enterpriseId, prefix, generation, version, state],
    )
    applied += rows.length
  }
  return applied
}

const LIST = `
  select d.enterprise_id as node, d.epoch, d.xid, d.ordinal, d.walk, d.applied_count as applied, d.repeated_count as repeated,
    d.refused_count as refused, ${msOf('d.heard_at')} as "heardAtMs", coalesce((select sum(p.registered_count)::bigint
      from delegate_prefix p where p.enterprise_id = d.enterprise_id and p.generation = d.generation), 0) as registered
  from delegate d where d.epoch is not null order by d.enterprise_id limit $1`

export async function listDelegates(on: Queryable, limit: number): Promise<readonly DelegateNode[]> {
  const rows = await on.query<
    Omit<DelegateNode, 'position' | 'heardAt'> & {
      readonly xid: number
      readonly ordinal: number
      readonly heardAtMs: number
    }
  >(LIST, [limit])
  return rows.map(({ xid, ordinal, heardAtMs, ...row }) => ({
    ...row,
    position: formatChangeCursor({ xid, ordinal }),
    heardAt: new Date(heardAtMs).toISOString(),
  }))
}
