/**
 * Sessions of the Handle HTTP API: who has authenticated in which, for all processes of the node. Of an id only its hash is
 * kept: whoever reads the table can't use it. Bounded by a time, and by a number for each identity.
 */
import { createHash } from 'node:crypto'
import type { Database } from '../platform/postgres.js'

/** A key that was proved: the value that holds it, and its own hash in hexadecimal. */
export interface SessionIdentity {
  readonly handle: string
  readonly index: number
  readonly keySha256: string
}

export interface HandleApiSessions {
  /** Begins it once; again by the same identity is no change. False: it was ended, or is another's. */
  begin(sessionId: string, identity: SessionIdentity): Promise<boolean>
  /** Undefined: nobody has authenticated in it, or it is over. */
  find(sessionId: string): Promise<SessionIdentity | undefined>
  end(sessionId: string): Promise<void>
}

/** When an identity begins one more, the one that it began first is over. */
const MAX_OF_ONE_IDENTITY = 100
const EXPIRED_AT_ONCE = 100

interface Row extends SessionIdentity {
  readonly isEnded: boolean
}

const COLUMNS = 'handle, value_index as "index", key_sha256 as "keySha256", is_ended as "isEnded"'

// The update changes nothing: it makes the row that is there already come back.
const BEGIN = `
  insert into handle_api_session (id_sha256, handle, value_index, key_sha256, expires_at)
  values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
  on conflict (id_sha256) do update set handle = handle_api_session.handle
  returning ${COLUMNS}`

const END_OLDEST = `
  delete from handle_api_session where id_sha256 in (
    select id_sha256 from handle_api_session where handle = $1 and value_index = $2
    order by begun_at desc offset ${MAX_OF_ONE_IDENTITY})`

const FORGET_EXPIRED = `
  delete from handle_api_session where id_sha256 in (
    select id_sha256 from handle_api_session where expires_at <= clock_timestamp() limit ${EXPIRED_AT_ONCE})`

const FIND = `select ${COLUMNS} from handle_api_session where id_sha256 = $1 and expires_at > clock_timestamp()`

const END = 'update handle_api_session set is_ended = true where id_sha256 = $1'

export function handleApiSessions(db: Database, lifetimeSeconds: number): HandleApiSessions {
  return {
    async begin(sessionId, identity) {
      const { handle, index, keySha256 } = identity
      const parameters = [hashOf(sessionId), handle, index, keySha256, lifetimeSeconds]
      const [row] = await db.query<Row>(BEGIN, parameters)
      await db.query(FORGET_EXPIRED)
      await db.query(END_OLDEST, [handle, index])
      return row !== undefined && !row.isEnded && isSame(row, identity)
    },
    async find(sessionId) {
      const [row] = await db.query<Row>(FIND, [hashOf(sessionId)])
      if (row === undefined || row.isEnded) return undefined
      const { handle, index, keySha256 } = row
      return { handle, index, keySha256 }
    },
    async end(sessionId) {
      await db.query(END, [hashOf(sessionId)])
    },
  }
}

function isSame(one: SessionIdentity, other: SessionIdentity): boolean {
  return one.handle === other.handle && one.index === other.index && one.keySha256 === other.keySha256
}

function hashOf(sessionId: string): Buffer {
  return createHash('sha256').update(sessionId).digest()
}
