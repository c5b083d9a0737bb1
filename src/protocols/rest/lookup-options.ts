/** What the query of a look-up may ask for. Unknown or repeated parameters are refused: a typing error must not pass. */
import { type Fault, NodeError } from '../../platform/errors.js'
import { daysIn } from '../../record/calendar.js'
import type { Selection } from '../../record/select.js'

export interface LookupOptions {
  readonly selection: Selection
  /** Every value in `values`, attributes included. */
  readonly allValues: boolean
  /** A version by number, or the one that was current at a time (milliseconds since the epoch). */
  readonly past: { readonly version: number } | { readonly atMs: number } | undefined
  readonly explain: boolean
  readonly authoritative: boolean
  readonly minVersion: number | undefined
}

const MAX_REPEATS = 100
const MAX_INDEX = 4_294_967_295
const DIGITS = /^\d{1,15}$/
const TIME = /^(\d{4})-(\d{2})-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/i
const REPEATABLE = ['index', 'type', 'attribute']
const DEMANDS = ['authoritative', 'min-version']
const SINGLE = ['values', 'version', 'at', 'explain', ...DEMANDS]

/** What stands after the "?" of an address. */
export function queryIn(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? '' : url.slice(mark + 1)
}

/** Of a query without its "?". @throws NodeError `request-malformed` with every fault */
export function readLookupOptions(query: string): LookupOptions {
  const parameters = new URLSearchParams(query)
  const faults: Fault[] = []
  checkNames(parameters, { single: SINGLE, repeatable: REPEATABLE, faults })

  const versionNumber = wholeNumber(parameters, 'version', faults)
  const atMs = time(parameters, faults)
  if (versionNumber !== undefined && atMs !== undefined)
    faults.push({ field: 'at', reason: 'give version or at, not both' })
  const options: LookupOptions = {
    selection: {
      indexes: parameters.getAll('index').map((text) => indexOf(text, faults)),
      types: parameters.getAll('type'),
      attributes: parameters.getAll('attribute'),
    },
    allValues: flag(parameters, 'values', { when: 'all', faults }),
    past: versionNumber !== undefined ? { version: versionNumber } : atMs !== undefined ? { atMs } : undefined,
    explain: flag(parameters, 'explain', { when: '1', faults }),
    ...demandsIn(parameters, faults),
  }
  if (faults.length > 0) throw malformedQuery(faults)
  return options
}

/** What counts for every identifier of a batch. @throws NodeError `request-malformed` with every fault */
export function readBatchOptions(query: string): Pick<LookupOptions, 'authoritative' | 'minVersion'> {
  const parameters = new URLSearchParams(query)
  const faults: Fault[] = []
  checkNames(parameters, { single: DEMANDS, repeatable: [], faults })
  const options = demandsIn(parameters, faults)
  if (faults.length > 0) throw malformedQuery(faults)
  return options
}

function demandsIn(parameters: URLSearchParams, faults: Fault[]) {
  return {
    authoritative: flag(parameters, 'authoritative', { when: '1', faults }),
    minVersion: wholeNumber(parameters, 'min-version', faults),
  }
}

/** True when nothing narrows or widens what is shown. */
export function selectsNothing({ selection, allValues }: Pick<LookupOptions, 'selection' | 'allValues'>): boolean {
  const { indexes, types, attributes } = selection
  return !allValues && indexes.length === 0 && types.length === 0 && attributes.length === 0
}

export function malformedQuery(faults: readonly Fault[]): NodeError {
  const said = faults.map(({ field, reason }) => `${field}: ${reason}`).join('; ')
  return new NodeError('request-malformed', `The query cannot be taken: ${said}.`, { faults })
}

interface Known {
  readonly single: readonly string[]
  readonly repeatable: readonly string[]
  readonly faults: Fault[]
}

function checkNames(parameters: URLSearchParams, { single, repeatable, faults }: Known): void {
  for (const name of new Set(parameters.keys())) {
    const count = parameters.getAll(name).length
    if (repeatable.includes(name)) {
      if (count > MAX_REPEATS) faults.push({ field: name, reason: `at most ${MAX_REPEATS} of them` })
    } else if (!single.includes(name)) {
      faults.push({ field: name.slice(0, 64), reason: `unknown; known are ${[...repeatable, ...single].join(', ')}` })
    } else if (count > 1) faults.push({ field: name, reason: 'may stand once' })
  }
}

function wholeNumber(parameters: URLSearchParams, name: string, faults: Fault[]): number | undefined {
  const text = parameters.get(name)
  if (text === null) return undefined
  if (!DIGITS.test(text) || Number(text) < 1) faults.push({ field: name, reason: 'must be a whole number from 1' })
  return Number(text)
}

function indexOf(text: string, faults: Fault[]): number {
  if (!DIGITS.test(text) || Number(text) > MAX_INDEX)
    faults.push({ field: 'index', reason: `must be a whole number up to ${MAX_INDEX}` })
  return Number(text)
}

function time(parameters: URLSearchParams, faults: Fault[]): number | undefined {
  const text = parameters.get('at')
  if (text === null) return undefined
  // In a query "+" means a space: give back the offset it was written for.
  const written = text.replace(' ', '+')
  const parts = TIME.exec(written)
  const [year, month, day] = (parts ?? []).slice(1, 4).map(Number)
  const atMs = parts === null ? Number.NaN : Date.parse(written)
  if (Number.isNaN(atMs)) faults.push({ field: 'at', reason: 'must be a time such as 2026-01-31T12:00:00Z, or a date' })
  else if (day! > daysIn(year!, month!))
    faults.push({
      field: 'at',
      position: 8,
      reason: `has day ${day}: ${parts![1]}-${parts![2]} has ${daysIn(year!, month!)} days`,
    })
  return atMs
}

function flag(
  parameters: URLSearchParams,
  name: string,
  { when, faults }: { readonly when: string; readonly faults: Fault[] },
): boolean {
  const text = parameters.get(name)
  if (text !== null && text !== when) faults.push({ field: name, reason: `can only be ${name}=${when}` })
  return text === when
}
