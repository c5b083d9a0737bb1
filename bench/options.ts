/** The command line of the bench. */
import { parseArgs } from 'node:util'
import { ROW_NAMES, type RowName } from './rows/row-names.js'
import { MAX_RECORDS } from './workload/keys.js'

export interface BenchOptions {
  readonly quick: boolean
  /** Where the machine-readable report goes. */
  readonly json: string | undefined
  readonly records: number
  readonly seed: number
  readonly only: ReadonlySet<RowName>
  readonly connections: number
  /** Of one measurement: of one side in one round. */
  readonly durationMs: number
  readonly rounds: number
}

export const USAGE = `npm run bench -- [options]

Measures the node of this folder against baselines in the same run. Starts and stops all it needs, on 127.0.0.1 only;
its files are in a folder of their own in TMPDIR, which goes away at the end.

  --quick            all rows in less than 45 s: a smaller data set, shorter and fewer rounds
  --json FILE        the report for machines: environment and every round's figures
  --records N        size of the data set (200000; with --quick 10000; at most ${MAX_RECORDS})
  --seed N           another data set and other keys (1)
  --only NAME,…      some rows only: ${ROW_NAMES.join(', ')}
  --connections N    callers of the look-ups and of single registrations (64)
  --duration S       seconds of one measurement (2; with --quick 0.25)
  --rounds N         times that node and baseline take turns (5; with --quick 2)
  --help`

const DEFAULTS = { records: 200_000, durationSeconds: 2, rounds: 5 }
const QUICK = { records: 10_000, durationSeconds: 0.25, rounds: 2 }

/** 'help' when help was asked for. @throws Error that names every fault */
export function readOptions(parameters: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      records: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      connections: { type: 'string' },
      duration: { type: 'string' },
      rounds: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'

  const faults: string[] = []
  const number = (name: 'records' | 'seed' | 'connections' | 'duration' | 'rounds', range: NumberRange) => {
    const text = values[name]
    if (text === undefined) return range.otherwise
    const value = Number(text)
    const fits = text.trim() !== '' && value >= range.from && value <= range.to
    if (fits && (range.fractions || Number.isInteger(value))) return value
    faults.push(`--${name} ${text}: give a ${range.fractions ? '' : 'whole '}number from ${range.from} to ${range.to}`)
    return range.otherwise
  }
  const preset = values.quick ? QUICK : DEFAULTS
  const options = {
    quick: values.quick,
    json: values.json,
    records: number('records', { from: 2_000, to: MAX_RECORDS, otherwise: preset.records }),
    seed: number('seed', { from: 0, to: 0xffffffff, otherwise: 1 }),
    only: rowsNamed(values.only, faults),
    connections: number('connections', { from: 1, to: 1_000, otherwise: 64 }),
    durationMs: 1000 * number('duration', { from: 0.1, to: 600, fractions: true, otherwise: preset.durationSeconds }),
    rounds: number('rounds', { from: 1, to: 100, otherwise: preset.rounds }),
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return options
}

interface NumberRange {
  readonly from: number
  readonly to: number
  readonly fractions?: boolean
  readonly otherwise: number
}

function rowsNamed(text: string | undefined, faults: string[]): ReadonlySet<RowName> {
  if (text === undefined) return new Set(ROW_NAMES)
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !ROW_NAMES.includes(name as RowName))
  if (unknown.length > 0) faults.push(`--only ${unknown.join(',')}: no such row; there are ${ROW_NAMES.join(', ')}`)
  return new Set(names as RowName[])
}
