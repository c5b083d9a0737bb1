/**
 * Forgets what has had its time: changes past their retention, receipts and imports nobody will ask for again. And notes
 * what is still in use: this process's freshness bound.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../platform/errors.js'
import type { Database } from '../platform/postgres.js'
import { pruneReceipts } from './idempotency.js'
import { pruneImports } from './import-jobs.js'
import { pruneChanges } from './prune-changes.js'
import { noteStalenessBound } from './staleness-bounds.js'

export interface MaintenanceOptions {
  readonly db: Database
  readonly feedRetentionHours: number
  readonly stalenessBoundMs: number
  /** What other parts of the node forget, each giving how many rows that were, by their name. */
  readonly others?: Readonly<Record<string, (db: Database, stopping: AbortSignal) => Promise<number>>>
  readonly log: { debug(message: string): void; warn(message: string): void }
}

/** A retry that comes later than this is a new request. */
export const RECEIPT_RETENTION_HOURS = 7 * 24
/** With their row errors; the rows themselves stay, of course. */
const IMPORT_RETENTION_DAYS = 30
const INTERVAL_MS = 10 * 60_000

/** Runs at once and then every ten minutes, until the function given back is called. Safe in many processes at once. */
export function startMaintenance(options: MaintenanceOptions): () => Promise<void> {
  const stopping = new AbortController()
  const running = maintain(options, stopping.signal)
  return async () => {
    stopping.abort()
    await running
  }
}

async function maintain(options: MaintenanceOptions, stopping: AbortSignal): Promise<void> {
  const { db, feedRetentionHours, stalenessBoundMs, others = {}, log } = options
  while (!stopping.aborted) {
    try {
      await noteStalenessBound(db, stalenessBoundMs)
      const changes = await pruneChanges(db, feedRetentionHours)
      const receipts = await pruneReceipts(db, RECEIPT_RETENTION_HOURS)
      const imports = await pruneImports(db, IMPORT_RETENTION_DAYS)
      log.debug(`Forgot ${changes} changes, ${receipts} receipts and ${imports} imports.`)
      for (const [what, forget] of Object.entries(others)) log.debug(`Forgot ${await forget(db, stopping)} ${what}.`)
    } catch (error) {
      log.warn(`What is old stays for now: ${messageOf(error)}`)
    }
    await pause(INTERVAL_MS, undefined, { signal: stopping, ref: false }).catch(endedEarly)
  }
}

function endedEarly(): void {
  // The pause was cut short because everything is being stopped.
}
