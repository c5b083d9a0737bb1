/**
 * What a supervisor and its worker processes tell each other over their channel. What an assignment, a topic, and a reply
 * about it are, is their owners' business.
 */

/** How many workers serve, of how many there should be. */
export interface WorkerCount {
  readonly up: number
  readonly wanted: number
}

/** The ports of a node, each with connections of its own kind. */
export type DoorName = 'http' | 'handle' | 'handle-http'

/** Something small from one worker to another: what it is, is theirs to know. */
export interface Parcel {
  readonly to: number
  readonly content: unknown
}

export type ToWorker =
  | { readonly kind: 'assignment'; readonly slot: number; readonly assignment: unknown }
  /** Comes with the connection itself. */
  | { readonly kind: 'connection'; readonly id: number; readonly door: DoorName }
  /** Comes with a socket that all workers read from. */
  | { readonly kind: 'datagrams' }
  | { readonly kind: 'parcel'; readonly content: unknown }
  | { readonly kind: 'count'; readonly count: WorkerCount }
  | { readonly kind: 'ping' }
  | { readonly kind: 'drain' }
  /** All that was sent to it has been, and it may end. */
  | { readonly kind: 'farewell' }
  | Question
  | Reply

export type ToSupervisor =
  /** It serves. */
  | { readonly kind: 'ready' }
  /** It cannot serve, and says why before it ends. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The connection of that id is the worker's now; `open`: how many it has. */
  | { readonly kind: 'taken'; readonly id: number; readonly open: number }
  /** It takes no more: the connection is the supervisor's still. */
  | { readonly kind: 'declined'; readonly id: number }
  /** For the worker of that place. */
  | { readonly kind: 'parcel'; readonly parcel: Parcel }
  /** Connections have ended. */
  | { readonly kind: 'open'; readonly open: number }
  | { readonly kind: 'pong' }
  /** Its last snapshot: it has served its last request. */
  | { readonly kind: 'last'; readonly snapshot: unknown }
  | Question
  | Reply

/** The supervisor asks a worker about itself, a worker asks the supervisor about all of them. */
export interface Question {
  readonly kind: 'question'
  readonly id: number
  readonly topic: string
}

export interface Reply {
  readonly kind: 'reply'
  readonly id: number
  readonly topic: string
  readonly value: unknown
}

export interface Questions {
  /** undefined: no reply in time. */
  ask(topic: string, withinMs: number): Promise<unknown>
  replied(reply: Reply): void
}

export function questions(send: (question: Question) => void): Questions {
  const waiting = new Map<number, (value: unknown) => void>()
  let lastId = 0
  return {
    ask(topic, withinMs) {
      lastId += 1
      const id = lastId
      return new Promise((resolve) => {
        const settle = (value: unknown) => {
          clearTimeout(timer)
          waiting.delete(id)
          resolve(value)
        }
        const timer = setTimeout(settle, withinMs, undefined)
        waiting.set(id, settle)
        send({ kind: 'question', id, topic })
      })
    },
    replied: ({ id, value }) => waiting.get(id)?.(value),
  }
}
