/**
 * The routing table, whole in memory (a node has some thousand prefixes), loaded anew after a change of any prefix.
 *
 * A table that cannot be loaded anew is no table: an answer routed by an old one would pass for a current one, in caches
 * too. Look-ups then get stale answers, marked, from the caches above.
 */
import type { Clock } from '../platform/clock.js'
import { isUnavailable } from '../platform/errors.js'
import type { RouteTable } from '../resolution/authorities.js'
import type { ChangeKnowledge } from '../resolution/change-knowledge.js'
import { nameIn } from '../resolution/feed-spaces.js'
import { elapsedMs, type Moment, momentOf } from '../resolution/moment.js'

export interface RoutesOptions {
  readonly load: () => Promise<RouteTable>
  readonly knowledge: ChangeKnowledge
  readonly clock: Clock
  /**
   * How old what is known of the routes may be when a look-up is routed, and a query for them when another joins it. Half
   * the freshness bound: a look-up may still be joined by others, and the other half is theirs.
   */
  readonly maxAgeMs: number
}

export type Routes = () => RouteTable | Promise<RouteTable>

interface Loading {
  readonly changes: number
  readonly started: Moment
  readonly table: Promise<RouteTable>
}

/** Gives the table at once while it is known to be current; else asks the database, all callers sharing one query. */
export function currentRoutes({ load, knowledge, clock, maxAgeMs }: RoutesOptions): Routes {
  let table: RouteTable | undefined
  let changes = 0
  let loadedAt = -1
  let loading: Loading | undefined
  const outdate = () => {
    changes += 1
  }
  knowledge.onReset(outdate)
  knowledge.onChange((key) => {
    if (nameIn('prefix', key) !== undefined) outdate()
  })

  function begin(): Loading {
    const begun: Loading = { changes, started: momentOf(clock), table: load() }
    const land = () => {
      if (loading === begun) loading = undefined
    }
    const keep = (loaded: RouteTable) => {
      land()
      if (begun.changes < loadedAt) return
      table = loaded
      loadedAt = begun.changes
    }
    begun.table.then(keep, land)
    return begun
  }

  const isCurrent = () => knowledge.isFresh() && knowledge.ageMs() <= maxAgeMs
  const isJoinable = (under: Loading) => under.changes === changes && elapsedMs(clock, under.started) <= maxAgeMs

  return () => {
    if (table !== undefined && loadedAt === changes && isCurrent()) return table
    if (loading === undefined || !isJoinable(loading)) loading = begin()
    return loading.table
  }
}

/**
 * With the database away, the last table still says whose a prefix was. Good enough for who may see what of an answer that
 * is there; never for whether there is one.
 */
export function lastKnownRoutes(routes: Routes): Routes {
  let last: RouteTable | undefined

  async function ask(pending: Promise<RouteTable>): Promise<RouteTable> {
    try {
      last = await pending
      return last
    } catch (error) {
      if (last !== undefined && isUnavailable(error)) return last
      throw error
    }
  }

  return () => {
    const table = routes()
    if (table instanceof Promise) return ask(table)
    last = table
    return table
  }
}
