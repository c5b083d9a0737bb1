/**
 * Sends what is due to one destination, one document after another. While the destination is away only one document is
 * tried at a time, at growing intervals; a document that it refuses is set aside, with its reason, and goes no further
 * until somebody asks for it to be sent again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { messageOf } from '../../platform/errors.js'
import type { Database } from '../../platform/postgres.js'
import type { Destination, Outcome } from '../destinations/destination.js'
import { type Due, nextDue, noteAttempt } from './ledger.js'

export interface DeliverOptions {
  readonly db: Database
  readonly destination: Destination
  /** Whether this process is the one that reports. */
  readonly mayDeliver: () => boolean
  readonly log: { info(message: string): void; warn(message: string): void }
  /** Between two looks for something due. Default 1 s. */
  readonly idleMs?: number
  /** After the first failure; doubled up to `maxBackOffMs`. Default 1 s and 5 min. */
  readonly backOffMs?: number
  readonly maxBackOffMs?: number
}

export async function deliverUntil(options: DeliverOptions, stopping: AbortSignal): Promise<void> {
  const { idleMs = 1_000, backOffMs = 1_000, maxBackOffMs = 300_000, mayDeliver, log, destination } = options
  let failures = 0
  while (!stopping.aborted) {
    const outcome = mayDeliver() ? await deliverNext(options, stopping) : undefined
    if (outcome === undefined) {
      await pauseUnless(stopping, idleMs)
      continue
    }
    if (outcome.kind !== 'failed') {
      if (failures > 0) log.info(`Reports: ${destination.name} takes them again.`)
      failures = 0
      continue
    }
    if (failures === 0) log.warn(`Reports: ${destination.name} takes none now: ${outcome.detail}`)
    const waitMs = Math.min(maxBackOffMs, backOffMs * 2 ** failures)
    failures = Math.min(failures + 1, 30)
    await pauseUnless(stopping, Math.max(waitMs, Math.min(maxBackOffMs, (outcome.retryAfterSeconds ?? 0) * 1000)))
  }
}

/** What became of one document; undefined: none is due. */
async function deliverNext(options: DeliverOptions, stopping: AbortSignal): Promise<Outcome | undefined> {
  const { db, destination, log } = options
  try {
    const due = await nextDue(db, destination.name)
    if (due === undefined) return undefined
    const startedMs = performance.now()
    const outcome = await sent(destination, due, stopping)
    // Broken off by us: that says nothing of the destination.
    if (stopping.aborted && outcome.kind === 'failed') return undefined
    const { kind, detail } = outcome
    const tookMs = performance.now() - startedMs
    await noteAttempt(db, { reportId: due.reportId, destination: destination.name, tookMs, outcome: kind, detail })
    if (kind === 'refused') log.warn(`Reports: ${destination.name} refused ${due.table} of ${due.period}: ${detail}`)
    return outcome
  } catch (error) {
    return { kind: 'failed', detail: messageOf(error) }
  }
}

async function sent(destination: Destination, due: Due, signal: AbortSignal): Promise<Outcome> {
  const { text } = due
  if (text === undefined) return { kind: 'refused', detail: 'It is no longer kept. Ask for it to be collected anew.' }
  return destination.send({ ...due, text }, signal)
}

async function pauseUnless(stopping: AbortSignal, ms: number): Promise<void> {
  await pause(ms, undefined, { signal: stopping, ref: false }).catch(endedEarly)
}

function endedEarly(): void {
  // The pause was cut short because everything is being stopped.
}
