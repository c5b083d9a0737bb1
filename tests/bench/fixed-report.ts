/** A report with figures that are easy to reckon with, for tests of what is made of reports. */
import type { Percentiles } from '../../bench/load/percentiles.js'
import { judgeGoals } from '../../bench/report/goals.js'
import type { Found, LatencyRow, Report, Row } from '../../bench/report/report.js'
import { ROW_NAMES } from '../../bench/rows/row-names.js'

export function fixedReport(parts: Partial<Report> = {}): Report {
  const found: Found = {
    rows: [
      rowOf('memory-zipf', [42_000, 45_000, 48_000], {
        'bare http': [60_000, 60_000, 60_000],
        fastify: [50_000, 50_000, 50_000],
      }),
      rowOf('batch-resolve', [150_000, 160_000, 170_000], { 'bare http': [700_000, 700_000, 700_000] }),
      rowOf('postgres', [8_000], { 'bare http': [50_000], 'coalesced query': [10_000] }),
      { ...rowOf('workers', [30_000], { one: [30_000] }), node: sideOf('2 workers', [30_000], 24) },
      {
        ...rowOf('scale', [], { '10000 records': [10_000], '100000 records': [9_000] }),
        node: sideOf('1000000 records', [8_000], 20),
        facts: {
          'queriesPerLookup 10000': 1,
          'queriesPerLookup 1000000': 1,
          'rowsPerLookup 10000': 1,
          'rowsPerLookup 1000000': 1.5,
        },
      },
    ],
    latency: [0.1, 0.5, 0.9].flatMap((share) => [
      pointOf('node', share, 1_250 * share * 2),
      pointOf('bare http', share, 800 * share * 2),
    ]),
    visibility: [
      {
        name: 'visible',
        title: 'PUT on one node until GET on another has it',
        side: 'acknowledged at once',
        ...percentilesAt(26_000, 1_100_000),
        write: percentilesAt(3_000, 9_000),
        notes: ['this build has no ?wait=visible'],
      },
    ],
    memoryCache: [
      { entries: 10_000, residentBytesPerEntry: 1_000, p99: 500 },
      { entries: 1_000_000, residentBytesPerEntry: 875, p99: 1_500 },
    ].map(({ entries, residentBytesPerEntry, p99 }) => ({
      name: 'memory-cache',
      title: `${entries} records in memory`,
      entries,
      residentBytesPerEntry,
      countedBytesPerEntry: 800,
      payloadBytesPerEntry: 700,
      answerOctets: 650,
      latency: { ...percentilesAt(100, 5_000), p99 },
      offeredPerSecond: 20_000,
      notes: [],
    })),
    left: [{ name: 'redis', reason: 'there is no redis-server on PATH', failed: false }],
  }
  return {
    environment: {
      date: '2026-01-01T00:00:00.000Z',
      commit: 'abc',
      cpu: 'Some CPU',
      cores: 2,
      memoryBytes: 8 * 2 ** 30,
      system: 'Linux 6',
      node: 'v20.19.0',
      postgres: '18.4',
      redis: undefined,
      pinned: { serverCore: 0, loadCore: 1, serverCores: [0] },
      loadAverageBefore: 0.1,
    },
    options: { records: 1_000, seed: 1 },
    goals: judgeGoals(found, new Set(ROW_NAMES)),
    seconds: 1,
    ...found,
    ...parts,
  }
}

/** Baselines by name with their rates. */
export function rowOf(name: Row['name'], rates: readonly number[], baselines: Record<string, readonly number[]>): Row {
  return {
    name,
    title: `what ${name} does`,
    unit: 'answers',
    node: sideOf('node', rates, 14),
    baselines: Object.entries(baselines).map(([baseline, baselineRates]) => sideOf(baseline, baselineRates, 20)),
    notes: [],
  }
}

function sideOf(name: string, rates: readonly number[], cpuMicroseconds: number): Row['node'] {
  return { name, samples: rates.map((perSecond) => ({ perSecond, cpuMicroseconds })) }
}

export function pointOf(side: string, shareOfCapacity: number, p99: number): LatencyRow {
  return {
    name: 'latency-memory',
    title: 'GET memory hit',
    side,
    shareOfCapacity,
    offeredPerSecond: 40_000 * shareOfCapacity,
    answeredPerSecond: 40_000 * shareOfCapacity - 10,
    ...percentilesAt(180, 41_000),
    p99,
    generatorLagP99: 10,
    generatorBusyShare: 0.3,
    unanswered: 0,
    notes: [],
  }
}

function percentilesAt(p50: number, max: number): Percentiles {
  const [p90, p99, p999] = [p50 * 2, p50 * 3, p50 * 4]
  const curve = [
    [0.5, p50],
    [0.9, p90],
    [0.99, p99],
    [0.999, p999],
    [1, max],
  ] as const
  return { p50, p90, p99, p999, max, curve, requests: 60_000 }
}
