/** The command line of the bench. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { COMPARABLE_ROWS, ROW_NAMES, type RowName } from '../rows/row-names.js'
import { MAX_RECORDS } from '../workload/keys.js'
import { type ParameterKind, type Parameters, readParameters } from './parameters.js'

export interface BenchOptions {
  readonly quick: boolean
  /** Where the report for machines goes. */
  readonly json: string | undefined
  /** Where the report for people goes. */
  readonly html: string | undefined
  /** Whether the reports go into bench/results. */
  readonly save: boolean
  readonly records: number
  /** Largest data set of the row `scale`. */
  readonly scaleRecords: number
  readonly seed: number
  readonly only: ReadonlySet<RowName>
  readonly connections: number
  /** Of one measurement: of one side in one round. */
  readonly durationMs: number
  readonly rounds: number
  readonly baselines: readonly BaselineChoice[]
  /** What an external baseline is asked for; undefined: the node's own path. */
  readonly baselinePath: string | undefined
  readonly compare: Comparison | undefined
}

export type BaselineChoice =
  | { readonly kind: 'fastify' | 'net' | 'nginx' }
  | { readonly kind: 'command'; readonly command: string }

export interface Comparison {
  readonly from: string
  /** undefined: the working tree. */
  readonly to: string | undefined
}

const KINDS = {
  quick: 'flag',
  only: 'text',
  door: 'text',
  records: 'text',
  scale: 'text',
  seed: 'text',
  connections: 'text',
  duration: 'text',
  rounds: 'text',
  baseline: 'texts',
  'baseline-path': 'text',
  compare: 'texts',
  json: 'text',
  html: 'text',
  save: 'flag',
  help: 'flag',
} as const satisfies Readonly<Record<string, ParameterKind>>

type Given = Parameters<keyof typeof KINDS>

const DEFAULTS = { records: 200_000, scaleRecords: 1_000_000, durationSeconds: 1, rounds: 5 }
const QUICK = { records: 10_000, scaleRecords: 20_000, durationSeconds: 0.15, rounds: 2 }
/** All rounds agreeing by chance is then rare: see compare/verdict.ts. */
const COMPARE_ROUNDS = 9
const NAMED_BASELINES = ['fastify', 'net', 'nginx'] as const
const COMMAND = 'cmd:'

/** 'help' when help was asked for. @throws Error that names every fault */
export function readOptions(parameters: readonly string[]): BenchOptions | 'help' {
  const given = readParameters(parameters, KINDS)
  if (given.has('help')) return 'help'

  const faults = [...given.faults]
  const quick = given.has('quick')
  const preset = quick ? QUICK : DEFAULTS
  const compare = comparisonOf(given, faults)
  const number = (name: keyof typeof KINDS, range: NumberRange) => numberOf(given.text(name), { name, range, faults })
  const options: BenchOptions = {
    quick,
    json: given.text('json'),
    html: given.text('html'),
    save: given.has('save'),
    records: number('records', { from: 2_000, to: MAX_RECORDS, otherwise: preset.records }),
    scaleRecords: number('scale', { from: 2_000, to: MAX_RECORDS, otherwise: preset.scaleRecords }),
    seed: number('seed', { from: 0, to: 0xffffffff, otherwise: 1 }),
    only: rowsAsked(given, faults),
    connections: number('connections', { from: 1, to: 1_000, otherwise: 64 }),
    durationMs: 1000 * number('duration', { from: 0.1, to: 600, fractions: true, otherwise: preset.durationSeconds }),
    rounds: number('rounds', { from: 1, to: 100, otherwise: compare ? COMPARE_ROUNDS : preset.rounds }),
    baselines: given.texts('baseline').flatMap((text) => baselinesNamed(text, faults)),
    baselinePath: given.text('baseline-path'),
    compare,
  }
  faults.push(...contradictions(options))
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return options
}

interface NumberRange {
  readonly from: number
  readonly to: number
  readonly fractions?: boolean
  readonly otherwise: number
}

function numberOf(
  text: string | undefined,
  { name, range, faults }: { readonly name: string; readonly range: NumberRange; readonly faults: string[] },
): number {
  if (text === undefined) return range.otherwise
  const value = Number(text)
  const fits = text.trim() !== '' && value >= range.from && value <= range.to
  if (fits && (range.fractions || Number.isInteger(value))) return value
  faults.push(`--${name} ${text}: give a ${range.fractions ? '' : 'whole '}number from ${range.from} to ${range.to}`)
  return range.otherwise
}

/** Rows of the doors beside HTTP, by the door's name. */
const DOOR_ROWS: Readonly<Record<string, readonly RowName[]>> = {
  udp: ['handle-udp'],
  tcp: ['handle-tcp-16', 'handle-tcp-64'],
  http: ['handle-http'],
}

function rowsAsked(given: Given, faults: string[]): ReadonlySet<RowName> {
  const door = given.text('door')
  const only = given.text('only')
  if (door === undefined) return rowsNamed(only, faults)
  const rows = door.split(',').flatMap((name) => {
    const known = Object.hasOwn(DOOR_ROWS, name.trim()) ? DOOR_ROWS[name.trim()] : undefined
    if (known === undefined) faults.push(`--door ${name}: no such door; there are ${Object.keys(DOOR_ROWS).join(', ')}`)
    return known ?? []
  })
  return new Set([...rows, ...(only === undefined ? [] : rowsNamed(only, faults))])
}

function rowsNamed(text: string | undefined, faults: string[]): ReadonlySet<RowName> {
  if (text === undefined) return new Set(ROW_NAMES)
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !ROW_NAMES.includes(name as RowName))
  if (unknown.length > 0) faults.push(`--only ${unknown.join(',')}: no such row; there are ${ROW_NAMES.join(', ')}`)
  return new Set(names as RowName[])
}

/** A command may hold commas of its own: it is the rest of the text. */
function baselinesNamed(text: string, faults: string[]): BaselineChoice[] {
  if (text.startsWith(COMMAND)) return [commandOf(text.slice(COMMAND.length), faults)]
  const comma = text.indexOf(',')
  const [first, rest] = comma < 0 ? [text, ''] : [text.slice(0, comma), text.slice(comma + 1)]
  const kind = NAMED_BASELINES.find((known) => known === first.trim())
  if (kind === undefined) {
    faults.push(`--baseline ${first}: no such baseline; there are ${NAMED_BASELINES.join(', ')} and 'cmd:COMMAND'`)
  }
  return [...(kind === undefined ? [] : [{ kind }]), ...(rest === '' ? [] : baselinesNamed(rest.trim(), faults))]
}

function commandOf(command: string, faults: string[]): BaselineChoice {
  if (!command.includes('{port}')) {
    faults.push(`--baseline ${COMMAND}${command}: say {port} where the command takes the port to serve on`)
  }
  return { kind: 'command', command }
}

/** `--compare A B`, `--compare A --compare B` or `--compare A`. */
function comparisonOf(given: Given, faults: string[]): Comparison | undefined {
  const named = given.texts('compare')
  const [from, to, ...tooMany] = named.length === 0 ? [] : [...named, ...given.loose]
  for (const text of named.length === 0 ? given.loose : tooMany) faults.push(`${text}: not an option, and of none`)
  return from === undefined ? undefined : { from, to }
}

function contradictions(options: BenchOptions): string[] {
  const { compare, save, quick, only, baselines, baselinePath } = options
  const faults: string[] = []
  const isPartial = quick || only.size < ROW_NAMES.length
  if (save && isPartial) faults.push('--save: results are kept of whole runs, without --quick and --only')
  if (compare && !COMPARABLE_ROWS.some((name) => only.has(name)))
    faults.push(`--compare: none of the rows asked for can be compared; there are ${COMPARABLE_ROWS.join(', ')}`)
  if (compare && save) faults.push('--save: not with --compare')
  if (compare && baselines.length > 0) faults.push('--baseline: not with --compare, where one side is the baseline')
  if (compare && options.html !== undefined) faults.push('--html: not with --compare, which is told as a table')
  if (baselinePath !== undefined && !baselines.some(({ kind }) => kind === 'command'))
    faults.push(`--baseline-path: of use only with --baseline '${COMMAND}…'`)
  for (const [name, file] of [
    ['json', options.json],
    ['html', options.html],
  ])
    if (file !== undefined && !existsSync(path.dirname(path.resolve(file))))
      faults.push(`--${name} ${file}: there is no folder ${path.dirname(path.resolve(file))}`)
  return faults
}
