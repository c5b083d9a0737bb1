/**
 * Sessions of the native Handle protocol, shared by all processes. A message's counter is taken by one statement, so that of two
 * messages with the same counter one is refused, wherever they arrive.
 */
import { randomInt } from 'node:crypto'
import type { Database } from '../platform/postgres.js'

export interface SessionClaim {
  readonly handle: string
  readonly index: number
}

export interface ProvenClaim extends SessionClaim {
  readonly keySha256: string
}

export interface NewSession {
  readonly key: Uint8Array
  /** Who sets it up, by his own account; handle '': nobody in particular. */
  readonly claimed: SessionClaim
  readonly address: string
  readonly lifeSeconds: number
}

export interface SessionBounds {
  /** Until its first proof of an identity. */
  readonly unprovenSeconds: number
  readonly idleSeconds: number
  readonly maxSessions: number
  readonly maxOfAddress: number
}

export const SESSION_BOUNDS: SessionBounds = {
  unprovenSeconds: 300,
  idleSeconds: 3_600,
  maxSessions: 50_000,
  maxOfAddress: 1_000,
}

/** Highest id that is positive as a signed number too. */
const MAX_ID = 0x7fff_ffff
const MAX_TRIES = 5

const OPEN = `
  with swept as (
    delete from handle_session where ctid = any (array(
      select ctid from handle_session where idle_until <= clock_timestamp() limit 20 for update skip locked))
  ),
  living as (
    select count(*) as number, count(*) filter (where address = $5) as own_number
    from handle_session where idle_until > clock_timestamp()
  )
  insert into handle_session (id, key, claimed_handle, claimed_index, address, idle_until, expires_at)
  select $1, $2, $3, $4, $5, now.at + make_interval(secs => least($6::float8, $7::float8)), now.at + make_interval(secs => $6::float8)
  from living, (select clock_timestamp() as at) now
  where number < $8 and own_number < $9
  on conflict (id) do nothing
  returning id`

/** Its id, an even number; undefined when there are too many already. */
export async function openSession(
  db: Database,
  session: NewSession,
  bounds: SessionBounds = SESSION_BOUNDS,
): Promise<number | undefined> {
  const { key, claimed, address, lifeSeconds } = session
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const id = randomInt(1, (MAX_ID - 1) / 2) * 2
    const rows = await db.query<{ id: number }>(OPEN, [
      id,
      key,
      claimed.handle,
      claimed.index,
      address,
      lifeSeconds,
      bounds.unprovenSeconds,
      bounds.maxSessions,
      bounds.maxOfAddress,
    ])
    if (rows.length > 0) return id
    // Another's id was drawn, once in ten thousand times; or there are too many.
    if (!(await isLiving(db, id))) return undefined
  }
  return undefined
}

export interface KnownSession {
  readonly key: Buffer
  readonly claimed: SessionClaim
}

/** undefined: there is none, or it has ended. */
export async function findSession(db: Database, id: number): Promise<KnownSession | undefined> {
  const [row] = await db.query<{ key: Buffer; handle: string; index: number }>(
    `select key, claimed_handle as handle, claimed_index as index from handle_session
     where id = $1 and idle_until > clock_timestamp()`,
    [id],
  )
  return row && { key: row.key, claimed: { handle: row.handle, index: row.index } }
}

async function isLiving(db: Database, id: number): Promise<boolean> {
  return (await findSession(db, id)) !== undefined
}

// `case`, because only it keeps a bit beyond the last from being asked for.
const TAKE = `
  update handle_session set
    seen = case when $2::bigint > counter then set_bit(seen << least($2 - counter, 200)::int, 199, 1)
      else set_bit(seen, (199 - (counter - $2))::int, 1) end,
    counter = greatest(counter, $2),
    idle_until = least(expires_at, clock_timestamp() + make_interval(secs => case when proven_handle is null then $4::float8 else $3::float8 end))
  where id = $1 and idle_until > clock_timestamp()
    and case when $2 > counter then true when counter - $2 >= 200 then false
      else get_bit(seen, (199 - (counter - $2))::int) = 0 end
  returning proven_handle as handle, proven_index as index, proven_key as "keySha256"`

export type TakenCounter =
  | { readonly kind: 'taken'; readonly proven?: ProvenClaim }
  /** Seen before, or too old to tell. */
  | { readonly kind: 'repeated' }
  | { readonly kind: 'ended' }

export async function takeCounter(
  db: Database,
  message: { readonly id: number; readonly counter: number },
  bounds: SessionBounds = SESSION_BOUNDS,
): Promise<TakenCounter> {
  const { id, counter } = message
  const [row] = await db.query<ProvenClaim | { handle: null }>(TAKE, [
    id,
    counter,
    bounds.idleSeconds,
    bounds.unprovenSeconds,
  ])
  if (row === undefined) return { kind: (await isLiving(db, id)) ? 'repeated' : 'ended' }
  return row.handle === null ? { kind: 'taken' } : { kind: 'taken', proven: row as ProvenClaim }
}

/** From now on what the session's messages say is said by him. False: it has ended. */
export async function proveSession(
  db: Database,
  id: number,
  { handle, index, keySha256 }: ProvenClaim,
  bounds: SessionBounds = SESSION_BOUNDS,
): Promise<boolean> {
  const rows = await db.query(
    `update handle_session set proven_handle = $2, proven_index = $3, proven_key = $4,
       idle_until = least(expires_at, clock_timestamp() + make_interval(secs => $5))
     where id = $1 and idle_until > clock_timestamp() returning 1 as one`,
    [id, handle, index, keySha256, bounds.idleSeconds],
  )
  return rows.length > 0
}

export async function endSession(db: Database, id: number): Promise<void> {
  await db.query('delete from handle_session where id = $1', [id])
}
