/**
 * The metrics of all processes of one machine as one text. Counters are added up, and those of a process that ended stay in
 * the sum, as last heard of: a total never goes back. What a killed process counted after that is lost.
 *
 * Gauges of the node are joined as each says of itself: the oldest feed, the memory of all caches together. Where any one
 * number would lie, as with quantiles, and for what is known of a process as such (its event loop, its open files), each
 * process has a series of its own, with a label `worker`.
 */
import {
  AggregatorRegistry,
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client'
import { counter, gauge } from './collected.js'

/** All metrics of a process at one moment, fit to be sent to another. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

export interface MachineReadings {
  readonly workersUp: number
  readonly workersWanted: number
  /** Workers that ended without being told to. */
  readonly workersLost: number
}

export interface ProcessSnapshot {
  /** Stays the same while the process lives. */
  readonly processId: number
  /** Value of the label `worker`. */
  readonly worker: string
  /** undefined: it did not answer; its counters count as last heard of. */
  readonly snapshot: Snapshot | undefined
}

export interface MachineMetrics {
  heard(processId: number, snapshot: Snapshot): void
  ended(processId: number): void
  text(serving: readonly ProcessSnapshot[]): Promise<string>
}

type Metric = Snapshot[number]

export function machineMetrics(read: () => MachineReadings): MachineMetrics {
  const own = new Registry()
  const heard = new Map<number, Snapshot>()
  let ofEnded: Promise<Snapshot> = Promise.resolve([])
  collectDefaultMetrics({ register: own })
  supervisorMetrics(own, read)

  return {
    heard: (processId, snapshot) => heard.set(processId, snapshot),
    ended(processId) {
      const last = heard.get(processId)
      if (last === undefined) return
      heard.delete(processId)
      ofEnded = ofEnded.then((sum) => joined([sum, countersOf(last)]).getMetricsAsJSON())
    },
    async text(serving) {
      const answered = serving.flatMap(({ snapshot, worker, processId }) =>
        // Whoever ended since it answered is in the sum of those already.
        snapshot === undefined || !heard.has(processId) ? [] : [{ processId, snapshot: apart(snapshot, worker) }],
      )
      const others = [...heard].filter(([id]) => !answered.some(({ processId }) => processId === id))
      return joined([
        ...answered.map(({ snapshot }) => snapshot),
        ...others.map(([, snapshot]) => countersOf(snapshot)),
        await ofEnded,
        apart(await own.getMetricsAsJSON(), 'supervisor'),
      ]).metrics()
    },
  }
}

function supervisorMetrics(registry: Registry, read: () => MachineReadings): void {
  const labels: string[] = []
  gauge(registry, {
    name: 'jiexi_workers_up',
    help: 'Worker processes that serve.',
    labels,
    joined: 'sum',
    collect: (set) => set({}, read().workersUp),
  })
  gauge(registry, {
    name: 'jiexi_workers_wanted',
    help: 'Worker processes that there should be (JIEXI_WORKERS).',
    labels,
    joined: 'sum',
    collect: (set) => set({}, read().workersWanted),
  })
  counter(registry, {
    name: 'jiexi_workers_lost_total',
    help: 'Worker processes that ended without being told to, and were replaced.',
    labels,
    collect: (add) => add({}, read().workersLost),
  })
}

function joined(snapshots: readonly Snapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots])
}

/** What only grows: counters and histograms. */
function countersOf(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ type }) => isCounting(type))
}

/** With a label that keeps apart what must not be joined. */
function apart(snapshot: Snapshot, worker: string): Snapshot {
  return snapshot.map((metric) => {
    if (!isOfOneProcess(metric)) return metric
    const values = metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } }))
    return { ...metric, aggregator: 'sum', values }
  })
}

function isOfOneProcess({ name, type, aggregator }: Metric): boolean {
  if (isCounting(type) || aggregator === 'first') return false
  return aggregator === 'omit' || !name.startsWith('jiexi_')
}

function isCounting(type: Metric['type'] | string): boolean {
  return type === 'counter' || type === 'histogram'
}
