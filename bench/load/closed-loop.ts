/**
 * Closed loop: each connection sends its next request when the answer to the last one has arrived. Gives the server's
 * capacity at that many connections. Its latencies would hide queueing, so none are taken: see open-loop.ts.
 */
import { type HttpSocket, openHttpSockets } from './http-socket.js'
import { answerCount, cpuSecondsSince, type Load, portOf } from './load.js'

export interface ClosedLoopResult {
  readonly answersPerSecond: number
  readonly seconds: number
  readonly octetsPerAnswer: number
  readonly unexpected: ReadonlyMap<number, number>
  /** Share of one core that the generator used, 0 … 1. */
  readonly generatorBusyShare: number
}

/** Time for the answers under way when the time is over. */
const DRAIN_MS = 30_000

/** @throws Error when a connection is lost or an answer does not come */
export async function runClosedLoop(load: Load): Promise<ClosedLoopResult> {
  const counted = answerCount(load.expectStatus)
  let sockets: HttpSocket[] = []
  let sending = true
  let inFlight = 0
  let drained: () => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // A loss while the other connections are still being made has no listener yet.
  failed.catch(() => undefined)
  const carried: Buffer[] = []
  const sendNext = (index: number) => {
    carried[index] = load.nextRequest()
    sockets[index]!.send(carried[index])
  }

  try {
    sockets = await openHttpSockets(load.connections, (index) => ({
      port: portOf(load, index),
      onAnswer: (status, octets) => {
        counted.count({ status, octets, request: carried[index]! })
        if (sending) return sendNext(index)
        inFlight -= 1
        if (inFlight === 0) drained()
      },
      onLost: (error) => fail(error),
    }))
    const cpuBefore = process.cpuUsage()
    const startedAt = performance.now()
    inFlight = sockets.length
    for (const index of sockets.keys()) sendNext(index)
    await Promise.race([new Promise((resolve) => setTimeout(resolve, load.durationMs)), failed])
    // What is under way is waited for and counted: of batches that take long, little else would be.
    const allAnswered = new Promise<void>((resolve) => {
      drained = resolve
    })
    sending = false
    const late = setTimeout(
      () => fail(new Error(`${inFlight} requests had no answer after ${DRAIN_MS / 1000} s`)),
      DRAIN_MS,
    )
    await Promise.race([allAnswered, failed]).finally(() => clearTimeout(late))

    const seconds = (performance.now() - startedAt) / 1000
    return {
      answersPerSecond: counted.answers / seconds,
      seconds,
      octetsPerAnswer: counted.answers === 0 ? 0 : counted.octets / counted.answers,
      unexpected: counted.unexpected,
      generatorBusyShare: cpuSecondsSince(cpuBefore) / seconds,
    }
  } finally {
    for (const socket of sockets) socket.close()
  }
}
