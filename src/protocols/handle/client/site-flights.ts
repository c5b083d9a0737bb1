/**
 * Sites of one prefix are asked for once for all who want them at the same time. What one flight finds, or that it fails, is
 * for those who have joined it; whoever comes later asks anew. Each waits for as long as he has time himself, and a flight that
 * failed for its leader's want of time is flown again by one of those who have more.
 */
import { foldAscii } from '../../../identifier/characters.js'
import { HandleFault } from './faults.js'
import type { Route } from './known-sites.js'
import { isOver } from './time-left.js'

interface Flight {
  readonly landing: Promise<Route>
  /** Its leader's. */
  readonly deadlineMs: number
}

export interface Joining {
  readonly name: string
  /** Monotonic. */
  readonly deadlineMs: number
  /** Asked by whoever finds no flight under way. */
  readonly find: () => Promise<Route>
}

export class SiteFlights {
  private readonly flights = new Map<string, Flight>()
  private readonly maxWaiting: number
  private waiting = 0

  constructor(maxWaiting: number) {
    this.maxWaiting = maxWaiting
  }

  isUnderWay(name: string): boolean {
    return this.flights.has(foldAscii(name))
  }

  /** @throws HandleFault */
  async join(joining: Joining): Promise<Route> {
    for (;;) {
      const flight = this.flights.get(foldAscii(joining.name))
      if (flight === undefined) return this.lead(joining)
      try {
        return await this.wait(flight, joining.deadlineMs)
      } catch (error) {
        if (!isLeadersOwn(error, flight) || isOver(joining.deadlineMs)) throw error
      }
    }
  }

  private async lead({ name, deadlineMs, find }: Joining): Promise<Route> {
    const key = foldAscii(name)
    const landing = find().finally(() => this.flights.delete(key))
    this.flights.set(key, { landing, deadlineMs })
    return landing
  }

  private async wait({ landing }: Flight, deadlineMs: number): Promise<Route> {
    if (this.waiting >= this.maxWaiting)
      throw new HandleFault('overloaded', `More than ${this.maxWaiting} look-ups wait for prefixes: try again later.`)
    this.waiting += 1
    try {
      return await inTime(landing, deadlineMs)
    } finally {
      this.waiting -= 1
    }
  }
}

/** Its time was over, or it was not allowed to ask more; whom it asked may be well. */
function isLeadersOwn(error: unknown, { deadlineMs }: Flight): boolean {
  if (!(error instanceof HandleFault)) return true
  return error.reason === 'timed-out' && isOver(deadlineMs)
}

/** @throws HandleFault `timed-out` when it takes longer; it goes on then without anybody waiting */
export async function inTime<Value>(work: Promise<Value>, deadlineMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const fault = () => reject(new HandleFault('timed-out', 'The time for the request is over.'))
    timer = setTimeout(fault, Math.max(Math.ceil(deadlineMs - performance.now()), 1))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
