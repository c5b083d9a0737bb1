/** The way of a look-up that comes from another node of this kind, as its header fields tell it (federation/budget.ts). */
import type { IncomingHttpHeaders } from 'node:http'
import { NodeError } from '../platform/errors.js'

/** What one look-up may cost at most: nodes one behind the other, requests to all of them together, and time. */
export const MAX_HOPS = 8
export const MAX_SENDS = 32
export const LOOKUP_MS = 2_000

export interface Passage {
  /** Names of nodes that it has passed, the first asked first. */
  readonly via: readonly string[]
  /** Further nodes it may go to, one behind the other. */
  readonly hopsLeft: number
  /** Requests to other nodes that it may still cause. */
  readonly sendsLeft: number
  /** How long the asker waits, from when it was read. */
  readonly timeLeftMs: number
  /** By which a look-up is known again that comes by the native protocol, which tells no names: when its request expires. */
  readonly expiresAtSeconds?: number | undefined
}

/** Nodes ask one another in a circle, or one behind the other without end. */
export class PassedOnTooOften extends NodeError {
  constructor(why: string) {
    super('authority-unavailable', `The look-up is given up: ${why}.`)
  }
}

const MAX_VIA = 16
const NAME = /^[\w.-]{1,64}$/
const NUMBER = /^\d{1,10}$/

/** undefined: it comes from no node. What cannot be read counts as used up: nobody gains by sending it. */
export function readPassage(headers: IncomingHttpHeaders): Passage | undefined {
  const via = headers['jiexi-via']
  if (via === undefined) return undefined
  const names = String(via)
    .split(',')
    .map((name) => name.trim())
  const isRight = names.length <= MAX_VIA && names.every((name) => NAME.test(name))
  return {
    via: isRight ? names : [],
    hopsLeft: isRight ? numberIn(headers['jiexi-hops']) : 0,
    sendsLeft: numberIn(headers['jiexi-sends']),
    timeLeftMs: numberIn(headers['jiexi-deadline-ms']),
    expiresAtSeconds: numberIn(headers['jiexi-expires']) || undefined,
  }
}

function numberIn(text: string | string[] | undefined): number {
  return typeof text === 'string' && NUMBER.test(text) ? Number(text) : 0
}
