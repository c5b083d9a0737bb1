/**
 * Registers, changes and withdraws identifiers: the commands that every door calls.
 *
 * One identifier or 2,000 take the same statement. Authorisation is part of it, so no door can forget it.
 * Items stand for themselves: each succeeds or fails alone, all that succeed are committed together.
 */
import { isPrefixHandle } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import { authorize } from '../security/authorize.js'
import type { Principal } from '../security/principal.js'
import { type Amendment, amendOnce } from './amend.js'
import { appendChange, type ChangedKey } from './append-change.js'
import { claimOutcomes, type Idempotency, requireIdempotencyKey, storeOutcomes } from './idempotency.js'
import { type ItemOutcome, type Receipt, type Registration, registrationFault } from './registration.js'
import type { Registry } from './registry.js'
import { retryLostRaces } from './retries.js'
import { requireKnown } from './standing.js'
import { directRun, type WriteRun, writeDistinct } from './write-run.js'

export type { Amendment } from './amend.js'
export type { Idempotency } from './idempotency.js'
export { listIdentifiers } from './list-identifiers.js'
export type { ItemOutcome, Precondition, Receipt, Registration } from './registration.js'

export const MAX_ITEMS = 2_000
/** More than these may take longer than a statement's usual bound, on a busy machine. */
const MANY_ITEMS = 100
const WITHIN = { timeoutMs: 20_000 }

/**
 * Outcomes in the order of the items. An identifier that comes up repeatedly is written repeatedly, in order.
 *
 * @throws NodeError for the request as a whole: `not-authenticated`, `not-permitted` (scope, enterprise suspended),
 *   `too-large`, `idempotency-key-reused`, `authority-unavailable`, `overloaded`, `storage-full`
 */
export function writeIdentifiers(
  registry: Registry,
  principal: Principal,
  items: readonly Registration[],
  idempotency?: Idempotency,
): Promise<readonly ItemOutcome[]> {
  return observed(registry, () => writeAll(registry, principal, { items, idempotency }))
}

async function writeAll(
  registry: Registry,
  principal: Principal,
  { items, idempotency }: { readonly items: readonly Registration[]; readonly idempotency: Idempotency | undefined },
): Promise<readonly ItemOutcome[]> {
  if (items.length > MAX_ITEMS) {
    throw new NodeError('too-large', `${items.length} identifiers in one request; at most ${MAX_ITEMS} are taken.`)
  }
  const [first] = items
  const isSingle = items.length === 1 && !idempotency && !items.some(isOfPrefix)
  if (registry.joined && first && isSingle && !registrationFault(first)) {
    authorize(principal, 'write')
    return [await registry.joined(principal, first)]
  }
  const passes = passesOf(items)
  return perform(registry, principal, {
    idempotency,
    atomic: passes.length > 1 || items.length > MANY_ITEMS || items.some(isOfPrefix),
    write: (run) => writePasses(run, items, passes),
  })
}

/** @throws NodeError the item's own too: `prefix-not-served`, `prefix-not-held`, `prefix-suspended`, `precondition-failed`, `identifier-absent`, `identifier-withdrawn`, … */
export async function writeIdentifier(
  registry: Registry,
  principal: Principal,
  item: Registration,
  idempotency?: Idempotency,
): Promise<Receipt> {
  const [outcome] = await writeIdentifiers(registry, principal, [item], idempotency)
  return receiptOf(outcome!)
}

/**
 * Changes a registered record by a function of what it is now. When others change it meanwhile, the function is called again.
 *
 * @throws NodeError as `writeIdentifier`, and what the amendment itself is refused for: `record-invalid`, `template-unknown`
 */
export async function amendIdentifier(
  registry: Registry,
  principal: Principal,
  amendment: Amendment,
  idempotency?: Idempotency,
): Promise<Receipt> {
  const outcomes = await perform(registry, principal, {
    idempotency,
    atomic: isOfPrefix(amendment),
    write: async (run) => [await amendOnce(run, amendment)],
  })
  return receiptOf(outcomes[0]!)
}

/** Records of prefixes take several statements (prefix-record-writes.ts). */
function isOfPrefix({ identifier }: Pick<Registration, 'identifier'>): boolean {
  return isPrefixHandle(identifier)
}

/** What is registered anew counts, and the time of its command with it. */
async function observed(
  { registered, clock }: Registry,
  write: () => Promise<readonly ItemOutcome[]>,
): Promise<readonly ItemOutcome[]> {
  if (registered === undefined) return write()
  const startedMs = clock.monotonicMs()
  const outcomes = await write()
  let count = 0
  for (const outcome of outcomes) if (outcome.ok && outcome.receipt.outcome === 'created') count += 1
  if (count > 0) registered(count, clock.monotonicMs() - startedMs)
  return outcomes
}

interface Task {
  readonly idempotency: Idempotency | undefined
  /** Takes several statements, which must be committed together. */
  readonly atomic: boolean
  write(run: WriteRun): Promise<readonly ItemOutcome[]>
}

async function perform(registry: Registry, principal: Principal, task: Task): Promise<readonly ItemOutcome[]> {
  authorize(principal, 'write')
  if (task.idempotency) requireIdempotencyKey(task.idempotency)
  if (task.idempotency || task.atomic) return performInTransaction(registry, principal, task)
  return task.write(directRun(registry, principal, true))
}

/** Carries the outcomes past the rollback. */
class NothingWritten extends Error {
  readonly outcomes: readonly ItemOutcome[]

  constructor(outcomes: readonly ItemOutcome[]) {
    super('nothing was written')
    this.outcomes = outcomes
  }
}

async function performInTransaction(registry: Registry, principal: Principal, task: Task) {
  const { apiKeyId } = requireKnown(principal)
  const { idempotency } = task
  const attempt = () =>
    registry.db.transaction(async (tx) => {
      const stored = idempotency && (await claimOutcomes(tx, apiKeyId, idempotency))
      if (stored) return { outcomes: stored, committed: undefined }

      const changes: ChangedKey[] = []
      const written = (some: readonly ChangedKey[]) => void changes.push(...some)
      const pending = await task.write({ on: tx, principal, feed: false, together: true, written })
      if (!pending.some(({ ok }) => ok)) throw new NothingWritten(pending)

      const committed = await appendChange(tx, changes)
      const outcomes = pending.map((outcome) => withToken(outcome, committed?.xid))
      if (idempotency) await storeOutcomes(tx, apiKeyId, { key: idempotency.key, outcomes })
      return { outcomes, committed }
    }, WITHIN)
  try {
    const { outcomes, committed } = await retryLostRaces(attempt)
    if (committed) registry.committed(committed)
    return outcomes
  } catch (error) {
    if (error instanceof NothingWritten) return error.outcomes
    throw error
  }
}

/** What this transaction wrote gets its id; what was there already has its writer's. */
function withToken(outcome: ItemOutcome, xid: number | undefined): ItemOutcome {
  if (!outcome.ok || outcome.receipt.token !== '' || xid === undefined) return outcome
  return { ok: true, receipt: { ...outcome.receipt, token: String(xid) } }
}

async function writePasses(
  run: WriteRun,
  items: readonly Registration[],
  passes: readonly (readonly number[])[],
): Promise<readonly ItemOutcome[]> {
  const outcomes = items.map((item): ItemOutcome | undefined => {
    const error = registrationFault(item)
    return error && { ok: false, error }
  })
  for (const pass of passes) {
    const places = pass.filter((place) => outcomes[place] === undefined)
    const written = await writeDistinct(
      run,
      places.map((place) => items[place]!),
    )
    for (const [at, place] of places.entries()) outcomes[place] = written[at]
  }
  return outcomes as readonly ItemOutcome[]
}

/** Places of the items: first those where a key comes up for the first time, then for the second time, … */
function passesOf(items: readonly Registration[]): readonly (readonly number[])[] {
  const times = new Map<string, number>()
  const passes: number[][] = []
  for (const [place, { identifier }] of items.entries()) {
    const earlier = times.get(identifier.key) ?? 0
    times.set(identifier.key, earlier + 1)
    if (passes[earlier] === undefined) passes.push([place])
    else passes[earlier].push(place)
  }
  return passes
}

function receiptOf(outcome: ItemOutcome): Receipt {
  if (outcome.ok) return outcome.receipt
  throw outcome.error
}
