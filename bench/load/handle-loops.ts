/**
 * Closed loops of the native Handle protocol: so many requests under way from one socket, each answer bringing the next.
 * Answers are counted and their response codes looked at; what is asked for comes from the caller.
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { cpuSecondsOf } from '../stage/process-usage.js'
import type { RequestRun } from '../workload/handle-requests.js'
import { cpuSecondsSince } from './load.js'
import type { Sample, Side } from './rounds.js'
import { type LoadedServer, perUnit } from './sides.js'

export interface HandleLoad {
  readonly name: string
  readonly server: LoadedServer
  readonly requests: RequestRun
  readonly inFlight: number
  readonly durationMs: number
}

interface Loop {
  /** Begins; called with the response code of every answer. */
  run(counted: (responseCode: number) => void): void
  stop(): void
}

const SUCCESS = 1
const ENVELOPE_OCTETS = 20
const SEQUENCE_AT = 12
const LENGTH_AT = 16
const RESPONSE_CODE_AT = 24
const READ_OCTETS = 256 * 1024
/** A datagram may be lost; without this the loop would have one fewer under way from then on. */
const REPAIR_EVERY_MS = 50

export function datagramSide(load: HandleLoad): Side {
  return { name: load.name, measure: async () => measure(load, await datagramLoop(load)) }
}

export function streamSide(load: HandleLoad): Side {
  return { name: load.name, measure: async () => measure(load, await streamLoop(load)) }
}

async function measure({ server, durationMs }: HandleLoad, loop: Loop): Promise<Sample> {
  let answers = 0
  const unexpected: Record<string, number> = {}
  const cpuBefore = cpuSecondsOf(server.pid)
  const ownBefore = process.cpuUsage()
  const startedAt = performance.now()
  loop.run((responseCode) => {
    answers += 1
    if (responseCode !== SUCCESS) unexpected[responseCode] = (unexpected[responseCode] ?? 0) + 1
  })
  await new Promise((resolve) => setTimeout(resolve, durationMs))
  const seconds = (performance.now() - startedAt) / 1000
  const sample = {
    perSecond: answers / seconds,
    cpuMicroseconds: perUnit(cpuBefore, cpuSecondsOf(server.pid), answers),
    generatorBusyShare: cpuSecondsSince(ownBefore) / seconds,
    unexpected,
  }
  loop.stop()
  return sample
}

async function datagramLoop({ server, requests, inFlight }: HandleLoad): Promise<Loop> {
  const socket = dgram.createSocket('udp4')
  socket.connect(server.port, '127.0.0.1')
  await once(socket, 'connect')
  const next = cycleOf(requests)
  let answersSinceRepair = 0
  let repair: NodeJS.Timeout | undefined
  const send = () => {
    const place = next(1)
    const start = requests.starts[place]!
    socket.send(requests.octets, start, requests.starts[place + 1]! - start)
  }
  return {
    run: (counted) => {
      socket.on('message', (answer) => {
        // Of an answer in several packets the first counts.
        if (answer.readUInt32BE(SEQUENCE_AT) !== 0) return
        answersSinceRepair += 1
        counted(answer.readUInt32BE(RESPONSE_CODE_AT))
        send()
      })
      repair = setInterval(() => {
        if (answersSinceRepair === 0) for (let sent = 0; sent < inFlight; sent += 1) send()
        answersSinceRepair = 0
      }, REPAIR_EVERY_MS)
      for (let sent = 0; sent < inFlight; sent += 1) send()
    },
    stop: () => {
      clearInterval(repair)
      socket.close()
    },
  }
}

/** As many new requests as answers came in a read, in one write. */
async function streamLoop({ server, requests, inFlight }: HandleLoad): Promise<Loop> {
  const next = cycleOf(requests)
  let take: (octets: Buffer) => void = () => undefined
  const socket = connect({
    port: server.port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(READ_OCTETS),
      callback: (length, buffer) => {
        take((buffer as Buffer).subarray(0, length))
        return true
      },
    },
  })
  await once(socket, 'connect')
  const send = (count: number) => {
    for (let left = count; left > 0; ) {
      const place = next(left)
      const sent = Math.min(left, requests.starts.length - 1 - place)
      socket.write(requests.octets.subarray(requests.starts[place], requests.starts[place + sent]))
      left -= sent
    }
  }
  return {
    run: (counted) => {
      const feed = answerReader(counted)
      take = (octets) => {
        const answers = feed(octets)
        if (answers > 0) send(answers)
      }
      send(inFlight)
    },
    stop: () => {
      take = () => undefined
      socket.destroy()
    },
  }
}

/** Gives how many messages became whole with these octets. */
function answerReader(counted: (responseCode: number) => void): (more: Buffer) => number {
  let rest: Buffer = Buffer.alloc(0)
  return (more) => {
    const octets = rest.length === 0 ? more : Buffer.concat([rest, more])
    let answers = 0
    let at = 0
    while (octets.length - at >= ENVELOPE_OCTETS) {
      const end = at + ENVELOPE_OCTETS + octets.readUInt32BE(at + LENGTH_AT)
      if (end > octets.length) break
      counted(octets.readUInt32BE(at + RESPONSE_CODE_AT))
      answers += 1
      at = end
    }
    // A copy: the octets lie in a buffer that is read into again.
    rest = at === octets.length ? Buffer.alloc(0) : Buffer.from(octets.subarray(at))
    return answers
  }
}

/** Gives the place of the next request, and passes over `count` or what is left up to the end. */
function cycleOf({ starts }: RequestRun): (count: number) => number {
  const total = starts.length - 1
  let at = 0
  return (count) => {
    const place = at
    at = Math.min(total, at + count) % total
    return place
  }
}
