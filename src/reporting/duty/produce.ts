/**
 * Makes a report: collects its parts, stores each as it comes, and completes all of them at once together with the note
 * that the period is done. Whatever stops it before that leaves nothing that anybody is sent.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.js'
import type { Database, Transaction } from '../../platform/postgres.js'
import type { Collect, Collecting, Part } from '../collect/collect.js'
import type { Period } from '../periods.js'
import { FORMAT_VERSION, type Report } from '../tables/report-shape.js'
import type { TableName } from '../tables/tables.js'
import { requireLease } from './lease.js'
import { completeRevision, forgetIncomplete, newestRevision, sendToNew, storePart } from './ledger.js'

export interface Producing {
  readonly db: Database
  readonly clock: Clock
  readonly holder: string
  readonly destinations: readonly string[]
  /** Aborted: the node stops, and whatever is not complete is made anew by whoever comes next. */
  readonly stopping?: AbortSignal
}

export interface Task {
  readonly table: TableName
  readonly collect: Collect
  readonly collecting: Omit<Collecting, 'period'>
  readonly period: Period
  /** Done in the transaction that completes the report. */
  readonly alongside?: (tx: Transaction) => Promise<void>
}

/** @throws NodeError what keeps it from being collected, or `internal` when another process has taken over */
export async function produce(producing: Producing, task: Task): Promise<number> {
  const { db } = producing
  const named = { table: task.table, period: task.period.key }
  await forgetIncomplete(db, named)
  const revision = ((await newestRevision(db, named))?.revision ?? 0) + 1
  const digest = createHash('sha256')
  const numbered = numberedParts(async (part, { ordinal, isLast }) => {
    producing.stopping?.throwIfAborted()
    digest.update(JSON.stringify([part.data, part.missing ?? []]))
    await storePart(db, documentOf(producing, task, { part, ordinal, isLast, revision }))
  })
  await task.collect({ ...task.collecting, period: task.period }, numbered.give)
  await numbered.end()
  await complete(producing, task, { revision, digest: digest.digest() })
  return revision
}

/** Only if it is another state than the one reported last; undefined: it is the same, and goes to whoever was not sent it. */
export async function produceChanged(producing: Producing, task: Task): Promise<number | undefined> {
  const parts: Part[] = []
  const digest = createHash('sha256')
  const collecting = { ...task.collecting, period: task.period }
  await task.collect(collecting, async (part) => {
    digest.update(JSON.stringify([part.data, part.missing ?? []]))
    parts.push(part)
  })
  const { db, destinations } = producing
  const named = { table: task.table, period: task.period.key }
  const known = await newestRevision(db, named)
  if (known?.digest.equals(digest.digest())) {
    await sendToNew(db, { ...named, destinations })
    return undefined
  }
  const collect: Collect = async (_collecting, give) => {
    for (const part of parts) await give(part)
  }
  return produce(producing, { ...task, collect })
}

function complete(
  { db, holder, destinations }: Producing,
  { table, period, alongside }: Task,
  made: { readonly revision: number; readonly digest: Buffer },
): Promise<void> {
  return db.transaction(async (tx) => {
    await requireLease(tx, holder)
    await completeRevision(tx, { table, period: period.key, destinations, ...made })
    await alongside?.(tx)
  })
}

interface Place {
  readonly ordinal: number
  readonly isLast: boolean
}

/** A part is only known to be the last one when none comes after it. */
function numberedParts(store: (part: Part, place: Place) => Promise<void>) {
  let held: Part | undefined
  let ordinal = 0
  const storeHeld = async (isLast: boolean) => {
    if (held !== undefined) await store(held, { ordinal: ++ordinal, isLast })
    held = undefined
  }
  return {
    give: async (part: Part) => {
      await storeHeld(false)
      held = part
    },
    end: () => storeHeld(true),
  }
}

function documentOf(
  { clock }: Producing,
  { table, period, collecting }: Task,
  { part, ordinal, isLast, revision }: Place & { readonly part: Part; readonly revision: number },
): Report {
  return {
    table,
    formatVersion: FORMAT_VERSION,
    node: collecting.node,
    period: {
      key: period.key,
      from: new Date(period.fromMs).toISOString(),
      to: new Date(period.toMs).toISOString(),
      timeZone: collecting.timeZone,
    },
    revision,
    part: ordinal,
    isLast,
    collectedAt: new Date(clock.nowMs()).toISOString(),
    missing: [...(part.missing ?? [])],
    data: part.data,
  }
}
