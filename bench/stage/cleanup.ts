/** What was started is stopped, last first, however the run ends: done, failed, or Ctrl-C. */

export interface Cleanup {
  /** `stop` may be called once at most; its failure does not keep the others from running. */
  add(stop: () => Promise<void> | void): void
  run(): Promise<void>
  /** A signal has come: what fails from now on fails because of it. */
  readonly interrupted: boolean
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Also stops everything on a signal, and then ends this process with 128 + its number. */
export function cleanup(): Cleanup {
  const stops: (() => Promise<void> | void)[] = []
  let running: Promise<void> | undefined
  let interrupted = false

  const stopAll = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop()) {
      try {
        await stop()
      } catch (error) {
        process.stderr.write(`While stopping: ${error instanceof Error ? error.message : String(error)}\n`)
      }
    }
  }
  const run = () => {
    running ??= stopAll().finally(() => {
      running = undefined
    })
    return running
  }
  for (const signal of SIGNALS) {
    // Not `once`: Ctrl-C reaches us from the terminal and again from the runner above us, and must not end the stopping.
    process.on(signal, () => {
      if (interrupted) return
      interrupted = true
      process.stderr.write(`\n${signal}: stopping what was started…\n`)
      void run().then(() => process.exit(128 + (signal === 'SIGINT' ? 2 : signal === 'SIGTERM' ? 15 : 1)))
    })
  }
  return {
    add: (stop) => void stops.push(stop),
    run,
    get interrupted() {
      return interrupted
    },
  }
}
