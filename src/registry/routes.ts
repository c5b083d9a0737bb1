/** The routing table, whole in memory (a node has some thousand prefixes), loaded anew after a change of any prefix. */
import { isUnavailable } from '../platform/errors.js'
import type { RouteTable } from '../resolution/authorities.js'
import type { ChangeKnowledge } from '../resolution/change-knowledge.js'

export interface RoutesOptions {
  readonly load: () => Promise<RouteTable>
  readonly knowledge: ChangeKnowledge
}

/** Gives the table at once while it is known to be current; else asks the database, all callers sharing one query. */
export function currentRoutes({ load, knowledge }: RoutesOptions): () => RouteTable | Promise<RouteTable> {
  let table: RouteTable | undefined
  let changes = 0
  let loadedAt = -1
  let loading: { readonly changes: number; readonly table: Promise<RouteTable> } | undefined
  const outdate = () => {
    changes += 1
  }
  knowledge.onReset(outdate)
  knowledge.onChange((key) => {
    if (key.startsWith('p:')) outdate()
  })

  async function reload(asOf: number): Promise<RouteTable> {
    try {
      const loaded = await load()
      if (asOf > loadedAt) {
        table = loaded
        loadedAt = asOf
      }
      return loaded
    } catch (error) {
      // With the database away, answers come from caches below their own stale mark; the last table still says whose they are.
      if (table !== undefined && isUnavailable(error)) return table
      throw error
    } finally {
      if (loading?.changes === asOf) loading = undefined
    }
  }

  return () => {
    if (table !== undefined && loadedAt === changes && knowledge.isFresh()) return table
    if (loading === undefined || loading.changes !== changes) loading = { changes, table: reload(changes) }
    return loading.table
  }
}
