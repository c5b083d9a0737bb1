/** Collects what the rows find, of those that were asked for. A row that fails is told, and the others go on. */

import { type MeasuredSide, spreadOf } from '../load/rounds.js'
import type { RowName } from '../rows/row-names.js'
import type { Found, LatencyRow, LeftRow, MemoryCacheRow, Row, VisibilityRow } from './report.js'

export interface Findings {
  readonly found: Found
  wants(...names: readonly RowName[]): boolean
  /** Does `work` when one of the rows was asked for; when it fails, those of them that are not there yet have failed. */
  group(names: readonly RowName[], work: () => Promise<void>): Promise<void>
  row(name: RowName, measure: () => Promise<Row>): Promise<void>
  latency(name: RowName, measure: () => Promise<readonly LatencyRow[]>): Promise<void>
  visibility(name: RowName, measure: () => Promise<readonly VisibilityRow[]>): Promise<void>
  memoryCache(name: RowName, measure: () => Promise<readonly MemoryCacheRow[]>): Promise<void>
  /** The median rate of the node in a row, measured for this purpose alone when the row was not asked for. */
  capacity(name: RowName, measure: () => Promise<Row>): Promise<number>
  /** The same of all sides of the row, by name; the node's is `node`. */
  capacities(name: RowName, measure: () => Promise<Row>): Promise<ReadonlyMap<string, number>>
  leaveOut(names: readonly RowName[], reason: string): void
}

export interface FindingsOptions {
  readonly only: ReadonlySet<RowName>
  /** Once so, rows fail because their servers are being stopped: that ends the run. */
  readonly isInterrupted: () => boolean
  /** Once so, rows that have not begun are left out. */
  readonly isOutOfTime: () => boolean
}

const OUT_OF_TIME = 'the machine was too busy for all rows in the time of a quick run; name it with --only'

export function findings({ only, isInterrupted, isOutOfTime }: FindingsOptions): Findings {
  const rows: Row[] = []
  const latency: LatencyRow[] = []
  const visibility: VisibilityRow[] = []
  const memoryCache: MemoryCacheRow[] = []
  const left: LeftRow[] = []
  const wants = (...names: readonly RowName[]) => names.some((name) => only.has(name))
  const fail = (name: RowName, error: unknown) => {
    if (isInterrupted()) throw error
    left.push({ name, reason: error instanceof Error ? error.message : String(error), failed: true })
  }
  const leaveOut = (names: readonly RowName[], reason: string) => {
    for (const name of names) if (only.has(name)) left.push({ name, reason, failed: false })
  }
  const attempt = async (name: RowName, measure: () => Promise<void>) => {
    if (!wants(name)) return
    if (isOutOfTime()) return leaveOut([name], OUT_OF_TIME)
    try {
      await measure()
    } catch (error) {
      fail(name, error)
    }
  }

  const capacities = async (name: RowName, measure: () => Promise<Row>) => {
    const { node, baselines } = rows.find((row) => row.name === name) ?? (await measure())
    const medianOf = ({ samples }: MeasuredSide) => spreadOf(samples.map(({ perSecond }) => perSecond)).median
    return new Map([...baselines.map((side) => [side.name, medianOf(side)] as const), ['node', medianOf(node)]])
  }

  return {
    found: { rows, latency, visibility, memoryCache, left },
    wants,
    group: async (names, work) => {
      if (!wants(...names)) return
      if (isOutOfTime()) return leaveOut(names, OUT_OF_TIME)
      try {
        await work()
      } catch (error) {
        const there = new Set([...rows, ...latency, ...visibility, ...memoryCache, ...left].map(({ name }) => name))
        for (const name of names) if (only.has(name) && !there.has(name)) fail(name, error)
      }
    },
    row: (name, measure) => attempt(name, async () => void rows.push(await measure())),
    latency: (name, measure) => attempt(name, async () => void latency.push(...(await measure()))),
    visibility: (name, measure) => attempt(name, async () => void visibility.push(...(await measure()))),
    memoryCache: (name, measure) => attempt(name, async () => void memoryCache.push(...(await measure()))),
    capacity: async (name, measure) => (await capacities(name, measure)).get('node')!,
    capacities,
    leaveOut,
  }
}
