/** What the command line asks for. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { faketimeLibrary } from './faketime.js'
import { FAULT_KINDS, type FaultKind } from './fault-kinds.js'
import { seededRandom } from './random.js'
import { ALL_KINDS, randomScript } from './schedule.js'
import { type Fault, parseScript } from './script.js'

export const USAGE = `Usage: npm run faults -- [options]
  --minutes N   how long the storm lasts (default 5)
  --seed S      of the storm: the same seed, the same faults (default: the time)
  --script F    faults from this file in place of a random storm
  --overlap     faults may begin while others last
  --reads N     look-ups a second (default 8000)
  --writes N    writes a second (default 40)
  --wait S      share of the writes that are acknowledged only once they show everywhere (default 0.25)
  --kills N     no storm: kill -9 that often while batches and imports come in
  --list        the faults there are
`

/** Of the look-ups of known identifiers, with one retry. */
const ANSWERED = 0.9999
/** When faults meet, both nodes that are asked may be hit. */
const ANSWERED_IN_ANY_CASE = 0.99

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
      readonly waitShare: number
      readonly answeredShare: number
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
      reads: { type: 'string', default: '8000' },
      writes: { type: 'string', default: '40' },
      wait: { type: 'string', default: '0.25' },
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
      ? randomScript({ durationMs, random: seededRandom(seed), kinds: possibleKinds(), overlap: values.overlap })
      : readFileSync(values.script, 'utf8')
  return {
    kind: 'storm',
    seed,
    durationMs,
    faults: parseScript(script),
    readsPerSecond: positive('--reads', values.reads),
    writesPerSecond: positive('--writes', values.writes),
    waitShare: share('--wait', values.wait),
    answeredShare: values.overlap ? ANSWERED_IN_ANY_CASE : ANSWERED,
  }
}

function share(name: string, text: string): number {
  const number = Number(text)
  if (number >= 0 && number <= 1) return number
  throw new Error(`${name} must be a number from 0 to 1, not "${text}".\n\n${USAGE}`)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (Number.isFinite(number) && number > 0) return number
  throw new Error(`${name} must be a number above 0, not "${text}".\n\n${USAGE}`)
}

/** Without faketime, clocks are left alone. */
function possibleKinds() {
  return faketimeLibrary() === undefined ? ALL_KINDS.filter((name) => !name.startsWith('node.clock')) : ALL_KINDS
}

function listOfFaults(): string {
  const lines = Object.entries<FaultKind>(FAULT_KINDS).map(([name, { meaning }]) => `  ${name.padEnd(30)} ${meaning}`)
  return `${lines.join('\n')}\n`
}
