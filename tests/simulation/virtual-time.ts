/**
 * Time that passes only when nothing is left to do: events in order of their virtual time, and all microtasks that an
 * event causes before the next event. While a run lasts, the global timers are these, so the real follower's pauses and
 * time-outs and the real registry's batches run in virtual time too.
 *
 * What an event causes belongs to the process the event belonged to. A process may be frozen (SIGSTOP): what falls due
 * meanwhile comes when it goes on, in any order, for what waits in many sockets and among the timers is not sorted by age.
 * A process whose whole machine is suspended finds its timers as far off as before.
 */
import type { Random } from './random.js'

/** Whoever runs on the simulated machine; servers have none, they have faults of their own. */
export interface Owner {
  frozenUntilMs: number
}

interface Event {
  atMs: number
  order: number
  readonly owner: Owner | undefined
  readonly isTimer: boolean
  cancelled: boolean
  run(): void
}

export interface VirtualTime {
  nowMs(): number
  /** The process whose event is running. */
  owner(): Owner | undefined
  after(delayMs: number, run: () => void, owner?: Owner): void
  freeze(owner: Owner, forMs: number): void
  suspend(owner: Owner, forMs: number): void
  /** Runs events until the time given; the global timers are virtual meanwhile. */
  runUntil(endMs: number): Promise<void>
}

export function virtualTime(random: Pick<Random, 'between'>): VirtualTime {
  const queue = eventQueue()
  let nowMs = 0
  let order = 0
  let current: Owner | undefined

  function add(delayMs: number, run: () => void, more: { owner: Owner | undefined; isTimer: boolean }): Event {
    const event: Event = { atMs: nowMs + Math.max(0, delayMs), order: order++, cancelled: false, run, ...more }
    queue.push(event)
    return event
  }

  function takeDue(endMs: number): Event | undefined {
    for (;;) {
      const event = queue.peek()
      if (event === undefined || event.atMs > endMs) return undefined
      queue.pop()
      if (event.cancelled) continue
      if (event.owner !== undefined && event.owner.frozenUntilMs > event.atMs) {
        event.atMs = event.owner.frozenUntilMs
        event.order = random.between(0, order)
        queue.push(event)
        continue
      }
      return event
    }
  }

  function installTimers(): () => void {
    const { setTimeout, clearTimeout, setImmediate } = globalThis
    const timer = (run: () => void, delayMs = 0) => add(delayMs, run, { owner: current, isTimer: true })
    const replaced = {
      setTimeout: timer,
      setImmediate: (run: () => void) => timer(run),
      clearTimeout: (event?: Event) => {
        if (event !== undefined) event.cancelled = true
      },
    }
    Object.assign(globalThis, replaced)
    return () => Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate })
  }

  return {
    nowMs: () => nowMs,
    owner: () => current,
    after: (delayMs, run, owner) => void add(delayMs, run, { owner, isTimer: false }),
    freeze(owner, forMs) {
      owner.frozenUntilMs = Math.max(owner.frozenUntilMs, nowMs + forMs)
    },
    suspend(owner, forMs) {
      owner.frozenUntilMs = Math.max(owner.frozenUntilMs, nowMs + forMs)
      queue.postpone((event) => event.owner === owner && event.isTimer, forMs)
    },
    runUntil(endMs) {
      const restoreTimers = installTimers()
      return new Promise<void>((resolve, reject) => {
        const step = () => {
          const event = takeDue(endMs)
          if (event === undefined) {
            nowMs = endMs
            current = undefined
            resolve()
            return
          }
          nowMs = event.atMs
          current = event.owner
          try {
            event.run()
          } catch (error) {
            reject(error)
            return
          }
          // A tick that a microtask asks for comes only when no microtask is left.
          queueMicrotask(() => process.nextTick(step))
        }
        process.nextTick(step)
      }).finally(restoreTimers)
    },
  }
}

/** A binary heap by time, then by order of arrival. */
function eventQueue() {
  let heap: Event[] = []
  const isBefore = (one: Event, other: Event) =>
    one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

  function swap(one: number, other: number): void {
    const held = heap[one]!
    heap[one] = heap[other]!
    heap[other] = held
  }

  function push(event: Event): void {
    heap.push(event)
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isBefore(heap[at]!, heap[parent]!)) return
      swap(at, parent)
      at = parent
    }
  }

  function pop(): void {
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child
      }
      if (least === at) return
      swap(at, least)
      at = least
    }
  }

  return {
    push,
    pop,
    peek: () => heap[0],
    postpone(which: (event: Event) => boolean, byMs: number) {
      const events = heap
      heap = []
      for (const event of events) {
        if (which(event)) event.atMs += byMs
        push(event)
      }
    },
  }
}
