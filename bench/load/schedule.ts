/** The requests of an open loop: which are sent, which wait, which are answered, and how late each was. */
import { type Histogram, histogram } from './histogram.js'
import type { HttpSocket } from './http-socket.js'
import type { OpenLoad } from './open-loop.js'

/** Time for late answers after the last request was due. */
const DRAIN_MS = 3_000

export interface Schedule {
  readonly latency: Histogram
  readonly latencyByKind: ReadonlyMap<string, Histogram>
  readonly generatorLag: Histogram
  readonly done: Promise<void>
  readonly answers: number
  /** Requests that had no answer when the run ended. */
  readonly unanswered: number
  /** Milliseconds from the first due time to the last answer, or to the end of the draining. */
  readonly elapsedMs: number
  sendDue(nowMs: number): boolean
  /** The request that was; undefined when the run is over. */
  answered(index: number): Buffer | undefined
  /** Milliseconds until the next request is due. */
  untilNextMs(nowMs: number): number
  endWhenDrained(nowMs: number): void
}

export function scheduleOf(load: OpenLoad, sockets: readonly HttpSocket[]): Schedule {
  const latency = histogram()
  const latencyByKind = new Map<string, Histogram>()
  const generatorLag = histogram()
  const gapMs = 1000 / load.ratePerSecond
  const total = Math.max(1, Math.floor(load.durationMs / gapMs))
  const free = sockets.map((_, index) => index)
  const dueMsOf = new Float64Array(sockets.length)
  const carried: Buffer[] = []
  const startMs = performance.now() + 1
  let sent = 0
  let answers = 0
  let freeSinceMs = startMs
  let endMs: number | undefined
  let finish: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })
  const dueMs = (request: number) => startMs + request * gapMs

  const record = (index: number, nowMs: number) => {
    const microseconds = (nowMs - dueMsOf[index]!) * 1000
    latency.record(microseconds)
    if (load.kindOf) histogramOf(latencyByKind, load.kindOf(carried[index]!)).record(microseconds)
  }

  const sendDue = (nowMs: number) => {
    const before = sent
    while (sent < total && free.length > 0 && dueMs(sent) <= nowMs) {
      const index = free.pop()!
      const due = dueMs(sent)
      dueMsOf[index] = due
      if (due >= freeSinceMs) generatorLag.record((nowMs - due) * 1000)
      carried[index] = load.nextRequest()
      sockets[index]!.send(carried[index])
      sent += 1
    }
    return sent > before
  }

  const end = (nowMs: number) => {
    endMs = nowMs
    const idle = new Set(free)
    for (const index of sockets.keys()) if (!idle.has(index)) record(index, nowMs)
    for (let request = sent; request < total; request += 1) latency.record((nowMs - dueMs(request)) * 1000)
    finish()
  }

  return {
    latency,
    latencyByKind,
    generatorLag,
    done,
    get answers() {
      return answers
    },
    get unanswered() {
      return total - answers
    },
    get elapsedMs() {
      return (endMs ?? startMs) - startMs
    },
    sendDue,
    answered: (index) => {
      if (endMs !== undefined) return undefined
      const nowMs = performance.now()
      const request = carried[index]!
      record(index, nowMs)
      answers += 1
      if (free.length === 0) freeSinceMs = nowMs
      free.push(index)
      if (answers === total) end(nowMs)
      else sendDue(nowMs)
      return request
    },
    untilNextMs: (nowMs) => (sent < total ? dueMs(sent) - nowMs : DRAIN_MS / 100),
    endWhenDrained: (nowMs) => {
      if (endMs === undefined && nowMs > startMs + load.durationMs + DRAIN_MS) end(nowMs)
    },
  }
}

function histogramOf(byKind: Map<string, Histogram>, kind: string): Histogram {
  const known = byKind.get(kind) ?? histogram()
  byKind.set(kind, known)
  return known
}
