/** What the command line asks for. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { seededRandom } from './random.js'
import { randomScript } from './schedule.js'
import { FAULT_KINDS, type Fault, parseScript } from './script.js'

export const USAGE = `Usage: npm run faults -- [options]
  --minutes N   how long the storm lasts (default 5)
  --seed S      of the storm: the same seed, the same faults (default: the time)
  --script F    faults from this file in place of a random storm
  --overlap     faults may begin while others last
  --reads N     look-ups a second (default 4000)
  --writes N    writes a second (default 40)
  --kills N     no storm: kill -9 that often while batches and imports come in
  --list        the faults there are
`

export type Task =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'kills'; readonly kills: number; readonly seed: number }
  | {
      readonly kind: 'storm'
      readonly seed: number
      readonly durationMs: number
      readonly faults: readonly Fault[]
      readonly readsPerSecond: number
      readonly writesPerSecond: number
    }

/** @throws Error for people */
export function readOptions(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      script: { type: 'string' },
      overlap: { type: 'boolean', default: false },
      reads: { type: 'string', default: '4000' },
      writes: { type: 'string', default: '40' },
      kills: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return { kind: 'help', text: USAGE }
  if (values.list) return { kind: 'help', text: listOfFaults() }
  const seed = values.seed === undefined ? Math.floor(Date.now() / 1000) : positive('--seed', values.seed)
  if (values.kills !== undefined) return { kind: 'kills', kills: positive('--kills', values.kills), seed }

  const durationMs = positive('--minutes', values.minutes) * 60_000
  const script =
    values.script === undefined
      ? randomScript({ durationMs, random: seededRandom(seed), overlap: values.overlap })
      : readFileSync(values.script, 'utf8')
  return {
    kind: 'storm',
    seed,
    durationMs,
    faults: parseScript(script),
    readsPerSecond: positive('--reads', values.reads),
    writesPerSecond: positive('--writes', values.writes),
  }
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new Error(`${name} must be a number above 0, not "${text}".\n\n${USAGE}`)
}

function listOfFaults(): string {
  const lines = Object.entries(FAULT_KINDS).map(([name, { meaning }]) => `  ${name.padEnd(30)} ${meaning}`)
  return `${lines.join('\n')}\n`
}
