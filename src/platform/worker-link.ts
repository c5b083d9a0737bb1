/** A worker process's side of its supervisor: what it is to do, the connections it is given, and what it tells in return. */
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import { NodeError } from './errors.js'
import { type DoorName, questions, type ToSupervisor, type ToWorker, type WorkerCount } from './worker-messages.js'

/** What a worker does with what it is given. */
export interface Takes {
  connection(connection: Socket, door: DoorName): void
  /** A bound socket that other workers read from too. */
  datagrams?(socket: DatagramSocket): void
  /** From another worker. */
  parcel?(content: unknown): void
}

export interface WorkerLink<Assignment> {
  /** Its place among the workers, from 1. */
  readonly slot: number
  readonly assignment: Assignment
  /** As last told. */
  count(): WorkerCount
  /** What the supervisor says about all workers. @throws NodeError `overloaded` when there is no answer in time */
  report(topic: string): Promise<unknown>
  /** Tells the supervisor that connections may come; until then they are given back. */
  ready(takes: Takes): void
  /** Gives something to the worker of that place, if there is one now. */
  send(to: number, content: unknown): void
  /** Resolves when the supervisor has been told. */
  failed(reason: string): Promise<void>
  onDrain(drain: () => void): void
  /** What the supervisor is given when it asks about this worker; undefined, also before this: nothing is known. */
  onQuestion(answer: (topic: string) => Promise<unknown>): void
  /** From now on connections are given back, also those that are on their way. */
  takeNoMore(): void
  /** Leaves the last snapshot behind. Resolves when nothing is on its way here any more. */
  leave(snapshot: unknown): Promise<void>
}

type Told = { readonly [Kind in ToWorker['kind']]: (message: Extract<ToWorker, { kind: Kind }>) => void }

const REPORT_WITHIN_MS = 3_000
/** Connections that end together are told together. */
const TELL_AFTER_MS = 20

/**
 * Resolves when the supervisor has said what to do. When the supervisor is gone, this process ends at once: nobody would
 * ever stop it. @throws NodeError `internal` in a process that is no worker
 */
export async function joinSupervisor<Assignment>(): Promise<WorkerLink<Assignment>> {
  if (!process.connected) throw new NodeError('internal', 'This program is run by its supervisor. Use `npm start`.')
  process.once('disconnect', () => process.exit(1))
  const { ask, replied } = questions((question) => void send(question))
  const connections = arriving()
  const drain = event<void>()
  const farewell = event<void>()
  const assigned = event<{ readonly slot: number; readonly assignment: unknown }>()
  let count: WorkerCount = { up: 0, wanted: 1 }
  let answer: (topic: string) => Promise<unknown> = async () => undefined

  const told: Told = {
    assignment: assigned.happen,
    connection: () => undefined,
    datagrams: () => undefined,
    parcel: ({ content }) => connections.takes()?.parcel?.(content),
    count: (message) => {
      count = message.count
    },
    ping: () => void send({ kind: 'pong' }),
    drain: () => drain.happen(),
    farewell: () => farewell.happen(),
    reply: replied,
    question: ({ id, topic }) => {
      const reply = (value: unknown) => send({ kind: 'reply', id, topic, value })
      void answer(topic).then(reply, () => reply(undefined))
    },
  }
  process.on('message', (message: ToWorker, handle: unknown) => {
    if (message.kind === 'connection') connections.arrived(message, handle as Socket | undefined)
    else if (message.kind === 'datagrams') connections.shared(handle as DatagramSocket | undefined)
    else (told[message.kind] as (message: ToWorker) => void)(message)
  })
  const { slot, assignment } = await assigned.happened
  return {
    slot,
    assignment: assignment as Assignment,
    count: () => count,
    async report(topic) {
      const report = await ask(topic, REPORT_WITHIN_MS)
      if (report !== undefined) return report
      throw new NodeError('overloaded', 'The supervisor of this node does not answer.', { retryAfterSeconds: 1 })
    },
    ready(takes) {
      connections.takeBy(takes)
      void send({ kind: 'ready' })
    },
    send: (to, content) => void send({ kind: 'parcel', parcel: { to, content } }),
    failed: (reason) => send({ kind: 'failed', reason }),
    onDrain: (act) => void drain.happened.then(act),
    onQuestion(by) {
      answer = by
    },
    takeNoMore: () => connections.takeBy(undefined),
    async leave(last) {
      await send({ kind: 'last', snapshot: last })
      await farewell.happened
    },
  }
}

/** Resolves when it has been handed to the channel; what becomes of it then, nobody here can know. */
function send(message: ToSupervisor): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()))
}

/** Says of each connection whether it is taken, and counts those there are. */
function arriving() {
  let taker: Takes | undefined
  let open = 0
  let isTelling = false
  const tell = () => {
    isTelling = false
    void send({ kind: 'open', open })
  }
  const ended = () => {
    open -= 1
    if (!isTelling) setTimeout(tell, TELL_AFTER_MS).unref()
    isTelling = true
  }
  return {
    takes: () => taker,
    takeBy(by: Takes | undefined) {
      taker = by
    },
    /** Whoever takes no more leaves the others to read from it. */
    shared(socket: DatagramSocket | undefined) {
      if (taker?.datagrams === undefined) socket?.close()
      else if (socket) taker.datagrams(socket)
    },
    /** A connection may be gone again before it is here. */
    arrived({ id, door }: Extract<ToWorker, { kind: 'connection' }>, connection: Socket | undefined) {
      if (taker === undefined && connection) {
        void send({ kind: 'declined', id })
        connection.destroy()
        return
      }
      if (connection) {
        open += 1
        connection.once('close', ended)
        taker?.connection(connection, door)
      }
      void send({ kind: 'taken', id, open })
    },
  }
}

function event<Value>() {
  let happen: (value: Value) => void = () => undefined
  const happened = new Promise<Value>((resolve) => {
    happen = resolve
  })
  return { happen, happened }
}
