/** What a person reads of runs. */
import { type Run, simulate } from './simulate.js'

/** How a run broke its promise: run again with a trace, which the same seed makes the same. */
export async function reportOf(run: Run, about = run.violation?.about): Promise<string> {
  const { trace } = await simulate(run.seed, { isTraced: true, ...(about === undefined ? {} : { about }) })
  return [
    `Seed ${run.seed} breaks a promise. ${run.violation?.message}`,
    ...trace,
    `Again: SEED=${run.seed} npm run simulate`,
    '',
  ].join('\n')
}

export interface Summary {
  add(run: Run): void
  readonly checked: number
  readonly redisHits: number
  readonly visible: number
  text(): string
}

export function summary(): Summary {
  const startedAtMs = performance.now()
  const sum = {
    runs: 0,
    checked: 0,
    memory: 0,
    redis: 0,
    registry: 0,
    marked: 0,
    failed: 0,
    visible: 0,
    wentBack: 0,
    seconds: 0,
  }
  return {
    add({ tally, virtualSeconds }) {
      sum.runs += 1
      sum.seconds += virtualSeconds
      for (const name of ['checked', 'marked', 'failed', 'visible', 'wentBack'] as const) sum[name] += tally[name]
      for (const tier of ['memory', 'redis', 'registry'] as const) sum[tier] += tally.tiers[tier]
    },
    get checked() {
      return sum.checked
    },
    get redisHits() {
      return sum.redis
    },
    get visible() {
      return sum.visible
    },
    text() {
      const tookSeconds = (performance.now() - startedAtMs) / 1000
      return (
        `${sum.runs} runs of ${sum.seconds} virtual seconds: ${sum.checked} look-ups checked ` +
        `(memory ${sum.memory}, Redis ${sum.redis}, registry ${sum.registry}, of these marked ${sum.marked}; failed ${sum.failed}; ` +
        `${sum.visible} writes were waited for; went back within the bound ${sum.wentBack}) in ${tookSeconds.toFixed(1)} s: ${Math.round(sum.checked / tookSeconds)} a second`
      )
    },
  }
}
