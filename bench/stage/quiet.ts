/** Figures that are kept come from a machine with nothing else to do. */
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { isBusy } from '../report/report-text.js'

const WAIT_MS = 300_000
const LOOK_EVERY_MS = 5_000

/** Waits for the load average to come down, for five minutes at most. @throws Error when it does not */
export async function waitForQuiet(
  say: (line: string) => void,
  look: { readonly loadAverage?: () => number; readonly waitMs?: number; readonly everyMs?: number } = {},
): Promise<void> {
  const { loadAverage = () => loadavg()[0] ?? 0, waitMs = WAIT_MS, everyMs = LOOK_EVERY_MS } = look
  const cores = availableParallelism()
  const deadlineMs = performance.now() + waitMs
  for (let told = false; ; told = true) {
    const load = loadAverage()
    if (!isBusy({ loadAverageBefore: load, cores })) return
    if (performance.now() > deadlineMs) {
      throw new Error(
        `The machine is busy with something else (load average ${load.toFixed(2)} on ${cores} cores). Results are kept of a quiet one only: stop what runs beside, or use --json and --html.`,
      )
    }
    if (!told) say(`waiting for the machine to be quiet: load average ${load.toFixed(2)}`)
    await delay(everyMs)
  }
}
