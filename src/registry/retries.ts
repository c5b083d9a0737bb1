/** A statement or transaction that lost a race inside Postgres was rolled back whole, and is simply tried again. */
import { randomInt } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { NodeError } from '../platform/errors.js'
import { sqlStateOf } from '../platform/postgres.js'

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK = '40P01'
const MAX_TRIES = 5
const MAX_PAUSE_MS = 20

/** @throws NodeError `overloaded` when it kept losing */
export async function retryLostRaces<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      if (!lostRace(error)) throw error
      if (tries === MAX_TRIES) {
        const message = 'Too many writers are at the same identifiers. Nothing was written; try again shortly.'
        throw new NodeError('overloaded', message, { cause: error, retryAfterSeconds: 1 })
      }
      // Random, so that those who met once do not meet again.
      await setTimeout(randomInt(1, MAX_PAUSE_MS * tries))
    }
  }
}

function lostRace(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === DEADLOCK || state === SERIALIZATION_FAILURE
}
