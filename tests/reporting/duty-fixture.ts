/** The duty on a real registry, with a clock that the test moves and a destination that the test scripts. */
import type { Destination, Document, Outcome } from '../../src/reporting/destinations/destination.js'
import { type Reporting, type ReportingOptions, reporting } from '../../src/reporting/duty/reporting.js'
import { reportFaults } from '../../src/reporting/tables/report-shape.js'
import type { TableName } from '../../src/reporting/tables/tables.js'
import { type RegistryFixture, registryFixture } from '../registry/fixture.js'
import { type ManualClock, manualClock } from '../support/manual-clock.js'

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
export type Received = { readonly table: TableName; readonly data: any; readonly [name: string]: any }

export interface ScriptedDestination extends Destination {
  readonly received: Received[]
  /** What becomes of the next documents; delivered while undefined. */
  answer: ((document: Document, signal: AbortSignal) => Outcome | Promise<Outcome>) | undefined
  of(table: TableName): readonly Received[]
}

export function scriptedDestination(name = 'top'): ScriptedDestination {
  const received: Received[] = []
  return {
    name,
    received,
    answer: undefined,
    of: (table) => received.filter((one) => one.table === table),
    async send(document, signal) {
      const outcome = (await this.answer?.(document, signal)) ?? { kind: 'delivered', detail: '' }
      if (outcome.kind === 'delivered') {
        const report = JSON.parse(document.text)
        const faults = reportFaults(report.table, report)
        if (faults.length > 0) throw new Error(`${document.table}: ${JSON.stringify(faults)}`)
        received.push(report)
      }
      return outcome
    },
  }
}

export interface DutyFixture extends RegistryFixture {
  readonly clock: ManualClock
  readonly warnings: string[]
  duty(options?: Partial<ReportingOptions>): Reporting
}

/** At the beginning it is 2026-11-25, 10:30 in Beijing. */
export async function dutyFixture(): Promise<DutyFixture> {
  const registry = await registryFixture()
  const clock = manualClock(Date.parse('2026-11-25T02:30:00Z'))
  const warnings: string[] = []
  const running: Reporting[] = []
  return {
    ...registry,
    clock,
    warnings,
    duty(options = {}) {
      const made = reporting({
        db: registry.db,
        clock,
        node: '88.118',
        timeZone: 'Asia/Shanghai',
        stalenessBoundMs: 1_000,
        findOperator: async () => ({}),
        isProbing: true,
        destinations: [],
        log: { info: () => undefined, debug: () => undefined, warn: (message) => warnings.push(message) },
        pace: { idleMs: 5, backOffMs: 5, maxBackOffMs: 40 },
        ...options,
      })
      running.push(made)
      return made
    },
    close: async () => {
      await Promise.all(running.map((one) => one.stop()))
      await registry.close()
    },
  }
}
