/** The way between a replica and Postgres: delays, outages, hangs, connections that break with a reply under way. */
import { NodeError } from '../../src/platform/errors.js'
import type { Random } from './random.js'
import type { Settings } from './settings.js'
import type { Owner, VirtualTime } from './virtual-time.js'

export interface Link {
  /** One statement: `execute` runs at the server at one moment, its snapshot. */
  ask<Result>(execute: () => Result): Promise<Result>
  /** Something that takes time at the server, such as a transaction. */
  order<Result>(start: (done: (result: Result) => void) => void): Promise<Result>
  /** Called when connections break. */
  onBreak(listener: (error: Error) => void): void
  breakAll(): void
  goDown(forMs: number): void
  hang(forMs: number): void
  recover(): void
}

/** The client's own limit on a statement, as in platform/postgres.ts; transactions are given more here. */
const STATEMENT_LIMIT_MS = 700
const ORDER_LIMIT_MS = 10_000

export interface LinkParts {
  readonly time: VirtualTime
  readonly random: Random
  readonly settings: () => Settings
}

export function link({ time, random, settings }: LinkParts): Link {
  let breaks = 0
  let downUntilMs = 0
  let hungUntilMs = 0
  let listeners: ((error: Error) => void)[] = []

  function delayMs(): number {
    return random.chance(settings().slowShare) ? random.between(1, 2_000) : random.between(0.1, 3)
  }

  function roundTrip<Result>(start: (done: (result: Result) => void) => void, limitMs: number): Promise<Result> {
    const owner = time.owner()
    const sentIn = breaks
    return new Promise((resolve, reject) => {
      const fail = (reason: string) => reject(new NodeError('authority-unavailable', reason))
      time.after(limitMs, () => fail(`no answer in ${limitMs} ms`), owner)
      // The client learns at once that its connection broke; what it was sent before may still be read.
      const reply = (result: Result) => {
        time.after(delayMs(), () => (breaks === sentIn || random.chance(0.5) ? resolve(result) : fail('broken')), owner)
      }
      const arrive = () => {
        if (hungUntilMs > time.nowMs()) return time.after(hungUntilMs - time.nowMs(), arrive)
        if (breaks !== sentIn || downUntilMs > time.nowMs()) return time.after(1, () => fail('down'), owner)
        start(reply)
      }
      time.after(delayMs(), arrive)
    })
  }

  return {
    ask: (execute) => roundTrip((done) => done(execute()), STATEMENT_LIMIT_MS),
    order: (start) => roundTrip(start, ORDER_LIMIT_MS),
    onBreak(listener) {
      const owner: Owner | undefined = time.owner()
      listeners.push((error) => time.after(1, () => listener(error), owner))
    },
    breakAll() {
      breaks += 1
      const told = listeners
      listeners = []
      for (const listener of told) listener(new Error('connection lost'))
    },
    goDown(forMs) {
      downUntilMs = Math.max(downUntilMs, time.nowMs() + forMs)
    },
    hang(forMs) {
      hungUntilMs = Math.max(hungUntilMs, time.nowMs() + forMs)
    },
    recover() {
      downUntilMs = 0
      hungUntilMs = 0
    },
  }
}
