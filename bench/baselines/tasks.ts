/** The frame of a baseline that talks to the database: its parent orders measurements, it answers each with a rate. */

/** Measures for so long; returns how many were done in how many seconds. */
export type Measure = (order: Order) => Promise<Measured>

export interface Order {
  /** The measurement ends after this time or, where `rows` is given, after so many. */
  readonly durationMs: number
  readonly rows?: number
}

export interface Measured {
  readonly done: number
  readonly seconds: number
  /** Of this process, where what was prepared before must not count. */
  readonly cpuSeconds?: number
}

/** Takes orders until the parent is gone. `close` then ends what keeps the process alive. */
export function serveOrders(measure: Measure, close: () => Promise<void>): void {
  process.on('message', (order: Order) => {
    measure(order).then(
      (measured) => process.send!(measured),
      (error: unknown) =>
        process.send!({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.on('disconnect', () => {
    void close().finally(() => process.exit(0))
  })
  process.send!({ ready: true })
}

/** `callers` at once, each doing the next when its last is done, until the time is over. */
export async function repeat(
  callers: number,
  durationMs: number,
  doOne: (caller: number) => Promise<number>,
): Promise<Measured> {
  const startedAt = performance.now()
  const endsAt = startedAt + durationMs
  let done = 0
  const call = async (caller: number) => {
    while (performance.now() < endsAt) {
      // Not `done += await …`: that reads `done` before it waits, and loses what the other callers add meanwhile.
      const more = await doOne(caller)
      done += more
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
  return { done, seconds: (performance.now() - startedAt) / 1000 }
}
