/**
 * The periods that reports are about, and where they begin and end.
 *
 *   hourly    2026-11-25T06Z     whole hours of UTC, so that no clock change makes one twice
 *   daily     2026-11-25         from midnight to midnight in the node's time zone
 *   monthly   2026-11            likewise
 *   on-change current            no period: a state, told anew whenever it is another one
 */
import { NodeError } from '../platform/errors.js'

export type Cadence = 'on-change' | 'hourly' | 'daily' | 'monthly'

export interface Period {
  readonly key: string
  /** Milliseconds since the epoch; the end is the beginning of the next. */
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000

/** The period in which `atMs` lies. */
export function periodAt(cadence: Exclude<Cadence, 'on-change'>, atMs: number, timeZone: string): Period {
  if (cadence === 'hourly') {
    const fromMs = Math.floor(atMs / HOUR_MS) * HOUR_MS
    return { key: `${new Date(fromMs).toISOString().slice(0, 13)}Z`, fromMs, toMs: fromMs + HOUR_MS }
  }
  const { year, month, day } = localDate(atMs, timeZone)
  if (cadence === 'monthly') {
    const [fromMs, toMs] = [
      midnight({ year, month, day: 1 }, timeZone),
      midnight({ year, month: month + 1, day: 1 }, timeZone),
    ]
    return { key: `${padded(year, 4)}-${padded(month)}`, fromMs, toMs }
  }
  const [fromMs, toMs] = [midnight({ year, month, day }, timeZone), midnight({ year, month, day: day + 1 }, timeZone)]
  return { key: `${padded(year, 4)}-${padded(month)}-${padded(day)}`, fromMs, toMs }
}

/** @throws NodeError `request-malformed` */
export function periodNamed(cadence: Exclude<Cadence, 'on-change'>, key: string, timeZone: string): Period {
  const atMs = startOf(cadence, key, timeZone)
  const period = Number.isNaN(atMs) ? undefined : periodAt(cadence, atMs, timeZone)
  if (period?.key === key) return period
  const example = { hourly: '2026-11-25T06Z', daily: '2026-11-25', monthly: '2026-11' }[cadence]
  throw new NodeError('request-malformed', `"${key}" is no period of a report that is made ${cadence}.`, {
    faults: [{ field: 'period', reason: `write it like ${example}` }],
  })
}

function startOf(cadence: Exclude<Cadence, 'on-change'>, key: string, timeZone: string): number {
  if (cadence === 'hourly')
    return /^\d{4}-\d\d-\d\dT\d\dZ$/.test(key) ? Date.parse(`${key.slice(0, 13)}:00:00Z`) : Number.NaN
  const [, year, month, day = '1'] =
    (cadence === 'daily' ? /^(\d{4})-(\d\d)-(\d\d)$/ : /^(\d{4})-(\d\d)$/).exec(key) ?? []
  if (year === undefined) return Number.NaN
  return midnight({ year: Number(year), month: Number(month), day: Number(day) }, timeZone)
}

interface LocalDate {
  readonly year: number
  /** From 1; one too many is the first of the next year. */
  readonly month: number
  readonly day: number
}

/** The first moment of a local day: two looks at the offset, for it may change in between; or at midnight, which is then left out. */
function midnight({ year, month, day }: LocalDate, timeZone: string): number {
  const asUtc = Date.UTC(year, month - 1, day)
  const guess = asUtc - offsetMs(asUtc, timeZone)
  const atMs = asUtc - offsetMs(guess, timeZone)
  return atMs + offsetMs(atMs, timeZone) < asUtc ? guess : atMs
}

/** Local time less UTC. */
function offsetMs(atMs: number, timeZone: string): number {
  const { year, month, day, hour, minute, second } = localTime(atMs, timeZone)
  return Date.UTC(year!, month! - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000
}

function localDate(atMs: number, timeZone: string): LocalDate {
  const { year, month, day } = localTime(atMs, timeZone)
  return { year: year!, month: month!, day: day! }
}

const formats = new Map<string, Intl.DateTimeFormat>()

function localTime(atMs: number, timeZone: string): Readonly<Record<string, number>> {
  let format = formats.get(timeZone)
  if (format === undefined) {
    const numeric = 'numeric' as const
    const time = { hour: numeric, minute: numeric, second: numeric, hourCycle: 'h23' as const }
    format = new Intl.DateTimeFormat('en-US', { timeZone, year: numeric, month: numeric, day: numeric, ...time })
    formats.set(timeZone, format)
  }
  return Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
}

function padded(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
