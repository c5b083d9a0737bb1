/**
 * Asks every node that belongs to this one, now and then, whether it is there: so that its state is known before a look-up
 * needs it, and one that is back is found out by nobody's look-up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { RouteTable } from '../resolution/authorities.js'

export interface ProbesOptions {
  readonly intervalMs: number
  /** What there is to probe now. */
  readonly targets: () => Promise<readonly (() => Promise<unknown>)[]>
  /** Told of what should not happen: a probe itself never fails. */
  readonly onFailure: (error: unknown) => void
}

export interface Probes {
  stop(): Promise<void>
}

const AT_ONCE = 4

export function startProbes(options: ProbesOptions): Probes {
  const stopping = new AbortController()
  const running = run(options, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

async function run({ intervalMs, targets, onFailure }: ProbesOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await probeAll(await targets(), signal)
    } catch (error) {
      onFailure(error)
    }
    // Not all nodes at the same moment, for whoever is probed by many.
    const pauseMs = intervalMs * (0.9 + 0.2 * Math.random())
    await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined)
  }
}

async function probeAll(targets: readonly (() => Promise<unknown>)[], signal: AbortSignal): Promise<void> {
  const left = [...targets]
  const worker = async () => {
    for (let probe = left.shift(); probe !== undefined && !signal.aborted; probe = left.shift()) await probe()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Prefixes that other servers answer for. */
export function selfBuiltOf(routes: RouteTable) {
  return [...routes.values()].flatMap(({ prefix, state, selfBuilt }) =>
    selfBuilt === undefined || state !== 'active' ? [] : [{ prefix, selfBuilt }],
  )
}
