/**
 * Loads the demonstration catalogue into a registry that nobody has used yet.
 *
 * It is marked begun by its first enterprise and complete by the node's own prefix, which comes last. A start that finds it
 * begun but not complete goes through all of it again: what is there already stays as it is, edits by people included.
 * Several processes that start at once may do so together.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { parseIdentifier } from '../identifier/parse.js'
import { type ErrorCode, isUnavailable, NodeError } from '../platform/errors.js'
import { draftOfRow } from '../record/draft.js'
import { findTemplate } from '../record/template.js'
import { firstAdministrator } from '../registry/authenticate.js'
import { createEnterprise } from '../registry/enterprises.js'
import { type ItemOutcome, type Registration, writeIdentifiers } from '../registry/identifiers.js'
import { allotPrefix } from '../registry/prefixes.js'
import type { Registry } from '../registry/registry.js'
import type { Administrator } from '../security/principal.js'
import { type DemoRow, factory, MACHINE_BUILDER, NODE_PREFIX, productRows, TRADER } from './catalogue.js'
import { SAMPLE_PART, SAMPLE_WITHDRAWN } from './samples.js'

export interface LoadedDemo {
  /** False when there was nothing to do. */
  readonly loaded: boolean
  /** Machines included. */
  readonly products: number
  /** Assemblies included. */
  readonly parts: number
}

/** No build step copies it, so both src/ and dist/ read it where it lies. */
const PRODUCTS = path.resolve(import.meta.dirname, '../../src/demo/products.csv.gz')
/** Half of what a batch may hold: on a busy machine, a full one comes near the bound on one statement. */
const BATCH_ROWS = 1_000
const BATCHES_AT_ONCE = 2
const ATTEMPTS = 5
const PAUSE_MS = 200

/** What an earlier or another loader, or a person, was first to do. */
const DONE_ALREADY: ReadonlySet<ErrorCode> = new Set([
  'already-exists',
  'version-conflict',
  'precondition-failed',
  'identifier-withdrawn',
])

/** @throws NodeError `authority-unavailable`, `overloaded`; the next start then goes on with it */
export async function loadDemo(registry: Registry): Promise<LoadedDemo> {
  if (!(await isWanted(registry))) return { loaded: false, products: 0, parts: 0 }
  const administrator = await firstAdministrator(registry.db)
  for (const { id, name, prefix } of [TRADER, MACHINE_BUILDER]) {
    await unlessDone(createEnterprise(registry, administrator, { id, name }))
    await unlessDone(allotPrefix(registry, administrator, { prefix, enterpriseId: id }))
  }

  const csv = (await promisify(gunzip)(await readFile(PRODUCTS))).toString()
  const { machines, parts } = factory()
  const products = [...productRows(csv), ...machines]
  const rows = [...products, ...parts]
  // One row comes later, together with its withdrawal.
  await writeRows(
    registry,
    administrator,
    rows.filter(({ identifier }) => identifier !== SAMPLE_WITHDRAWN),
  )
  await writeLives(registry, administrator, rows)

  await unlessDone(allotPrefix(registry, administrator, { prefix: NODE_PREFIX }))
  return { loaded: true, products: products.length, parts: parts.length }
}

async function isWanted({ db }: Registry): Promise<boolean> {
  const [state] = await db.query<{ empty: boolean; begun: boolean; complete: boolean }>(
    `select not exists (select from enterprise) as empty,
       exists (select from enterprise where id = $1) as begun,
       exists (select from prefix where name = $2) as complete`,
    [TRADER.id, NODE_PREFIX],
  )
  return !state!.complete && (state!.empty || state!.begun)
}

async function writeRows(registry: Registry, administrator: Administrator, rows: readonly DemoRow[]): Promise<void> {
  let next = 0
  const writer = async () => {
    while (next < rows.length) {
      const batch = rows.slice(next, next + BATCH_ROWS)
      next += BATCH_ROWS
      const nowSeconds = Math.floor(registry.clock.nowMs() / 1000)
      await write(
        registry,
        administrator,
        batch.map((row) => registrationOf(row, nowSeconds)),
      )
    }
  }
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, writer))
}

/** Gives the samples a past: a part whose drawing was revised, and one that was called back. */
async function writeLives(registry: Registry, administrator: Administrator, rows: readonly DemoRow[]): Promise<void> {
  const nowSeconds = Math.floor(registry.clock.nowMs() / 1000)
  const part = requireRow(rows, SAMPLE_PART)
  const cells = { ...part.cells, drawing: part.cells['drawing']!.replace('.pdf', '-rev-B.pdf') }
  const revised = registrationOf({ ...part, cells }, nowSeconds)
  await write(registry, administrator, [{ ...revised, precondition: { kind: 'version', version: 1 } }])

  const calledBack = registrationOf(requireRow(rows, SAMPLE_WITHDRAWN), nowSeconds)
  // What was withdrawn may be registered anew, so a second attempt must not try.
  if (await isKnown(registry, calledBack.identifier.key)) return
  const reason = 'Batch called back: cracked valve seats 批次召回：阀座开裂'
  await write(registry, administrator, [
    calledBack,
    { ...calledBack, intent: 'withdraw', precondition: { kind: 'present' }, reason },
  ])
}

async function isKnown({ db }: Registry, key: string): Promise<boolean> {
  const found = await db.query('select from identifier where key = $1', [key])
  return found.length > 0
}

function requireRow(rows: readonly DemoRow[], identifier: string): DemoRow {
  const row = rows.find((one) => one.identifier === identifier)
  if (row === undefined) throw new NodeError('internal', `The demonstration catalogue has no ${identifier}.`)
  return row
}

/** The catalogue is our own, so a row that does not fit is a fault of this file's neighbours, not of a user. */
function registrationOf(row: DemoRow, nowSeconds: number): Registration {
  const identifier = parseIdentifier(row.identifier)
  const template = findTemplate(row.template)
  if (!identifier.ok || template === undefined) throw new NodeError('internal', `${row.identifier} is not well formed.`)
  const draft = draftOfRow(template, row.cells, nowSeconds)
  if (!draft.ok) {
    throw new NodeError('internal', `${row.identifier}: ${draft.faults[0]?.reason}`, { faults: draft.faults })
  }
  const { values } = draft.value
  return {
    identifier: identifier.value,
    intent: 'register',
    template: row.template,
    values,
    precondition: { kind: 'absent' },
  }
}

/** Repeats what got no answer: thanks to its preconditions a batch that was written after all changes nothing. */
async function write(
  registry: Registry,
  administrator: Administrator,
  items: readonly Registration[],
  attempt = 1,
): Promise<void> {
  let outcomes: readonly ItemOutcome[]
  try {
    outcomes = await writeIdentifiers(registry, administrator, items)
  } catch (error) {
    if (!isUnavailable(error) || attempt === ATTEMPTS) throw error
    await pause(PAUSE_MS * attempt)
    return write(registry, administrator, items, attempt + 1)
  }
  for (const outcome of outcomes) if (!outcome.ok && !DONE_ALREADY.has(outcome.error.code)) throw outcome.error
}

async function unlessDone(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof NodeError) || !DONE_ALREADY.has(error.code)) throw error
  }
}
