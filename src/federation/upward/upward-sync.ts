/**
 * The outbox: tells the node above of every change here, in order, each until it is acknowledged. An ordered consumer of the
 * change feed, so that a write costs nothing for it and never waits.
 *
 *   1. one process has the lease
 *   2. the node above says up to where it was told; whichever of the two has lost something, the telling goes back to there
 *   3. a batch is read, noted as sent, told, and acknowledged: the cursor moves in the transaction that keeps what was refused
 *
 * One batch at a time, so that changes of one key arrive in their order. A crash on either side at any moment leads back to 2,
 * and what is told twice has no second effect above. What is refused is set aside and tried again later, and holds up nothing.
 */
import { randomUUID } from 'node:crypto'
import { type BackoffOptions, backoff } from '../../platform/backoff.js'
import type { Clock } from '../../platform/clock.js'
import { messageOf } from '../../platform/errors.js'
import { hurriedPause, type PauseLengths } from '../../platform/hurried-pause.js'
import { MAX_UPWARD_CHANGES } from '../../protocols/rest/upward.js'
import { doubts } from './doubts.js'
import { agreeWithParent, type GoOnOptions, giveUpWhatIsTooOld } from './go-on.js'
import { renewLease } from './lease.js'
import { batchOf, dueRefusals, feedKeyOf, nextOfFeed, nextOfWalk, type Parcel } from './outbox-batches.js'
import { acknowledge, findStanding, noteFailure, noteSent, type Standing, takeLease } from './outbox-store.js'
import { acknowledgementOf } from './outcome.js'
import type { Answered } from './parent.js'
import { siteTelling } from './site-telling.js'

export interface UpwardSync {
  /** A change was committed here. */
  wake(): void
  start(): void
  /** What is under way is left as it is: it will be told again. */
  stop(): Promise<void>
}

export interface UpwardSyncOptions extends GoOnOptions {
  readonly clock: Clock
  /** Between tries while the node above cannot be told anything. */
  readonly retry?: Omit<BackoffOptions, 'random'>
}

const IDLE_MS = 200
const WOKEN_MS = 20
/** While another process has the lease. */
const LOOK_FOR_LEASE_MS = 1_000
const RETRY = { leastMs: 200, mostMs: 5_000 }
/** How often refusals are looked at, and whether the site has changed. */
const CHORES_MS = 2_000
/** Without a change the node above is asked so often whether it still knows what it was told. */
const BEAT_MS = 60_000
const READ_WITHIN = { timeoutMs: 10_000 }
/** Refusals tried again at a time: they may be slow to judge, and changes come first. */
const MAX_RETRIED = 500

/** What the steps remember between them; all of it may be lost. */
interface Memory {
  /** The node above has said where it stands, since this process has the lease. */
  isAgreed: boolean
  limit: number
  choresAtMs: number
  beatAtMs: number
  isFailing: boolean
}

export function upwardSync(options: UpwardSyncOptions): UpwardSync {
  const { clock, db, log } = options
  const token = randomUUID()
  const pause = hurriedPause(clock)
  const retry = backoff(options.retry ?? RETRY)
  const doubted = doubts()
  const site = siteTelling(db, clock)
  const memory: Memory = {
    isAgreed: false,
    limit: MAX_UPWARD_CHANGES,
    choresAtMs: Number.NEGATIVE_INFINITY,
    beatAtMs: Number.NEGATIVE_INFINITY,
    isFailing: false,
  }
  let isStopped = false
  let running: Promise<void> | undefined

  async function failed(reason: string, retryAfterMs = 0): Promise<PauseLengths> {
    if (isStopped) return AT_ONCE
    if (!memory.isFailing) log.warn(`The node above cannot be told of changes, which wait here: ${reason}`)
    memory.isFailing = true
    await noteFailure(db, token, reason).catch(ignore)
    await giveUpWhatIsTooOld(options, token).catch(ignore)
    return againLater(retryAfterMs)
  }

  function againLater(leastMs = 0): PauseLengths {
    memory.isAgreed = false
    return unhurried(Math.max(retry.next(), leastMs))
  }

  async function step(): Promise<PauseLengths> {
    if (!(await takeLease(db, token))) {
      memory.isAgreed = false
      return unhurried(LOOK_FOR_LEASE_MS)
    }
    const standing = await findStanding(db, token)
    if (standing === undefined) return AT_ONCE
    if (!memory.isAgreed || standing.epoch !== standing.epochNow) {
      await agreeWithParent(options, { token, standing })
      memory.isAgreed = true
      site.forget()
      return AT_ONCE
    }
    const sites = await site.toTell()
    if (sites !== undefined) return tellSites(standing, sites)
    const parcel = doubted.wantsProbe ? nothing(standing) : await nextParcel(options, memory, standing)
    if (parcel !== undefined) return tell(standing, parcel)
    doubted.settleAll()
    return { usual: IDLE_MS, soon: WOKEN_MS, now: 0 }
  }

  async function tellSites(standing: Standing, sites: readonly string[]): Promise<PauseLengths> {
    const parcel = nothing(standing)
    const answered = await options.parent.tell(batchOf(standing, parcel, sites))
    if (answered.kind === 'taken' || answered.kind === 'refused') site.settled(sites)
    else site.putOff()
    if (answered.kind !== 'refused' && answered.kind !== 'broken') return settle(standing, parcel, answered)
    log.warn(`Where this node answers was not taken by the node above: ${answered.reason}`)
    return answered.kind === 'refused' ? AT_ONCE : againLater()
  }

  async function tell(standing: Standing, parcel: Parcel): Promise<PauseLengths> {
    if (!(await noteSent(db, token, parcel))) return AT_ONCE
    return settle(standing, parcel, await options.parent.tell(batchOf(standing, parcel)))
  }

  async function settle(standing: Standing, parcel: Parcel, answered: Answered): Promise<PauseLengths> {
    if (parcel.isAgain && answered.kind !== 'taken') memory.choresAtMs = Number.NEGATIVE_INFINITY
    switch (answered.kind) {
      case 'taken':
        await acknowledge(db, token, acknowledgementOf(parcel, answered.outcome))
        succeeded(parcel)
        return AT_ONCE
      case 'gap':
        // Whoever answers so again and again is not to be asked without a pause.
        return againLater()
      case 'failed':
        if (doubted.failed(parcel) && parcel.changes.length > 0) memory.limit = halfOf(parcel)
        return failed(answered.reason, answered.retryAfterMs)
      case 'broken':
        return broken(standing, parcel, answered)
      case 'refused':
        doubted.settle(parcel)
        return narrow(standing, parcel, answered)
    }
  }

  function succeeded(parcel: Parcel): void {
    memory.beatAtMs = clock.monotonicMs() + BEAT_MS
    doubted.taken(parcel)
    if (parcel.changes.length > 0) memory.limit = Math.min(MAX_UPWARD_CHANGES, memory.limit * 2)
    if (memory.isFailing) log.info('The node above is told of changes again.')
    memory.isFailing = false
    if (!doubted.isOpen) retry.reset()
  }

  async function broken(standing: Standing, parcel: Parcel, why: Why): Promise<PauseLengths> {
    const { changes, isAgain } = parcel
    if (isStopped) return AT_ONCE
    if (changes.length === 0) return failed(why.reason)
    if (!doubted.broken(parcel)) return againLater()
    retry.reset()
    if (changes.length === 1 && !isAgain)
      log.warn(
        `The node above fails on ${feedKeyOf(changes[0]!)}, which is set aside and told again later: ${why.reason}`,
      )
    return narrow(standing, parcel, why)
  }

  /** To the change that it is about, which is set aside. */
  async function narrow(standing: Standing, parcel: Parcel, why: Why): Promise<PauseLengths> {
    const { changes } = parcel
    if (changes.length === 0) return failed(why.reason)
    if (changes.length > 1) {
      memory.limit = halfOf(parcel)
      return AT_ONCE
    }
    // Told to go on behind it: otherwise that place would be a gap for the node above.
    const without = { ...parcel, changes: [] }
    const answered = await options.parent.tell(batchOf(standing, without))
    if (answered.kind !== 'taken') return settle(standing, without, answered)
    await acknowledge(db, token, acknowledgementOf(parcel, { refused: [{ place: 0, ...why }] }))
    doubted.settle(parcel)
    return AT_ONCE
  }

  async function run(): Promise<void> {
    const release = renewLease(db, token)
    while (!isStopped) {
      const lengths = await step().catch((error: unknown) => failed(messageOf(error)))
      if (!isStopped) await pause.wait(lengths)
    }
    await release()
  }

  return {
    wake: () => pause.hurry('soon'),
    start() {
      running ??= run()
    },
    async stop() {
      isStopped = true
      pause.hurry('now')
      await running
    },
  }
}

type Why = Pick<Extract<Answered, { kind: 'refused' }>, 'code' | 'reason'>

const AT_ONCE: PauseLengths = { usual: 0, soon: 0, now: 0 }

function unhurried(ms: number): PauseLengths {
  return { usual: ms, soon: ms, now: 0 }
}

function halfOf({ changes }: Parcel): number {
  return Math.max(1, Math.floor(changes.length / 2))
}

/** To find out whether the node above takes anything. */
function nothing({ cursor, walk }: Standing): Parcel {
  return { changes: [], cursor, walk }
}

async function nextParcel(
  { db, clock }: UpwardSyncOptions,
  memory: Memory,
  { cursor, walk }: Standing,
): Promise<Parcel | undefined> {
  const { limit } = memory
  if (walk !== null) return db.transaction((tx) => nextOfWalk(tx, { cursor, walk }, limit), READ_WITHIN)
  const page = await db.transaction((tx) => nextOfFeed(tx, cursor, limit), READ_WITHIN)
  const nowMs = clock.monotonicMs()
  if (page !== undefined || nowMs < memory.choresAtMs) return page
  memory.choresAtMs = nowMs + CHORES_MS
  const changes = await dueRefusals(db, Math.min(limit, MAX_RETRIED))
  if (changes.length > 0) return { changes, cursor, walk, isAgain: true }
  // What has failed is known to be over once something is taken, be it nothing.
  return memory.isFailing || nowMs >= memory.beatAtMs ? { changes, cursor, walk } : undefined
}

function ignore(): void {
  // The database is away, which whoever needs it next is told.
}
