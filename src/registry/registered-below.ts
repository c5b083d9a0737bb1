/**
 * How many identifiers are registered below a handle prefix, and which of them stands at a place. For doors of others' whose lists
 * have numbered pages: both read all that lies before, so they have a longer time than a statement usually has, and an end to it.
 */
import type { Database } from '../platform/postgres.js'
import { isStorable } from './checks.js'
import { REGISTERED } from './write-upsert.js'

export interface RegisteredBelow {
  count(prefix: string): Promise<number>
  /** The canonical key of the one at `place`, from 0, in the order of keys; undefined: there are fewer. */
  keyAt(prefix: string, place: number): Promise<string | undefined>
}

const WITHIN = { timeoutMs: 5_000 }
const BELOW = `from identifier where key >= $1 and key < $2 and state = ${REGISTERED}`
const COUNT = `select count(*) as count ${BELOW}`
const KEY_AT = `select key ${BELOW} order by key offset $3 limit 1`

/** `prefix` is canonical. @throws NodeError (of both) `overloaded`, `authority-unavailable` */
export function registeredBelow(db: Database): RegisteredBelow {
  return {
    async count(prefix) {
      if (!isStorable(prefix)) return 0
      const [row] = await db.transaction((tx) => tx.query<{ count: number }>(COUNT, rangeOf(prefix)), WITHIN)
      return row?.count ?? 0
    },
    async keyAt(prefix, place) {
      if (!isStorable(prefix)) return undefined
      const [row] = await db.transaction((tx) => tx.query<{ key: string }>(KEY_AT, [...rangeOf(prefix), place]), WITHIN)
      return row?.key
    },
  }
}

/** Handles go on with "/", whose successor is "0". */
function rangeOf(prefix: string): readonly [string, string] {
  return [`${prefix}/`, `${prefix}0`]
}
