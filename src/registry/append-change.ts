/**
 * The change row of a transaction: one per transaction, written in it, or the feed's readers would miss part of it.
 * Its keys carry their space (resolution/feed-spaces.ts).
 */

import type { Transaction } from '../platform/postgres.js'
import { bigintArray, textArray } from '../platform/sql-arrays.js'
import type { CommittedChange } from '../resolution/change-knowledge.js'
import { apiKeyFeedKey, identifierFeedKey, prefixFeedKey } from '../resolution/feed-spaces.js'
import type { Registry } from './registry.js'

export interface ChangedKey {
  readonly key: string
  readonly version: number
}

export interface Changed<Result> {
  readonly result: Result
  /** Empty: nothing changed, and the feed gets no row. */
  readonly changes: readonly ChangedKey[]
}

export const identifierChange = (key: string, version: number): ChangedKey => ({ key: identifierFeedKey(key), version })
export const prefixChange = (prefix: string, version: number): ChangedKey => ({ key: prefixFeedKey(prefix), version })
export const apiKeyChange = (apiKeyId: string, version: number): ChangedKey => ({
  key: apiKeyFeedKey(apiKeyId),
  version,
})

/** A command as one transaction with its one change row, made known to this process once it is committed. */
export async function commitChange<Result>(
  registry: Registry,
  work: (tx: Transaction) => Promise<Changed<Result>>,
): Promise<Result> {
  const { result, committed } = await registry.db.transaction(async (tx) => {
    const changed = await work(tx)
    return { result: changed.result, committed: await appendChange(tx, changed.changes) }
  })
  if (committed) registry.committed(committed)
  return result
}

/** At most once per transaction. */
export async function appendChange(
  tx: Transaction,
  changes: readonly ChangedKey[],
): Promise<CommittedChange | undefined> {
  return appendChanges(tx, { keys: changes.map(({ key }) => key), versions: changes.map(({ version }) => version) })
}

/** Versions in the order of the keys. */
export type Changes = Omit<CommittedChange, 'xid'>

/** At most once per transaction. */
export async function appendChanges(
  tx: Transaction,
  { keys, versions }: Changes,
): Promise<CommittedChange | undefined> {
  if (keys.length === 0) return undefined
  const [row] = await tx.query<{ xid: number }>('insert into change (keys, versions) values ($1, $2) returning xid', [
    textArray(keys),
    bigintArray(versions),
  ])
  return { keys, versions, xid: row!.xid }
}
