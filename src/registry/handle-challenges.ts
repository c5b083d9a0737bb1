/**
 * Challenges of the native Handle protocol that wait for their answers. Whoever gets the answer finds them here, and exactly
 * one process takes each. Bounded in time, in number and in octets, for each address and in all.
 */
import type { Database } from '../platform/postgres.js'

export interface WaitingChallenge {
  readonly nonce: Buffer
  /** The whole message that was challenged, opened, envelope included. */
  readonly request: Buffer
}

export interface NewChallenge {
  /** The session id that the answer must carry. */
  readonly id: number
  readonly nonce: Uint8Array
  readonly request: Uint8Array
  readonly address: string
}

export interface ChallengeBounds {
  readonly lifeSeconds: number
  readonly maxWaiting: number
  readonly maxWaitingOctets: number
  /** Of one address; a proxy's clients share them. */
  readonly maxOfAddress: number
  readonly maxOctetsOfAddress: number
}

export const CHALLENGE_BOUNDS: ChallengeBounds = {
  lifeSeconds: 60,
  maxWaiting: 20_000,
  maxWaitingOctets: 256 * 1024 * 1024,
  maxOfAddress: 2_000,
  maxOctetsOfAddress: 32 * 1024 * 1024,
}

/** More of one session are not looked at. */
const MAX_OF_SESSION = 8

// Each that comes sweeps away some that are over, so that the table stays small without anybody's care.
const KEEP = `
  with swept as (
    delete from handle_challenge where ctid = any (array(
      select ctid from handle_challenge where expires_at <= clock_timestamp() limit 20 for update skip locked))
  ),
  waiting as (
    select count(*) as number, coalesce(sum(octet_length(request)), 0) as octets,
      count(*) filter (where address = $4) as own_number,
      coalesce(sum(octet_length(request)) filter (where address = $4), 0) as own_octets
    from handle_challenge where expires_at > clock_timestamp()
  )
  insert into handle_challenge (id, nonce, request, address, expires_at)
  select $1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5) from waiting
  where number < $6 and octets + octet_length($3::bytea) <= $7
    and own_number < $8 and own_octets + octet_length($3::bytea) <= $9
  returning 1 as one`

/** False: there are too many already. */
export async function keepChallenge(
  db: Database,
  challenge: NewChallenge,
  bounds: ChallengeBounds = CHALLENGE_BOUNDS,
): Promise<boolean> {
  const { id, nonce, request, address } = challenge
  const kept = await db.query(KEEP, [
    id,
    nonce,
    request,
    address,
    bounds.lifeSeconds,
    bounds.maxWaiting,
    bounds.maxWaitingOctets,
    bounds.maxOfAddress,
    bounds.maxOctetsOfAddress,
  ])
  return kept.length > 0
}

/** Those that an answer with this session id may be for, the newest first. */
export function findChallenges(db: Database, id: number): Promise<readonly WaitingChallenge[]> {
  return db.query<WaitingChallenge & object>(
    `select nonce, request from handle_challenge where id = $1 and expires_at > clock_timestamp()
     order by expires_at desc limit ${MAX_OF_SESSION}`,
    [id],
  )
}

/** True for exactly one of all who ask. */
export async function takeChallenge(db: Database, id: number, nonce: Uint8Array): Promise<boolean> {
  const taken = await db.query(
    'delete from handle_challenge where id = $1 and nonce = $2 and expires_at > clock_timestamp() returning 1 as one',
    [id, nonce],
  )
  return taken.length > 0
}
