/**
 * Open loop: requests are due at fixed times, whether or not earlier ones have been answered, and a latency counts from
 * the time its request was *due*. A server that stalls for 200 ms therefore shows all the requests that had to wait,
 * not only the ones it held ("coordinated omission").
 *
 * In flight is bounded by the connections. A request that is due while none is free waits here, and the wait counts.
 * Lateness that was the generator's own fault, with a connection free, is kept apart as `generatorLag`.
 */
import { type Histogram, histogram } from './histogram.js'
import { type HttpSocket, openHttpSockets } from './http-socket.js'
import { answerCount, cpuSecondsSince, type Load } from './load.js'
import { keepPace, type Pace } from './pace.js'

export interface OpenLoad extends Load {
  /** Requests due per second. */
  readonly ratePerSecond: number
}

export interface OpenLoopResult {
  readonly offeredPerSecond: number
  readonly answeredPerSecond: number
  /** Microseconds from the time due to the last octet of the answer. Those never answered count with their wait so far. */
  readonly latency: Histogram
  /** Microseconds that a send was late although a connection was free. */
  readonly generatorLag: Histogram
  readonly generatorBusyShare: number
  readonly unanswered: number
  readonly unexpected: ReadonlyMap<number, number>
}

/** Time for late answers after the last request was due. */
const DRAIN_MS = 3_000
/** @throws Error when a connection is lost */
export async function runOpenLoop(load: OpenLoad): Promise<OpenLoopResult> {
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // A loss while the other connections are still being made has no listener yet.
  failed.catch(() => undefined)
  const counted = answerCount(load.expectStatus)
  let schedule: Schedule | undefined
  let pace: Pace | undefined
  const sockets = await openHttpSockets(load.connections, (index) => ({
    port: load.port,
    onAnswer: (status, octets) => {
      counted.count(status, octets)
      pace?.wasBusy()
      schedule?.answered(index)
    },
    onLost: (error) => fail(error),
  }))
  try {
    const cpuBefore = process.cpuUsage()
    schedule = scheduleOf(load, sockets)
    pace = keepPace(turnOf(schedule, () => pace?.wasBusy()))
    await Promise.race([schedule.done, failed])
    const seconds = schedule.elapsedMs / 1000
    return {
      offeredPerSecond: load.ratePerSecond,
      answeredPerSecond: schedule.answers / seconds,
      latency: schedule.latency,
      generatorLag: schedule.generatorLag,
      generatorBusyShare: Math.max(0, cpuSecondsSince(cpuBefore) - pace.idleSpinMs / 1000) / seconds,
      unanswered: schedule.unanswered,
      unexpected: counted.unexpected,
    }
  } finally {
    pace?.stop()
    for (const socket of sockets) socket.close()
  }
}

function turnOf(schedule: Schedule, wasBusy: () => void): (nowMs: number) => number {
  return (nowMs) => {
    if (schedule.sendDue(nowMs)) wasBusy()
    schedule.endWhenDrained(nowMs)
    return schedule.untilNextMs(nowMs)
  }
}

/** The requests of one run: which are sent, which wait, which are answered, and how late each was. */
interface Schedule {
  readonly latency: Histogram
  readonly generatorLag: Histogram
  readonly done: Promise<void>
  readonly answers: number
  /** Requests that had no answer when the run ended. */
  readonly unanswered: number
  /** Milliseconds from the first due time to the last answer, or to the end of the draining. */
  readonly elapsedMs: number
  sendDue(nowMs: number): boolean
  answered(index: number): void
  /** Milliseconds until the next request is due. */
  untilNextMs(nowMs: number): number
  endWhenDrained(nowMs: number): void
}

function scheduleOf(load: OpenLoad, sockets: readonly HttpSocket[]): Schedule {
  const latency = histogram()
  const generatorLag = histogram()
  const gapMs = 1000 / load.ratePerSecond
  const total = Math.max(1, Math.floor(load.durationMs / gapMs))
  const free = sockets.map((_, index) => index)
  const dueMsOf = new Float64Array(sockets.length)
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

  const sendDue = (nowMs: number) => {
    const before = sent
    while (sent < total && free.length > 0 && dueMs(sent) <= nowMs) {
      const index = free.pop()!
      const due = dueMs(sent)
      dueMsOf[index] = due
      if (due >= freeSinceMs) generatorLag.record((nowMs - due) * 1000)
      sockets[index]!.send(load.nextRequest())
      sent += 1
    }
    return sent > before
  }

  const end = (nowMs: number) => {
    endMs = nowMs
    const idle = new Set(free)
    dueMsOf.forEach((due, index) => {
      if (!idle.has(index)) latency.record((nowMs - due) * 1000)
    })
    for (let request = sent; request < total; request += 1) latency.record((nowMs - dueMs(request)) * 1000)
    finish()
  }

  return {
    latency,
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
      if (endMs !== undefined) return
      const nowMs = performance.now()
      latency.record((nowMs - dueMsOf[index]!) * 1000)
      answers += 1
      if (free.length === 0) freeSinceMs = nowMs
      free.push(index)
      if (answers === total) end(nowMs)
      else sendDue(nowMs)
    },
    untilNextMs: (nowMs) => (sent < total ? dueMs(sent) - nowMs : DRAIN_MS / 100),
    endWhenDrained: (nowMs) => {
      if (endMs === undefined && nowMs > startMs + load.durationMs + DRAIN_MS) end(nowMs)
    },
  }
}
