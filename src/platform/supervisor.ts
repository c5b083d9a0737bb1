/**
 * Keeps a number of worker processes up: one that ends is replaced at once, and after a growing pause if it keeps ending
 * at its start. All can be replaced one by one, each only once its successor serves.
 *
 * While any worker serves, the supervisor goes on trying; when none does and several starts in a row have failed, it gives up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, NodeError } from './errors.js'
import type { Logger } from './logger.js'
import type { WorkerCount } from './worker-messages.js'
import { WorkerNeverReady, type WorkerProcess } from './worker-process.js'

export interface SupervisorOptions {
  readonly workers: number
  readonly launch: (slot: number) => WorkerProcess
  /** A worker that was told to drain is killed after this. */
  readonly drainWithinMs: number
  /** Default 2,000. A worker that leaves 15 pings in a row unanswered is ended. */
  readonly pingEveryMs?: number
  readonly log: Pick<Logger, 'info' | 'error'>
  /** No worker can be kept up any more. */
  readonly onGivenUp: (reason: NodeError) => void
  readonly onServing?: (worker: WorkerProcess) => void
  /** Whatever became of a worker that was launched. */
  readonly onExit?: (worker: WorkerProcess) => void
}

export interface Supervisor {
  /** Resolves when all serve. @throws NodeError `internal` when they do not come up */
  start(): Promise<void>
  /** Replaces one worker after the other; asked again meanwhile, it does so once more. */
  roll(): Promise<void>
  /** All drain at the same time. */
  stop(): Promise<void>
  /** Those that serve. */
  serving(): readonly WorkerProcess[]
  count(): WorkerCount
  /** How many ended without being told to. */
  lost(): number
}

interface Slot {
  readonly number: number
  /** The one that serves. */
  current: WorkerProcess | undefined
  /** The one that is being started. */
  filling: Promise<void> | undefined
  /** Starts that failed, and workers that did not live long, in a row. */
  failures: number
}

const STEADY_AFTER_MS = 10_000
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
const MAX_FAILURES = 5
const PING_EVERY_MS = 2_000
/** One that is silent for longer will not come to itself, and no probe from outside would tell: the others answer those. */
const MAX_UNANSWERED_PINGS = 15

export function supervisor(options: SupervisorOptions): Supervisor {
  const { log } = options
  const slots = Array.from({ length: options.workers }, (_, at): Slot => emptySlot(at + 1))
  const alive = new Set<WorkerProcess>()
  const retired = new WeakSet<WorkerProcess>()
  let stopping = false
  let lost = 0
  let rolling: Promise<void> | undefined
  let rollAgain = false

  const serving = () => slots.flatMap(({ current }) => current ?? [])
  const count = () => ({ up: serving().length, wanted: options.workers })
  const tellCount = () => {
    for (const worker of alive) worker.tell(count())
  }

  /** One start at a time in each slot; whoever asks meanwhile waits for the same. */
  function fill(slot: Slot): Promise<void> {
    slot.filling ??= launchInto(slot).finally(() => {
      slot.filling = undefined
    })
    return slot.filling
  }

  async function launchInto(slot: Slot): Promise<void> {
    const worker = options.launch(slot.number)
    alive.add(worker)
    void worker.exited.then((how) => ended(slot, worker, how))
    try {
      await worker.ready
      slot.current = worker
      log.info(`Worker ${slot.number} (process ${worker.pid}) serves.`)
      tellCount()
      options.onServing?.(worker)
      void delay(STEADY_AFTER_MS, undefined, { ref: false }).then(() => {
        if (slot.current === worker) slot.failures = 0
      })
    } catch (error) {
      slot.failures += 1
      worker.kill()
      const isReported = error instanceof WorkerNeverReady && error.isReported
      const reason = `Worker ${slot.number} (process ${worker.pid}) did not start: ${messageOf(error)}`
      if (!stopping) log.error(reason)
      throw new WorkerNeverReady(reason, isReported)
    }
  }

  function ended(slot: Slot, worker: WorkerProcess, how: string): void {
    alive.delete(worker)
    options.onExit?.(worker)
    if (retired.has(worker)) log.info(`Worker ${slot.number} (process ${worker.pid}) ${how} after its drain.`)
    if (slot.current !== worker) return
    slot.current = undefined
    tellCount()
    if (stopping) return
    lost += 1
    slot.failures += 1
    log.error(`Worker ${slot.number} (process ${worker.pid}) ${how}; another one takes its place.`)
    const goOn = () => serving().length > 0 || slot.failures <= MAX_FAILURES
    keepFilled(slot, goOn).catch((error) => {
      if (!stopping) options.onGivenUp(error)
    })
  }

  /** @throws WorkerNeverReady of the last start when `goOn` says so */
  async function keepFilled(slot: Slot, goOn: (error: WorkerNeverReady) => boolean): Promise<void> {
    for (;;) {
      await delay(pauseMs(slot.failures))
      if (stopping) throw new NodeError('internal', 'no worker is started any more: the node is stopping')
      // Whoever replaces all workers has been quicker.
      if (slot.current !== undefined) return
      try {
        return await fill(slot)
      } catch (error) {
        if (!(error instanceof WorkerNeverReady) || !goOn(error)) throw error
      }
    }
  }

  async function retire(worker: WorkerProcess): Promise<void> {
    retired.add(worker)
    worker.drain()
    const late = delay(options.drainWithinMs, 'late' as const, { ref: false })
    if ((await Promise.race([worker.exited, late])) !== 'late') return
    log.error(`Worker ${worker.slot} (process ${worker.pid}) did not drain in time and is ended.`)
    worker.kill()
    await worker.exited
  }

  async function rollOnce(): Promise<void> {
    for (const slot of slots) {
      if (stopping) return
      const old = slot.current
      await fill(slot)
      if (old && alive.has(old)) await retire(old)
    }
  }

  async function rollUntilDone(): Promise<void> {
    do {
      rollAgain = false
      try {
        await rollOnce()
        if (!stopping) log.info('All workers have been replaced.')
      } catch (error) {
        if (!stopping) log.error(`The others stay as they are: ${messageOf(error)}`)
      }
    } while (rollAgain && !stopping)
  }

  const pinging = setInterval(() => {
    for (const worker of serving()) {
      if (worker.ping() <= MAX_UNANSWERED_PINGS) continue
      log.error(`Worker ${worker.slot} (process ${worker.pid}) shows no life and is ended.`)
      worker.kill()
    }
  }, options.pingEveryMs ?? PING_EVERY_MS).unref()

  return {
    async start() {
      const goOn = (slot: Slot) => (error: WorkerNeverReady) => !error.isReported && slot.failures < MAX_FAILURES
      await Promise.all(slots.map((slot) => keepFilled(slot, goOn(slot))))
    },
    roll() {
      rollAgain = true
      rolling ??= rollUntilDone().finally(() => {
        rolling = undefined
      })
      return rolling
    },
    async stop() {
      stopping = true
      clearInterval(pinging)
      await Promise.all([...alive].map(retire))
    },
    serving,
    count,
    lost: () => lost,
  }
}

function emptySlot(number: number): Slot {
  return { number, current: undefined, filling: undefined, failures: 0 }
}

/** None before the first replacement. */
function pauseMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 2))
}
