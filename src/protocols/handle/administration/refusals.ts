/** Refusals in the words of the Handle protocol. */
import type { NodeError } from '../../../platform/errors.js'
import { RC } from '../codes.js'
import { isOwnFault, responseCodeOf } from '../refusals.js'
import type { Refusal } from './contract.js'

export function refused(responseCode: number, message: string, indexes?: readonly number[]): Refusal {
  return indexes === undefined ? { ok: false, responseCode, message } : { ok: false, responseCode, message, indexes }
}

/** Nothing speaks against it yet but that nobody has said who he is. */
export const AUTHENTICATE: Refusal = refused(RC.authenticationNeeded, 'Authenticate yourself: answer the challenge.')

/** What a command was refused for. @throws whatever is no NodeError, and `internal`: those are for the log */
export function refusalOf(error: unknown): Refusal {
  if (isOwnFault(error)) throw error
  const { code, message } = error as NodeError
  return refused(responseCodeOf[code], message)
}

/** The outcome of `work`, or what it was refused for. */
export async function orRefusal<Value>(work: () => Promise<Value>): Promise<Value | Refusal> {
  try {
    return await work()
  } catch (error) {
    return refusalOf(error)
  }
}
