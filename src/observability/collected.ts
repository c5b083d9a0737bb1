/** Metrics whose numbers are kept elsewhere, and read when somebody scrapes. */
import { Counter, Gauge, type Registry } from 'prom-client'

type Labels = Readonly<Record<string, string>>

/** How the gauges of several worker processes make one: `omit` gives each its own series, where any one number would lie. */
export type Joined = 'sum' | 'max' | 'min' | 'first' | 'omit'

export interface Collected {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly collect: (put: (labels: Labels, value: number) => void) => void
}

/** A counter whose numbers are kept elsewhere. */
export function counter(registry: Registry, { name, help, labels, collect }: Collected): void {
  const metric: Counter = new Counter({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect: () => {
      metric.reset()
      collect((of, value) => metric.inc(of, value))
    },
  })
}

export function gauge(
  registry: Registry,
  { name, help, labels, joined, collect }: Collected & { readonly joined: Joined },
): void {
  const metric: Gauge = new Gauge({
    name,
    help,
    aggregator: joined,
    labelNames: labels,
    registers: [registry],
    collect: () => {
      metric.reset()
      // Without labels a reset means 0, and what is unknown is not 0.
      if (labels.length === 0) metric.remove()
      collect((of, value) => metric.set(of, value))
    },
  })
}

export function countMetric(
  registry: Registry,
  of: {
    readonly name: string
    readonly help: string
    readonly label: string
    readonly counts: () => ReadonlyMap<string | number, number>
  },
): void {
  counter(registry, {
    name: of.name,
    help: of.help,
    labels: [of.label],
    collect: (add) => {
      for (const [value, count] of of.counts()) add({ [of.label]: String(value) }, count)
    },
  })
}
