/**
 * What every answer must obey, judged by the ledger of what really happened.
 *
 *   bounded      an answer without a mark, to a look-up that began more than T after a write was acknowledged, shows that write
 *                or a later one; it never shows a write that a failover undid more than T before. Absent counts as version 0.
 *   own          a look-up at the replica that wrote, begun after the acknowledgement, shows the write
 *   token        so does one anywhere that carries the write's token; one with a minimum version shows at least that
 *   asked        an authoritative look-up shows all that was committed before it began
 *   true         an answer shows a write that was made to that identifier, whole, and already committed
 *   marked       a marked answer was current at the moment its mark names
 *   routed       an identifier below a suspended prefix is not answered, one below an active prefix is, each within T
 *
 * Not promised, so not judged: versions that only grow from one plain look-up to the next (`minVersion` is for that; the
 * runs count how often it happens); own writes and tokens within T of a failover that lost commits, whose ids begin anew.
 */
import { NodeError } from '../../src/platform/errors.js'
import type { Answer } from '../../src/record/answer.js'
import type { Query } from '../../src/resolution/resolve.js'
import type { Ledger, Write } from './ledger.js'
import type { Replica } from './replica.js'
import { shownWriteId } from './rows.js'
import { BOUND_MS } from './settings.js'

export interface Look {
  readonly query: Query
  readonly replica: Replica
  readonly startedAtMs: number
  readonly endedAtMs: number
}

export class Violation extends Error {
  readonly property: string

  constructor(property: string, message: string) {
    super(`${property}: ${message}`)
    this.name = 'Violation'
    this.property = property
  }
}

/** @throws Violation */
export function checkAnswer(ledger: Ledger, look: Look, answer: Answer): void {
  const { key } = look.query.identifier
  if (answer.key !== key) throw new Violation('true', `asked for ${key}, got ${answer.key}`)
  const shown = checkTrue(ledger, look, answer)
  const history = ledger.versionsOf(`i:${key}`)
  const require = (property: string, floor: Write | undefined) => {
    if (floor === undefined || answer.version >= floor.version) return
    throw new Violation(
      property,
      `version ${answer.version} of ${key} (${answer.tier}${answer.stale ? ', marked' : ''}) ` +
        `${(look.startedAtMs - floor.acknowledgedAtMs).toFixed(0)} ms after version ${floor.version} was acknowledged`,
    )
  }
  const isDemandKept = look.startedAtMs > ledger.lastLossAtMs() + BOUND_MS
  if (isDemandKept) {
    require('own', newestThat(
      history,
      (write) => write.replica === look.replica.number && isAcknowledged(write, look.startedAtMs),
    ))
    require('token', newestThat(history, ({ xid }) => xid === look.query.token))
    if (answer.version < (look.query.minVersion ?? 0)) {
      throw new Violation('token', `version ${answer.version} of ${key} where ${look.query.minVersion} was the least`)
    }
  }
  if (answer.stale !== undefined) return checkMarked(look, answer, { history, shown, require })
  if (shown !== undefined && shown.lostAtMs < look.startedAtMs - BOUND_MS) {
    throw new Violation(
      'bounded',
      `${key} shows a version that a failover undid ${look.startedAtMs - shown.lostAtMs} ms before`,
    )
  }
  if (shown === undefined || shown.lostAtMs === Number.POSITIVE_INFINITY) {
    require('bounded', newestThat(history, (write) => isAcknowledged(write, look.startedAtMs - BOUND_MS)))
    if (look.query.authoritative)
      require('asked', newestThat(history, (write) => write.committedAtMs < look.startedAtMs))
  }
  checkRouted(ledger, look, 'active')
}

/** An error says nothing of the identifier, unless it says that the prefix is not served. @throws Violation */
export function checkError(ledger: Ledger, look: Look, error: unknown): void {
  if (!(error instanceof NodeError)) throw error
  if (error.code === 'prefix-not-served') checkRouted(ledger, look, 'suspended')
  else if (error.code !== 'authority-unavailable' && error.code !== 'overloaded') throw error
}

/** The write that the answer shows; undefined for "absent". */
function checkTrue(ledger: Ledger, look: Look, answer: Answer): Write | undefined {
  if (answer.kind === 'absent' && answer.version === 0) return undefined
  const shown = ledger.find(shownWriteId(answer) ?? '')
  const isTrue =
    shown !== undefined &&
    shown.key === `i:${answer.key}` &&
    shown.version === answer.version &&
    shown.kind === answer.kind &&
    shown.committedAtMs <= look.endedAtMs
  if (!isTrue)
    throw new Violation('true', `${JSON.stringify(answer)} shows no write that was made: ${JSON.stringify(shown)}`)
  return shown
}

interface Marked {
  readonly history: readonly Write[]
  readonly shown: Write | undefined
  require(property: string, floor: Write | undefined): void
}

function checkMarked(look: Look, answer: Answer, { history, shown, require }: Marked): void {
  const asOfMs = look.replica.instantOf(answer.stale!.asOfMs)
  if (asOfMs === undefined || (shown !== undefined && shown.lostAtMs < Number.POSITIVE_INFINITY)) return
  if (asOfMs > look.endedAtMs) throw new Violation('marked', `current as of ${asOfMs}, which is yet to come`)
  require('marked', newestThat(history, ({ committedAtMs }) => committedAtMs < asOfMs - 1))
}

/** The state of the responsible prefix must have been this at some moment from T before the look-up began. */
function checkRouted(ledger: Ledger, look: Look, state: 'active' | 'suspended'): void {
  const sinceMs = look.startedAtMs - BOUND_MS
  if (ledger.lastLossAtMs() >= sinceMs) return
  const prefix = responsiblePrefix(ledger, look)
  const history = prefix === undefined ? [] : ledger.versionsOf(prefix)
  const settled = newestThat(history, (write) => isAcknowledged(write, sinceMs))
  if (settled === undefined) return
  const later = history.filter((write) => write.version >= settled.version && write.committedAtMs <= look.endedAtMs)
  if (later.some(({ kind }) => kind === state)) return
  throw new Violation(
    'routed',
    `${look.query.identifier.key} was treated as if ${prefix} were ${state}, ` +
      `${(look.startedAtMs - settled.acknowledgedAtMs).toFixed(0)} ms after the contrary was acknowledged`,
  )
}

/** All prefixes of the simulation are allotted before it begins, so the longest that fits is responsible throughout. */
function responsiblePrefix(ledger: Ledger, look: Look): string | undefined {
  const { prefix } = look.query.identifier
  return ledger
    .keys('p:')
    .filter((key) => prefix === key.slice(2) || prefix.startsWith(`${key.slice(2)}.`))
    .sort((one, other) => other.length - one.length)[0]
}

function isAcknowledged(write: Write, byMs: number): boolean {
  return write.acknowledgedAtMs < byMs
}

function newestThat(history: readonly Write[], fits: (write: Write) => boolean): Write | undefined {
  return history.findLast(fits)
}
