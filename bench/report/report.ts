/** What a run found, as it goes into the JSON file. */

import type { MeasuredSide } from '../load/rounds.js'
import type { RowName } from '../rows/row-names.js'
import type { Environment } from '../stage/environment.js'

export interface Row {
  readonly name: RowName
  /** What was done, for people. */
  readonly title: string
  /** What is counted: `answers`, `identifiers`, `records`. */
  readonly unit: string
  readonly node: MeasuredSide
  /** The first is the one the ratio in the table is to. */
  readonly baselines: readonly MeasuredSide[]
  /** Said under the table: which tier answered, what was unexpected, where the generator set the pace. */
  readonly notes: readonly string[]
  /** Further figures, by name with their unit. */
  readonly facts?: Readonly<Record<string, number | string>>
}

export interface LatencyRow {
  readonly name: RowName
  readonly title: string
  readonly side: 'node' | 'bare http'
  /** Of the node's capacity as measured in this run. */
  readonly shareOfCapacity: number
  readonly offeredPerSecond: number
  readonly answeredPerSecond: number
  /** Microseconds from the time a request was due. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  /** Microseconds that sends were late by the generator's own fault, 99th percentile. */
  readonly generatorLagP99: number
  readonly generatorBusyShare: number
  readonly requests: number
  readonly unanswered: number
  readonly notes: readonly string[]
}

export interface Report {
  readonly environment: Environment
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>
  /** Rows that were asked for and are not there, with the reason; `failed` when something is wrong. */
  readonly left: readonly { readonly name: RowName; readonly reason: string; readonly failed: boolean }[]
  readonly rows: readonly Row[]
  readonly latency: readonly LatencyRow[]
  readonly seconds: number
}
