/** What came of asking another node whether it is there. */
import type { Clock } from '../platform/clock.js'
import { HandleFault, type HandleFaultReason } from '../protocols/handle/client/faults.js'
import { InvalidAnswer } from './foreign-answer.js'

export type Probed = Answered | NotAnswered

export interface Answered {
  readonly isUp: true
  readonly tookMs: number
}

export interface NotAnswered {
  readonly isUp: false
  readonly error: unknown
}

/** Of the server of a self-built prefix. */
export interface NodeProbe {
  readonly prefix: string
  /** When it ended, in milliseconds since the epoch. */
  readonly atMs: number
  readonly probed: Probed
}

/** That it could not be asked from here says nothing of it. */
const NOT_ITS_FAULT: ReadonlySet<HandleFaultReason> = new Set(['closed', 'overloaded', 'address-forbidden'])

/** Undefined: it was not asked. Never throws. */
export async function probing(clock: Clock, ask: () => Promise<unknown>): Promise<Probed | undefined> {
  const startedMs = clock.monotonicMs()
  try {
    await ask()
    return { isUp: true, tookMs: clock.monotonicMs() - startedMs }
  } catch (error) {
    const isAsked = !(error instanceof HandleFault && NOT_ITS_FAULT.has(error.reason))
    return isAsked ? { isUp: false, error } : undefined
  }
}

/** Of a service that is there as long as one of its servers is. Undefined: it has none that may be asked. */
export function together(probed: readonly (Probed | undefined)[]): Probed | undefined {
  const known = probed.filter((one) => one !== undefined)
  const answered = known.filter((one) => one.isUp)
  if (answered.length === 0) return known[0]
  return { isUp: true, tookMs: Math.min(...answered.map(({ tookMs }) => tookMs)) }
}

const ANSWERED_WRONGLY: ReadonlySet<HandleFaultReason> = new Set(['refused', 'invalid-answer', 'signature-invalid'])

/** It said something, and not what it should. */
export function isWrongAnswer(error: unknown): boolean {
  return error instanceof InvalidAnswer || (error instanceof HandleFault && ANSWERED_WRONGLY.has(error.reason))
}
