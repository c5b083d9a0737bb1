/** The two sides of most rows, a server each, measured by the same closed loop. */

import { cpuSecondsOf } from '../stage/process-usage.js'
import { runClosedLoop } from './closed-loop.js'
import { GENERATOR_LIMIT, type Load } from './load.js'
import type { MeasuredSide, Sample, Side } from './rounds.js'

export interface LoadedServer {
  readonly port: number
  /** Of its first process; those below it count with it. */
  readonly pid: number
}

export interface LoadedSide extends Omit<Load, 'port' | 'otherPorts'> {
  readonly name: string
  readonly server: LoadedServer
  /** Loaded together with `server`, as one. */
  readonly otherServers?: readonly LoadedServer[]
  /** What one answer counts for in the row's unit; 1 unless it is a batch. */
  readonly unitsPerAnswer?: number
}

export function loadedSide(side: LoadedSide): Side {
  const { server, otherServers = [], unitsPerAnswer = 1 } = side
  const otherPorts = otherServers.map(({ port }) => port)
  const cpuSeconds = () => sumOfKnown([server, ...otherServers].map(({ pid }) => cpuSecondsOf(pid)))
  return {
    name: side.name,
    measure: async () => {
      const cpuBefore = cpuSeconds()
      const result = await runClosedLoop({ ...side, port: server.port, otherPorts })
      const units = result.answersPerSecond * result.seconds * unitsPerAnswer
      return {
        perSecond: result.answersPerSecond * unitsPerAnswer,
        cpuMicroseconds: perUnit(cpuBefore, cpuSeconds(), units),
        generatorBusyShare: result.generatorBusyShare,
        unexpected: Object.fromEntries(result.unexpected),
      }
    },
  }
}

/** undefined when one of them is. */
function sumOfKnown(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0)
}

/** CPU microseconds for each unit, where both readings are known. */
export function perUnit(before: number | undefined, after: number | undefined, units: number): number | undefined {
  return before === undefined || after === undefined || units === 0 ? undefined : ((after - before) * 1e6) / units
}

/** What a reader must know before believing the figures: statuses that were not expected, a generator at its limit. */
export function warningsOf(sides: readonly MeasuredSide[]): string[] {
  return sides.flatMap(({ name, samples }) => {
    const warnings: string[] = []
    const busiest = Math.max(...samples.map(({ generatorBusyShare = 0 }) => generatorBusyShare))
    if (busiest > GENERATOR_LIMIT) {
      warnings.push(`GENERATOR-BOUND: loading ${name} took ${percent(busiest)} of the generator's core`)
    }
    const unexpected = unexpectedOf(samples)
    if (unexpected !== '') warnings.push(`UNEXPECTED ANSWERS of ${name}: ${unexpected}`)
    return warnings
  })
}

function unexpectedOf(samples: readonly Sample[]): string {
  const total = new Map<string, number>()
  for (const { unexpected = {} } of samples) {
    for (const [status, answers] of Object.entries(unexpected)) total.set(status, (total.get(status) ?? 0) + answers)
  }
  return [...total].map(([status, answers]) => `${answers} × status ${status}`).join(', ')
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`
}
