/**
 * Brings the records of all prefixes to the node's site as it is now: after a start that has changed the site, and for
 * prefixes that were allotted before they had records. Some prefixes at a time, each time in a transaction of its own, so
 * that nobody who writes below them waits for long, and a start that is broken off is gone on with by the next. Processes that
 * start at once share the work: what one has done, the others no longer find.
 */
import type { Logger } from '../platform/logger.js'
import { textArray } from '../platform/sql-arrays.js'
import { commitChange } from './append-change.js'
import { lockNodeSite } from './node-site.js'
import { writeManagedParts } from './prefix-records.js'
import { type AllottedPrefix, prefixServiceOf } from './prefixes.js'
import type { Registry } from './registry.js'
import { retryLostRaces } from './retries.js'

const PREFIXES_AT_ONCE = 100
const TOLD_EVERY = 1_000
/** Who wrote a version, in its history: no API key. */
export const NODE_AUTHOR = 'node'

const IS_UNSETTLED = `recorded_site < (select change from node_site) and name not like 'urn:oid:%'`
const FIND_UNSETTLED = `
  select name as prefix, service, sites, service_handle as "serviceHandle" from prefix
  where ${IS_UNSETTLED} order by name limit ${PREFIXES_AT_ONCE} for no key update`
const IS_LEFT = `select exists (select from prefix where ${IS_UNSETTLED}) as "isLeft"`

/** How many prefixes' records it has looked at. @throws NodeError `authority-unavailable`, `overloaded`: to be called again */
export async function settlePrefixRecords(registry: Registry, log: Pick<Logger, 'info'>): Promise<number> {
  let settled = 0
  let told = 0
  for (;;) {
    const names = await retryLostRaces(() => settleSome(registry))
    // None also when others have just settled those that were looked at.
    if (names.length === 0 && !(await isLeft(registry))) return settled
    settled += names.length
    if (settled < told + TOLD_EVERY) continue
    told = settled
    log.info(
      `Writing where this node is reached into the records of prefixes: ${settled} done, ${names.at(-1)} the last.`,
    )
  }
}

async function isLeft({ db }: Registry): Promise<boolean> {
  const [row] = await db.query<{ isLeft: boolean }>(IS_LEFT)
  return row!.isLeft
}

/** Their names, in order. */
async function settleSome(registry: Registry): Promise<readonly string[]> {
  return commitChange(registry, async (tx) => {
    const site = await lockNodeSite(tx)
    const prefixes =
      await tx.query<Pick<AllottedPrefix, 'prefix' | 'service' | 'sites' | 'serviceHandle'>>(FIND_UNSETTLED)
    const names = prefixes.map(({ prefix }) => prefix)
    const parts = prefixes.map((prefix) => ({ service: prefixServiceOf(prefix), site, isHandedOver: false }))
    const by = { author: NODE_AUTHOR, nowMs: registry.clock.nowMs() }
    const changes = await writeManagedParts(tx, parts, by)
    await tx.query('update prefix set recorded_site = $2 where name = any ($1::text[])', [
      textArray(names),
      site.change,
    ])
    return { result: names, changes }
  })
}
