/**
 * What a supervisor and its worker processes tell each other over their channel. What an assignment, a snapshot or a report
 * is, is their owners' business.
 */

/** How many workers serve, of how many there should be. */
export interface WorkerCount {
  readonly up: number
  readonly wanted: number
}

export type ToWorker =
  | { readonly kind: 'assignment'; readonly slot: number; readonly assignment: unknown }
  /** Comes with the connection itself. */
  | { readonly kind: 'connection'; readonly id: number }
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
  /** Connections have ended. */
  | { readonly kind: 'open'; readonly open: number }
  | { readonly kind: 'pong' }
  /** Its last snapshot: it has served its last request. */
  | { readonly kind: 'last'; readonly snapshot: unknown }
  | Question
  | Reply

/** The supervisor asks a worker for its snapshot, a worker asks for the supervisor's report on all. */
export interface Question {
  readonly kind: 'question'
  readonly id: number
}

export interface Reply {
  readonly kind: 'reply'
  readonly id: number
  readonly value: unknown
}

export interface Questions {
  /** undefined: no reply in time. */
  ask(withinMs: number): Promise<unknown>
  replied(reply: Reply): void
}

export function questions(send: (question: Question) => void): Questions {
  const waiting = new Map<number, (value: unknown) => void>()
  let lastId = 0
  return {
    ask(withinMs) {
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
        send({ kind: 'question', id })
      })
    },
    replied: ({ id, value }) => waiting.get(id)?.(value),
  }
}
