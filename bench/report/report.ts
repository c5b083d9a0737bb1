/** What a run found, as it goes into the JSON file. */
import type { Percentiles } from '../load/percentiles.js'
import type { MeasuredSide } from '../load/rounds.js'
import type { RowName } from '../rows/row-names.js'
import type { Environment } from '../stage/environment.js'
import type { JudgedGoal } from './goals.js'

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

/** One point of a capacity curve: latency at an offered load. Microseconds from the time a request was due. */
export interface LatencyRow extends Percentiles {
  readonly name: RowName
  readonly title: string
  /** `node`, a baseline's name, or the kind of request in a mix. */
  readonly side: string
  /** Of the measured capacity: the node's, but for a baseline that has a curve of its own. */
  readonly shareOfCapacity: number
  readonly offeredPerSecond: number
  readonly answeredPerSecond: number
  /** Microseconds that sends were late by the generator's own fault, 99th percentile. */
  readonly generatorLagP99: number
  readonly generatorBusyShare: number
  readonly unanswered: number
  readonly notes: readonly string[]
}

/** From the acknowledgement of a write on one node to the first answer of another node that has it. Microseconds. */
export interface VisibilityRow extends Percentiles {
  readonly name: RowName
  readonly title: string
  readonly side: string
  /** How long the write itself took. */
  readonly write: Percentiles
  readonly notes: readonly string[]
}

/** What so many records in the memory cache cost, and how late it answers then. */
export interface MemoryCacheRow {
  readonly name: RowName
  readonly title: string
  /** In the cache, as the node's metrics say. */
  readonly entries: number
  /** Growth of the process while they came in, for each. */
  readonly residentBytesPerEntry: number
  /** What the node counts for each, its index included. */
  readonly countedBytesPerEntry: number
  /** Octets of the answers and ready responses themselves, as the node counts them; of identifier and body when it does not. */
  readonly payloadBytesPerEntry: number
  /** Of an answer as a client gets it, with its identifier. */
  readonly answerOctets: number
  /** At the same offered load for all sizes. */
  readonly latency: Percentiles
  readonly offeredPerSecond: number
  readonly notes: readonly string[]
}

/** A row that was asked for and is not there; `failed` when something is wrong. */
export interface LeftRow {
  readonly name: RowName
  readonly reason: string
  readonly failed: boolean
}

export interface Found {
  readonly rows: readonly Row[]
  readonly latency: readonly LatencyRow[]
  readonly visibility: readonly VisibilityRow[]
  readonly memoryCache: readonly MemoryCacheRow[]
  readonly left: readonly LeftRow[]
}

export interface Report extends Found {
  readonly environment: Environment
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>
  readonly goals: readonly JudgedGoal[]
  readonly seconds: number
}
