/**
 * The goals of the project, each judged from the figures of one run: the only place that knows them. A goal is a bound
 * on one figure; `later` is where the figure should be in the end.
 */
import { ratioOf } from '../load/rounds.js'
import type { RowName } from '../rows/row-names.js'
import { cpuRatio, medianRate } from './figures.js'
import type { Found, Row } from './report.js'

export interface Goal {
  readonly row: RowName
  readonly what: string
  /** Whether the figure has to reach the bound or to stay within it. */
  readonly bound: 'at least' | 'at most'
  readonly target: number
  readonly later?: number
  readonly unit: GoalUnit
  /** undefined: the run has no such figure. */
  readonly figure: (found: Found) => number | undefined
}

/** `×` a ratio, `/s` a rate, `µs` a duration, `` a plain number. */
export type GoalUnit = '×' | '/s' | 'µs' | ''

export interface JudgedGoal extends Omit<Goal, 'figure'> {
  readonly measured: number | undefined
  /** undefined when nothing was measured. */
  readonly met: boolean | undefined
}

const MILLISECOND = 1_000
/** Counted over some hundred look-ups, of which a few may need the table of prefixes too. */
const CONSTANT = 1.05

export const GOALS: readonly Goal[] = [
  rate('memory-zipf', 'GET, memory hit (Zipf), to bare node:http', { target: 0.95, later: 1.2 }),
  rate('memory-uniform', 'GET, memory hit (uniform), to bare node:http', { target: 0.95, later: 1.2 }),
  rate('redis', 'GET, Redis hit, to bare node:http', { target: 0.55, later: 0.7 }),
  rate('postgres', 'GET, Postgres, to the bare coalesced query', { target: 0.8, baseline: 'coalesced query' }),
  {
    row: 'batch-resolve',
    what: 'batch resolve, identifiers a second',
    bound: 'at least',
    target: 150_000,
    later: 400_000,
    unit: '/s',
    figure: (found) => {
      const row = rowOf(found, 'batch-resolve')
      return row && medianRate(row.node)
    },
  },
  rate('handle-udp', 'native look-up over UDP, memory hit, to a bare dgram socket', { target: 0.7, later: 0.85 }),
  rate('handle-tcp-16', 'the same over TCP, 16 in flight, to a bare net server', { target: 0.6 }),
  rate('handle-tcp-64', 'the same over TCP, 64 in flight, to a bare net server', { target: 0.6 }),
  latency('latency-memory', 'memory hit', 2 * MILLISECOND),
  {
    row: 'latency-crowd',
    what: 'p99 among 10,000 idle and 100 slow connections, to that without them',
    bound: 'at most',
    target: 2,
    unit: '×',
    figure: ({ latency }) => {
      const [alone, among] = latency.filter(({ name }) => name === 'latency-crowd')
      return alone && among && among.p99 / alone.p99
    },
  },
  latency('latency-redis', 'Redis hit', 5 * MILLISECOND),
  latency('latency-postgres', 'Postgres', 15 * MILLISECOND),
  {
    row: 'workers',
    what: 'CPU of a request with two workers, to that with one',
    bound: 'at most',
    target: 1.15,
    unit: '×',
    figure: (found) => {
      const row = rowOf(found, 'workers')
      return row?.baselines[0] && cpuRatio(row.node, row.baselines[0])
    },
  },
  rate('scale', 'uniform cold look-up in the largest data set, to that in the smallest', { target: 0.75 }),
  {
    row: 'scale',
    what: 'database queries of a look-up in the largest data set, to the smallest',
    bound: 'at most',
    target: CONSTANT,
    unit: '×',
    figure: (found) => factRatio(rowOf(found, 'scale'), 'queriesPerLookup'),
  },
  {
    row: 'scale',
    what: 'rows read for a look-up in the largest data set, to the smallest',
    bound: 'at most',
    target: CONSTANT,
    unit: '×',
    figure: (found) => factRatio(rowOf(found, 'scale'), 'rowsPerLookup'),
  },
  {
    row: 'memory-cache',
    what: 'memory of a cached record, to the octets it holds',
    bound: 'at most',
    target: 1.3,
    unit: '×',
    figure: ({ memoryCache }) => {
      const largest = memoryCache.at(-1)
      return largest && largest.residentBytesPerEntry / largest.payloadBytesPerEntry
    },
  },
  {
    row: 'memory-cache',
    what: 'p99 with the most records in memory, to that with the fewest',
    bound: 'at most',
    target: 2,
    unit: '×',
    figure: ({ memoryCache }) =>
      memoryCache.length < 2 ? undefined : memoryCache.at(-1)!.latency.p99 / memoryCache[0]!.latency.p99,
  },
  rate('import', 'import, to raw COPY of the same rows', { target: 0.6 }),
  rate('register', 'registration, single, to a plain upsert', { target: 0.7 }),
  {
    row: 'visible',
    what: 'write → visible on another node, p50',
    bound: 'at most',
    target: 60 * MILLISECOND,
    unit: 'µs',
    figure: ({ visibility }) => visibility[0]?.p50,
  },
  {
    row: 'visible',
    what: 'write → visible on another node, longest',
    bound: 'at most',
    target: 1_000 * MILLISECOND,
    unit: 'µs',
    figure: ({ visibility }) => visibility[0]?.max,
  },
  {
    row: 'federation',
    what: 'p99 of local look-ups while the node above misbehaves at its worst, to that in calm',
    bound: 'at most',
    target: 1.5,
    unit: '×',
    figure: ({ latency: points }) => {
      const ofRow = points.filter(({ name }) => name === 'federation')
      const calm = ofRow.find(({ side }) => side === 'calm')
      const troubled = ofRow.filter(({ side }) => side !== 'calm').map(({ p99 }) => p99)
      return calm && troubled.length > 0 ? Math.max(...troubled) / calm.p99 : undefined
    },
  },
]

/** Those of the rows that were asked for. */
export function judgeGoals(found: Found, only: ReadonlySet<RowName>): JudgedGoal[] {
  return GOALS.filter(({ row }) => only.has(row)).map(({ figure, ...goal }) => {
    const measured = figure(found)
    if (measured === undefined || Number.isNaN(measured)) return { ...goal, measured: undefined, met: undefined }
    return { ...goal, measured, met: goal.bound === 'at least' ? measured >= goal.target : measured <= goal.target }
  })
}

/** The ratio of the node's rate to that of the first baseline, or the first one whose name holds `baseline`. */
function rate(
  row: RowName,
  what: string,
  goal: { readonly target: number; readonly later?: number; readonly baseline?: string },
): Goal {
  const { baseline: name, ...bounds } = goal
  return {
    row,
    what,
    bound: 'at least',
    unit: '×',
    ...bounds,
    figure: (found) => {
      const measured = rowOf(found, row)
      const baseline = measured?.baselines.find((side) => name === undefined || side.name.includes(name))
      return measured && baseline && ratioOf(measured.node, baseline).median
    },
  }
}

function latency(row: RowName, what: string, target: number): Goal {
  return {
    row,
    what: `p99 at 50 % of capacity, ${what}`,
    bound: 'at most',
    target,
    later: target / 2,
    unit: 'µs',
    figure: (found) =>
      found.latency.find((point) => point.name === row && point.side === 'node' && point.shareOfCapacity === 0.5)?.p99,
  }
}

function rowOf(found: Found, name: RowName): Row | undefined {
  return found.rows.find((row) => row.name === name)
}

/** Facts of a row that has several data sets are named `<fact> <records>`, smallest first. */
function factRatio(row: Row | undefined, fact: string): number | undefined {
  const values = Object.entries(row?.facts ?? {}).filter(([name]) => name.startsWith(`${fact} `))
  const [smallest, largest] = [values[0]?.[1], values.at(-1)?.[1]]
  return values.length < 2 || typeof smallest !== 'number' || typeof largest !== 'number'
    ? undefined
    : largest / smallest
}
