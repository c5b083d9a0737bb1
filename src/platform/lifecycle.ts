/**
 * What a process holds open: started one after another, stopped in reverse, each with a bound on its time.
 *
 *   const life = lifecycle(log)
 *   const database = await life.start('database', () => openDatabase(…), { stop: (it) => it.close() })
 *   await life.stop()
 */
import { closeSync, openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, NodeError } from './errors.js'
import type { Logger } from './logger.js'

export interface Resource<Value> {
  readonly stop?: (value: Value) => Promise<unknown> | unknown
  /** Default 60 s. */
  readonly startWithinMs?: number
  /** Default 15 s. */
  readonly stopWithinMs?: number
}

export interface Lifecycle {
  /**
   * Opens a resource and remembers how to close it. One that opens too late, or after the stop began, is closed at once.
   *
   * @throws NodeError `internal` when it takes too long or when everything is being stopped; else what `open` throws.
   */
  start<Value>(name: string, open: () => Promise<Value> | Value, resource?: Resource<Value>): Promise<Value>
  /** Closes all, the newest first. A resource that fails or hangs does not keep the others open. Never throws. */
  stop(): Promise<void>
  readonly isStopping: boolean
}

interface Held {
  readonly name: string
  readonly stopWithinMs: number
  stop(): Promise<unknown>
}

export function lifecycle(log: Pick<Logger, 'debug' | 'error'>): Lifecycle {
  const held: Held[] = []
  let stopping: Promise<void> | undefined

  const close = async ({ name, stopWithinMs, stop }: Held) => {
    try {
      await within(stopWithinMs, stop(), `did not stop within ${stopWithinMs / 1000} s`)
      log.debug(`${name} stopped`)
    } catch (error) {
      log.error(`${name}: ${messageOf(error)}`)
    }
  }
  const stopAll = async () => {
    for (let last = held.pop(); last; last = held.pop()) await close(last)
  }

  return {
    async start(name, open, resource = {}) {
      const { startWithinMs = 60_000, stopWithinMs = 15_000 } = resource
      if (stopping) throw new NodeError('internal', `${name} was not started: the node is stopping`)
      let isLate = false
      const opened = Promise.resolve()
        .then(open)
        .then(async (value) => {
          const holding = { name, stopWithinMs, stop: async () => resource.stop?.(value) }
          if (!isLate && !stopping) held.push(holding)
          else {
            await close(holding)
            throw new NodeError('internal', `${name} was closed again: the node is stopping`)
          }
          return value
        })
      return within(startWithinMs, opened, `${name} did not start within ${startWithinMs / 1000} s`).catch((error) => {
        isLate = true
        throw error
      })
    },
    stop() {
      stopping ??= stopAll()
      return stopping
    },
    get isStopping() {
      return stopping !== undefined
    },
  }
}

export interface SignalOptions {
  /** Exit code of the process after an orderly stop. Default 0. */
  readonly exitCode?: number
  readonly exit?: (code: number) => void
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

/** The first SIGINT or SIGTERM stops all and ends the process; a second one ends it at once. */
export function stopOnSignals(life: Lifecycle, log: Pick<Logger, 'info'>, options: SignalOptions = {}): void {
  const exit = options.exit ?? ((code: number) => process.exit(code))
  for (const [signal, number] of Object.entries(SIGNAL_NUMBERS)) {
    process.on(signal, () => {
      if (life.isStopping) return exit(128 + number)
      log.info(`${signal}: stopping; once more to end at once`)
      void life.stop().then(() => exit(options.exitCode ?? 0))
    })
  }
}

/**
 * `reload` on SIGHUP; but when the terminal that the process was started from has gone, that is what the signal is about,
 * and all is stopped.
 */
export function reloadOnHangUp(life: Lifecycle, log: Pick<Logger, 'info'>, reload: () => void): void {
  const isInteractive = process.stdin.isTTY || process.stdout.isTTY
  process.on('SIGHUP', () => {
    if (life.isStopping) return
    if (isInteractive && !hasTerminal()) return void life.stop().then(() => process.exit(0))
    log.info('SIGHUP: reloading')
    reload()
  })
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/** The promise goes on after the bound; what it then does is its maker's business. */
async function within<Value>(ms: number, wanted: Promise<Value>, tooLate: string): Promise<Value> {
  const bound = new AbortController()
  const late = delay(ms, undefined, { signal: bound.signal }).then(() => {
    throw new NodeError('internal', tooLate)
  })
  late.catch(ignoreCancelled)
  try {
    return await Promise.race([wanted, late])
  } finally {
    bound.abort()
    wanted.catch(ignoreCancelled)
  }
}

function ignoreCancelled(): void {
  // Either the bound was called off, or its own error has already been given.
}
