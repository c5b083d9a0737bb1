/** One worker process as its supervisor sees it: forked, told what to do, given connections, asked how it is, and gone in the end. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import { messageOf, NodeError } from './errors.js'
import {
  type DoorName,
  type Parcel,
  questions,
  type Reply,
  type ToSupervisor,
  type ToWorker,
  type WorkerCount,
} from './worker-messages.js'

export interface WorkerProcess {
  /** Its place among the workers, from 1. */
  readonly slot: number
  readonly pid: number
  /** Resolves once it serves. @throws WorkerNeverReady */
  readonly ready: Promise<void>
  /** Resolves with how it ended, such as `was ended by SIGKILL`. */
  readonly exited: Promise<string>
  /** A connection nobody has read from yet. The worker's, once it says so; given back if it does not. */
  offer(connection: Socket, door: DoorName): void
  /** A socket that it reads from from now on, as others do. */
  share(socket: DatagramSocket): void
  deliver(content: unknown): void
  /** Connections that it has, or was offered; infinite when it takes no more. */
  load(): number
  /** undefined: no reply in time. */
  ask(topic: string, withinMs: number): Promise<unknown>
  tell(count: WorkerCount): void
  /** Gives how many pings in a row are without an answer, this one included. */
  ping(): number
  drain(): void
  kill(): void
}

export interface WorkerProcessOptions {
  /** The program that workers run. */
  readonly program: string
  /** Whatever a structured clone can hold. */
  readonly assignment: unknown
  readonly readyWithinMs: number
  readonly onReturned: (connection: Socket, door: DoorName) => void
  /** A worker has something for another one. */
  readonly onParcel?: (parcel: Parcel) => void
  /** Told of each reply, also of one that comes too late. */
  readonly onReply: (worker: WorkerProcess, reply: Pick<Reply, 'topic' | 'value'>) => void
  /** Told of what a worker leaves behind. */
  readonly onLast: (worker: WorkerProcess, snapshot: unknown) => void
  /** What a worker gets that asks about all of them. */
  readonly report: (topic: string) => Promise<unknown>
}

export class WorkerNeverReady extends NodeError {
  /** True when it named the reason itself: the next one will most likely meet the same. */
  readonly isReported: boolean

  constructor(reason: string, isReported: boolean) {
    super('internal', reason)
    this.isReported = isReported
  }
}

export function launchWorker(slot: number, options: WorkerProcessOptions): WorkerProcess {
  // Structured clones, because a metric may be NaN, which is nothing in JSON.
  const child = fork(options.program, { serialization: 'advanced' })
  const send = (message: ToWorker) => void child.send(message, ignoreClosed)
  const { ask, replied } = questions(send)
  const exited = endOf(child)
  const connections = handingOver(child, options.onReturned)
  void exited.then(connections.returnAll)
  let unanswered = 0

  const worker: WorkerProcess = {
    slot,
    pid: child.pid ?? 0,
    ready: untilReady(child, exited, options.readyWithinMs),
    exited,
    offer: connections.offer,
    share: (socket) => void child.send({ kind: 'datagrams' } satisfies ToWorker, socket, ignoreClosed),
    deliver: (content) => send({ kind: 'parcel', content }),
    load: connections.load,
    ask,
    tell: (count) => send({ kind: 'count', count }),
    ping() {
      unanswered += 1
      send({ kind: 'ping' })
      return unanswered
    },
    drain: () => send({ kind: 'drain' }),
    kill: () => void child.kill('SIGKILL'),
  }
  child.on('message', (message: ToSupervisor) => {
    if (message.kind === 'taken' || message.kind === 'declined') connections.settle(message)
    else if (message.kind === 'open') connections.counted(message.open)
    else if (message.kind === 'parcel') options.onParcel?.(message.parcel)
    else if (message.kind === 'pong') unanswered = 0
    else if (message.kind === 'last') {
      options.onLast(worker, message.snapshot)
      send({ kind: 'farewell' })
    } else if (message.kind === 'reply') {
      if (message.value !== undefined) options.onReply(worker, message)
      replied(message)
    } else if (message.kind === 'question') {
      const { id, topic } = message
      void options.report(topic).then((value) => send({ kind: 'reply', id, topic, value }), ignoreClosed)
    }
  })
  worker.ready.catch(ignoreClosed)
  send({ kind: 'assignment', slot, assignment: options.assignment })
  return worker
}

/** Connections on their way to a worker. Kept open here until it has them, so that none is lost with a worker that dies. */
function handingOver(child: ChildProcess, onReturned: WorkerProcessOptions['onReturned']) {
  const offered = new Map<number, { readonly connection: Socket; readonly door: DoorName }>()
  let lastId = 0
  let open = 0
  let takesMore = true
  return {
    offer(connection: Socket, door: DoorName) {
      lastId += 1
      offered.set(lastId, { connection, door })
      const message = { kind: 'connection', id: lastId, door } satisfies ToWorker
      child.send(message, connection, { keepOpen: true }, ignoreClosed)
    },
    settle(message: Extract<ToSupervisor, { kind: 'taken' | 'declined' }>) {
      const of = offered.get(message.id)
      offered.delete(message.id)
      if (message.kind === 'taken') {
        open = message.open
        // This process's share of it: the worker has its own.
        of?.connection.destroy()
      } else {
        takesMore = false
        if (of) onReturned(of.connection, of.door)
      }
    },
    counted(count: number) {
      open = count
    },
    load: () => (takesMore && child.connected ? open + offered.size : Number.POSITIVE_INFINITY),
    returnAll() {
      for (const { connection, door } of offered.values()) onReturned(connection, door)
      offered.clear()
    },
  }
}

function untilReady(child: ChildProcess, exited: Promise<string>, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, isReported = false) => reject(new WorkerNeverReady(reason, isReported))
    const late = setTimeout(fail, withinMs, `it was not ready within ${withinMs / 1000} s`)
    child.on('message', (message: ToSupervisor) => {
      if (message.kind === 'ready') resolve()
      if (message.kind === 'failed') fail(message.reason, true)
      if (message.kind === 'ready' || message.kind === 'failed') clearTimeout(late)
    })
    void exited.then((how) => {
      clearTimeout(late)
      fail(`it ${how} before it was ready`)
    })
  })
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    // Not `exit`: its last words are still to be read then, and what it has taken must not be given to another. Nor
    // `disconnect`, which never comes while a connection is on its way.
    child.once('close', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`))
    // Also of a channel that broke; one that could not be started has no process id.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`could not be started: ${messageOf(error)}`)
    })
  })
}

function ignoreClosed(): void {
  // Whoever is told is gone or going: `exited` says so.
}
