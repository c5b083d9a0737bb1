/**
 * What every answer must obey, judged by the ledger of what really happened.
 *
 *   bounded      an answer without a mark, to a look-up that began more than T after a write was acknowledged, shows that write
 *                or a later one; it never shows a write that a failover undid more than T before. Absent counts as version 0.
 *   visible      to a look-up that began after somebody who waited was told that a write shows everywhere, it does
 *   own          a look-up at the replica that wrote, begun after the acknowledgement, shows the write
 *   token        so does one anywhere that carries the write's token; one with a minimum version shows at least that
 *   asked        an authoritative look-up is answered by the database itself, without a mark, and shows all that was committed
 *                before it began
 *   true         an answer shows a write that was made to that identifier, whole, and already committed
 *   marked       a marked answer was current at the moment its mark names
 *   routed       an identifier below a suspended prefix is not answered, one below an active prefix is, each within T
 *
 * Not promised, so not judged: versions that only grow from one plain look-up to the next (`minVersion` is for that; the
 * runs count how often it happens); tokens at a replica that has yet to hear of a failover that lost commits, for their ids
 * begin anew.
 */
import { NodeError } from '../../src/platform/errors.js'
import type { Answer } from '../../src/record/answer.js'
import type { Query } from '../../src/resolution/resolve.js'
import type { Ledger, Write } from './ledger.js'
import type { Replica } from './replica.js'
import { shownWriteId } from './rows.js'
import { BOUND_MS, PREFIXES } from './settings.js'

export interface Look {
  readonly query: Query
  readonly replica: Replica
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** Whether the replica had heard of the last failover when it took the look-up on. */
  readonly knewHistory: boolean
}

export class Violation extends Error {
  readonly property: string
  /** The identifier concerned. */
  readonly about: string | undefined

  constructor(property: string, message: string, about?: string) {
    super(`${property}: ${message}`)
    this.name = 'Violation'
    this.property = property
    this.about = about
  }
}

/** @throws Violation */
export function checkAnswer(ledger: Ledger, look: Look, answer: Answer): void {
  const shown = shownWrite(ledger, look, answer)
  const judged: Judged = { ledger, look, answer, shown, history: ledger.versionsOf(`i:${look.query.identifier.key}`) }
  checkDemands(judged)
  if (look.query.authoritative === true) checkAsked(judged)
  if (answer.stale !== undefined) checkMark(judged)
  else checkBound(judged)
}

/** An error says nothing of the identifier, unless it says that the prefix is not served. @throws Violation */
export function checkError(ledger: Ledger, look: Look, error: unknown): void {
  if (!(error instanceof NodeError)) throw error
  if (error.code === 'prefix-not-served') checkRoute(ledger, look, 'suspended')
  else if (error.code === 'token-unknown') checkUnknown(ledger, look)
  else if (error.code !== 'authority-unavailable' && error.code !== 'overloaded') throw error
}

/** A failover may have lost the write; one that is there must be known. */
function checkUnknown(ledger: Ledger, look: Look): void {
  const { query, knewHistory, startedAtMs } = look
  if (!knewHistory || ledger.lastLossAtMs() >= startedAtMs) return
  const { key } = query.identifier
  const write = ledger.versionsOf(`i:${key}`).find(({ xid }) => xid === query.token)
  if (write !== undefined) throw new Violation('token', `${query.token} was said to be of no known write`, key)
}

interface Judged {
  readonly ledger: Ledger
  readonly look: Look
  readonly answer: Answer
  /** The write that the answer shows; undefined for "absent". */
  readonly shown: Write | undefined
  readonly history: readonly Write[]
}

function shownWrite(ledger: Ledger, look: Look, answer: Answer): Write | undefined {
  const { key } = look.query.identifier
  if (answer.key === key && answer.kind === 'absent' && answer.version === 0) return undefined
  const shown = ledger.find(shownWriteId(answer) ?? '')
  const isTrue =
    answer.key === key &&
    shown?.key === `i:${key}` &&
    shown.version === answer.version &&
    shown.kind === answer.kind &&
    shown.committedAtMs <= look.endedAtMs
  if (isTrue) return shown
  throw new Violation('true', `${JSON.stringify(answer)} shows no write that was made: ${JSON.stringify(shown)}`, key)
}

/** Own writes, tokens, minimum versions. */
function checkDemands(judged: Judged): void {
  const { look, history } = judged
  const { query, replica, startedAtMs } = look
  const isOwn = (write: Write) => write.replica === replica.number && write.acknowledgedAtMs < startedAtMs
  requireAtLeast(judged, 'own', history.findLast(isOwn))
  if (look.knewHistory)
    requireAtLeast(
      judged,
      'token',
      history.findLast(({ xid }) => xid === query.token),
    )
  // A failover may have undone the version that was asked for, and it may have been made again since.
  const isMinimum = ({ version, committedAtMs }: Write) => version === query.minVersion && committedAtMs < startedAtMs
  requireAtLeast(judged, 'token', history.find(isMinimum))
}

function checkMark(judged: Judged): void {
  const { look, answer, history, shown } = judged
  const asOfMs = markedAsOf(look, answer)
  if (asOfMs === undefined || (shown !== undefined && isLost(shown))) return
  if (asOfMs > look.endedAtMs) throw new Violation('marked', `current as of ${asOfMs}, yet to come`, answer.key)
  // Milliseconds of dates are whole.
  requireAtLeast(
    judged,
    'marked',
    history.findLast(({ committedAtMs }) => committedAtMs < asOfMs - 1),
  )
}

function checkBound(judged: Judged): void {
  const { ledger, look, answer, history, shown } = judged
  const { startedAtMs } = look
  checkRoute(ledger, look, 'active')
  if (shown !== undefined && isLost(shown)) {
    const sinceMs = startedAtMs - shown.lostAtMs
    if (sinceMs <= BOUND_MS) return
    throw new Violation('bounded', `shows a version that a failover undid ${sinceMs.toFixed(0)} ms before`, answer.key)
  }
  requireAtLeast(
    judged,
    'bounded',
    history.findLast((write) => write.acknowledgedAtMs < startedAtMs - BOUND_MS),
  )
  requireAtLeast(
    judged,
    'visible',
    history.findLast((write) => write.visibleAtMs < startedAtMs),
  )
}

function checkAsked(judged: Judged): void {
  const { look, answer, history } = judged
  if (answer.tier !== 'registry' || answer.stale !== undefined) {
    const message = `an authoritative look-up of ${answer.key} was answered from ${answer.tier}${answer.stale ? ', marked' : ''}`
    throw new Violation('asked', message, answer.key)
  }
  requireAtLeast(
    judged,
    'asked',
    history.findLast(({ committedAtMs }) => committedAtMs < look.startedAtMs),
  )
}

function requireAtLeast({ look, answer }: Judged, property: string, floor: Write | undefined): void {
  if (floor === undefined || answer.version >= floor.version) return
  const { key } = look.query.identifier
  const sinceMs = look.startedAtMs - floor.acknowledgedAtMs
  throw new Violation(
    property,
    `version ${answer.version} of ${key} (${answer.tier}${answer.stale ? ', marked' : ''}), asked for ` +
      `${sinceMs.toFixed(0)} ms after version ${floor.version} was acknowledged`,
    key,
  )
}

/** The state of the responsible prefix must have been this at some moment from T before the look-up began, or since it showed everywhere. */
function checkRoute(ledger: Ledger, look: Look, state: 'active' | 'suspended'): void {
  const sinceMs = look.startedAtMs - BOUND_MS
  if (ledger.lastLossAtMs() >= sinceMs) return
  const { key, prefix } = look.query.identifier
  const history = ledger.versionsOf(`p:${responsiblePrefix(prefix)}`)
  const isSettled = (write: Write) => write.acknowledgedAtMs < sinceMs || write.visibleAtMs < look.startedAtMs
  const settled = history.findLast(isSettled)
  if (settled === undefined) return
  const possible = history.filter((write) => write.version >= settled.version && write.committedAtMs <= look.endedAtMs)
  if (possible.some(({ kind }) => kind === state)) return
  const agoMs = look.startedAtMs - settled.acknowledgedAtMs
  const message = `${key} was treated as if its prefix were ${state}, ${agoMs.toFixed(0)} ms after the contrary was acknowledged`
  throw new Violation('routed', message, key)
}

/** All prefixes are allotted before the run begins, so the longest that fits is responsible throughout. */
function responsiblePrefix(prefix: string): string | undefined {
  const fitting = PREFIXES.filter((one) => prefix === one || prefix.startsWith(`${one}.`))
  return fitting.toSorted((one, other) => other.length - one.length)[0]
}

/** undefined when the replica's clocks cannot tell. */
function markedAsOf(look: Look, { stale }: Answer): number | undefined {
  return stale && look.replica.instantOf(stale.asOfMs)
}

function isLost(write: Write): boolean {
  return write.lostAtMs < Number.POSITIVE_INFINITY
}
