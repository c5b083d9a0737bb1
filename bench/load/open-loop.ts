/**
 * Open loop: requests are due at fixed times, whether or not earlier ones have been answered, and a latency counts from
 * the time its request was *due*. A server that stalls for 200 ms therefore shows all the requests that had to wait,
 * not only the ones it held ("coordinated omission").
 *
 * In flight is bounded by the connections. A request that is due while none is free waits here, and the wait counts.
 * Lateness that was the generator's own fault, with a connection free, is kept apart as `generatorLag`.
 */
import { behindOthers } from '../stage/pinning.js'
import type { Histogram } from './histogram.js'
import { openHttpSockets } from './http-socket.js'
import { answerCount, cpuSecondsSince, type Load, portOf } from './load.js'
import { keepPace, type Pace } from './pace.js'
import { type Schedule, scheduleOf } from './schedule.js'

export interface OpenLoad extends Load {
  /** Requests due per second. */
  readonly ratePerSecond: number
  /** Also told apart by this: what kind of request it was. */
  kindOf?(request: Buffer): string
}

export interface OpenLoopResult {
  readonly offeredPerSecond: number
  readonly answeredPerSecond: number
  /** Microseconds from the time due to the last octet of the answer. Those never answered count with their wait so far. */
  readonly latency: Histogram
  /** The same by kind, of those that were sent; empty without `kindOf`. */
  readonly latencyByKind: ReadonlyMap<string, Histogram>
  /** Microseconds that a send was late although a connection was free. */
  readonly generatorLag: Histogram
  readonly generatorBusyShare: number
  readonly unanswered: number
  readonly unexpected: ReadonlyMap<number, number>
}

/** @throws Error when a connection is lost */
export function runOpenLoop(load: OpenLoad): Promise<OpenLoopResult> {
  return behindOthers(() => runLoop(load))
}

async function runLoop(load: OpenLoad): Promise<OpenLoopResult> {
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
    port: portOf(load, index),
    onAnswer: (status, octets) => {
      pace?.wasBusy()
      const request = schedule?.answered(index)
      if (request) counted.count({ status, octets, request })
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
      latencyByKind: schedule.latencyByKind,
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
