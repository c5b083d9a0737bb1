/**
 * How many identifiers were registered on a day, and how many there are at its end, per prefix. A day is the end of the
 * day before and the day's changes; only the first day of all counts the whole table, once. Changes are found by the time
 * they were recorded at, so a day is read only after a pause that every transaction of it has ended in (schedule.ts).
 */
import type { Queryable, Transaction } from '../../platform/postgres.js'
import type { Period } from '../periods.js'
import { type Collecting, LONG_READ } from './collect.js'

/** Without the records of prefixes themselves, which nobody registers as an identifier. */
const EVERY_VERSION = `
  select key, version, state, prefix, recorded_at from identifier where key not like '0.na/%'
  union all select key, version, state, prefix, recorded_at from identifier_version where key not like '0.na/%'`

/** What stood at a moment that may be long past. */
const BASELINE = `
  insert into registered_total (through, prefix, added, registered)
  select $1, prefix, 0, count(*) from (
    select prefix from identifier where recorded_at < $1 and state = 1 and key not like '0.na/%'
    union all
    select old.prefix from identifier_version old
    join (${EVERY_VERSION}) newer on newer.key = old.key and newer.version = old.version + 1
    where old.recorded_at < $1 and old.state = 1 and newer.recorded_at >= $1
  ) standing group by prefix on conflict do nothing`

/** The first version adds, and the first after a withdrawal. */
const CARRY_ON = `
  insert into registered_total (through, prefix, added, registered)
  select $2, coalesce(held.prefix, moved.prefix), coalesce(moved.added, 0),
    coalesce(held.registered, 0) + coalesce(moved.added, 0) - coalesce(moved.withdrawn, 0)
  from (select prefix, registered from registered_total where through = $1) held
  full join (
    select now.prefix,
      count(*) filter (where now.state = 1 and (before.state is null or before.state = 2)) as added,
      count(*) filter (where now.state = 2 and before.state = 1) as withdrawn
    from (${EVERY_VERSION}) now
    left join identifier_version before on before.key = now.key and before.version = now.version - 1
    where now.recorded_at >= $1 and now.recorded_at < $2
    group by now.prefix
  ) moved on moved.prefix = held.prefix
  on conflict (through, prefix) do update set added = excluded.added, registered = excluded.registered`

/** A day for which there is a row at all, so that one without identifiers is known too. */
const MARK = `
  insert into registered_total (through, prefix, added, registered) values ($1, '', 0, 0) on conflict do nothing`

/** Finds out what was added in the period, and what there is at its end, unless it is known. */
export async function settleTotals({ db, period }: Pick<Collecting, 'db' | 'period'>): Promise<void> {
  const [from, to] = [new Date(period.fromMs), new Date(period.toMs)]
  await db.transaction(async (tx) => {
    if (await isKnown(tx, to)) return
    if (!(await isKnown(tx, from))) await tx.query(BASELINE, [from])
    await tx.query(CARRY_ON, [from, to])
    await tx.query(MARK, [to])
  }, LONG_READ)
}

async function isKnown(tx: Transaction, through: Date): Promise<boolean> {
  const rows = await tx.query(`select from registered_total where through = $1 and prefix = ''`, [through])
  return rows.length > 0
}

export interface Registered {
  readonly added: number
  readonly total: number
}

export async function registeredOf(
  db: Queryable,
  { toMs }: Period,
  prefixes: readonly string[],
): Promise<ReadonlyMap<string, Registered>> {
  const rows = await db.query<Registered & { prefix: string }>(
    `select prefix, added, registered as total from registered_total where through = $1 and prefix = any($2::text[])`,
    [new Date(toMs), prefixes],
  )
  return new Map(rows.map(({ prefix, added, total }) => [prefix, { added, total }]))
}
