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
import type { Logger } from '../../platform/logger.js'
import type { Database } from '../../platform/postgres.js'
import { MAX_UPWARD_CHANGES, type UpwardBatch, type UpwardOutcome } from '../../protocols/rest/upward.js'
import { formatChangeCursor } from '../../registry/changes.js'
import { findNodeSite } from '../../registry/node-site.js'
import { agree } from './agree.js'
import { dueRefusals, feedKeyOf, nextOfFeed, nextOfWalk, type Parcel } from './outbox-batches.js'
import {
  acknowledge,
  beginWalk,
  findLagHours,
  findStanding,
  goBack,
  LEASE_SECONDS,
  noteFailure,
  noteSent,
  type Refused,
  releaseLease,
  type Standing,
  takeLease,
} from './outbox-store.js'
import type { Answered, Parent } from './parent.js'

export interface UpwardSync {
  /** A change was committed here. */
  wake(): void
  start(): void
  /** What is under way is left as it is: it will be told again. */
  stop(): Promise<void>
}

export interface UpwardSyncOptions {
  readonly db: Database
  readonly clock: Clock
  readonly parent: Parent
  /** Changes older than this that were never acknowledged are given up, and everything is told anew in their place. */
  readonly keepHours: number
  readonly log: Pick<Logger, 'info' | 'warn'>
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
  /** HS_SITE values as they were told last. */
  sitesTold: string
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
  const memory: Memory = {
    isAgreed: false,
    sitesTold: '',
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
    memory.isAgreed = false
    await noteFailure(db, token, reason).catch(ignore)
    await giveUpWhatIsTooOld(options, token).catch(ignore)
    return unhurried(Math.max(retry.next(), retryAfterMs))
  }

  function succeeded(): void {
    if (memory.isFailing) log.info('The node above is told of changes again.')
    memory.isFailing = false
    retry.reset()
  }

  async function step(): Promise<PauseLengths> {
    if (!(await takeLease(db, token))) {
      memory.isAgreed = false
      return unhurried(LOOK_FOR_LEASE_MS)
    }
    const standing = await findStanding(db, token)
    if (standing === undefined) return AT_ONCE
    if (!memory.isAgreed || standing.epoch !== standing.epochNow) {
      await agreeWith(options, { token, standing })
      memory.isAgreed = true
      memory.sitesTold = ''
      return AT_ONCE
    }
    const parcel = await nextParcel(options, memory, standing)
    if (parcel === undefined) return { usual: IDLE_MS, soon: WOKEN_MS, now: 0 }
    const sites = await sitesToTell(db, memory)
    if (!(await noteSent(db, token, parcel))) return AT_ONCE
    const answered = await options.parent.tell(batchOf(standing, parcel, sites))
    return settle({ parcel, standing, sites, answered })
  }

  async function settle({ parcel, sites, answered }: Told): Promise<PauseLengths> {
    switch (answered.kind) {
      case 'taken':
        if (sites !== undefined) memory.sitesTold = sites.join()
        memory.limit = Math.min(MAX_UPWARD_CHANGES, memory.limit * 2)
        memory.beatAtMs = clock.monotonicMs() + BEAT_MS
        await acknowledge(db, token, acknowledgementOf(parcel, answered.outcome))
        succeeded()
        return AT_ONCE
      case 'gap':
        memory.isAgreed = false
        // Whoever answers so again and again is not to be asked without a pause.
        return unhurried(retry.next())
      case 'failed':
        return failed(answered.reason, answered.retryAfterMs)
      case 'refused':
        return refusedWhole({ parcel, sites, answered })
    }
  }

  /** Narrows down which change it is about. */
  async function refusedWhole({ parcel, sites, answered }: RefusedWhole): Promise<PauseLengths> {
    const { changes } = parcel
    if (sites !== undefined) {
      log.warn(`Where this node answers was not taken by the node above: ${answered.reason}`)
      memory.sitesTold = sites.join()
      return AT_ONCE
    }
    if (changes.length === 0) return failed(answered.reason)
    if (changes.length > 1) {
      memory.limit = Math.max(1, Math.floor(changes.length / 2))
      return AT_ONCE
    }
    const { code, reason } = answered
    await acknowledge(db, token, { ...parcel, taken: [], refused: [refusalOf(changes[0]!, { code, reason })] })
    return AT_ONCE
  }

  async function run(): Promise<void> {
    const renewing = setInterval(() => void takeLease(db, token).catch(ignore), (LEASE_SECONDS * 1000) / 3)
    while (!isStopped) {
      const lengths = await step().catch((error: unknown) => failed(messageOf(error)))
      if (!isStopped) await pause.wait(lengths)
    }
    clearInterval(renewing)
    await releaseLease(db, token).catch(ignore)
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

interface Told {
  readonly parcel: Parcel
  readonly standing: Standing
  readonly sites: readonly string[] | undefined
  readonly answered: Answered
}

type RefusedWhole = Pick<Told, 'parcel' | 'sites'> & { readonly answered: Extract<Answered, { kind: 'refused' }> }

const AT_ONCE: PauseLengths = { usual: 0, soon: 0, now: 0 }

function unhurried(ms: number): PauseLengths {
  return { usual: ms, soon: ms, now: 0 }
}

/** @throws NodeError when the node above cannot be asked */
async function agreeWith(
  { db, parent, log }: UpwardSyncOptions,
  { token, standing }: { readonly token: string; readonly standing: Standing },
): Promise<void> {
  const agreement = agree(standing, await parent.position())
  if (agreement.kind === 'walk') {
    log.info(`The node above is told of everything anew: ${agreement.why}.`)
    await beginWalk(db, token)
  }
  if (agreement.kind === 'go-back') {
    const { cursor, walk } = agreement.place
    log.info(`The node above is told again of what follows ${walk ?? formatChangeCursor(cursor)}, which it has lost.`)
    await goBack(db, token, agreement.place)
  }
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
  // What has failed is known to be over once something is taken, be it nothing.
  const isBeatDue = memory.isFailing || nowMs >= memory.beatAtMs
  const isDue = isBeatDue || changes.length > 0 || (await sitesToTell(db, memory)) !== undefined
  return isDue ? { changes, cursor, walk } : undefined
}

/** undefined: they were told, or there are none. */
async function sitesToTell(db: Database, { sitesTold }: Memory): Promise<readonly string[] | undefined> {
  const { sites } = await findNodeSite(db)
  const texts = sites.map((site) => Buffer.from(site).toString('base64'))
  return texts.length === 0 || texts.join() === sitesTold ? undefined : texts
}

function batchOf(standing: Standing, parcel: Parcel, sites: readonly string[] | undefined): UpwardBatch {
  const { epoch, cursor, walk } = standing
  return {
    epoch,
    after: formatChangeCursor(cursor),
    through: formatChangeCursor(parcel.cursor),
    ...(walk === null ? {} : { walk: { after: walk, through: parcel.walk } }),
    ...(sites === undefined ? {} : { sites }),
    changes: parcel.changes,
  }
}

function acknowledgementOf(parcel: Parcel, { refused }: UpwardOutcome) {
  const reasons = new Map(refused.map((refusal) => [refusal.place, refusal]))
  return {
    cursor: parcel.cursor,
    walk: parcel.walk,
    taken: parcel.changes.flatMap((change, place) => (reasons.has(place) ? [] : [feedKeyOf(change)])),
    refused: parcel.changes.flatMap((change, place) => {
      const refusal = reasons.get(place)
      return refusal === undefined ? [] : [refusalOf(change, refusal)]
    }),
  }
}

function refusalOf(
  change: Parcel['changes'][number],
  { code, reason }: { readonly code: string; readonly reason: string },
): Refused {
  return { key: feedKeyOf(change), version: change.version, code, reason: reason.replaceAll('\0', '') }
}

/** The feed must not grow without end for a node that never answers. */
async function giveUpWhatIsTooOld({ db, keepHours, log }: UpwardSyncOptions, token: string): Promise<void> {
  if ((await findLagHours(db)) <= keepHours) return
  if (await beginWalk(db, token))
    log.warn(
      `Changes of more than ${keepHours} hours wait for the node above. It will be told of everything anew instead.`,
    )
}

function ignore(): void {
  // The database is away, which whoever needs it next is told.
}
