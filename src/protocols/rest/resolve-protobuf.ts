/** Results of a batch look-up as the message ResolveResults of proto/resolution.proto. */
import type { Answer, Found } from '../../record/answer.js'
import { EVERYTHING, partsOf, visibleValues } from '../../record/select.js'
import { problemOfItem, statusOf } from '../http/problem.js'
import {
  encodeRecordMessage,
  encodeResolveResults,
  type ResolveFreshness,
  type ResolveProblem,
  type ResolveResult,
} from '../protobuf/messages.js'
import { ageSecondsOf } from './answer-headers.js'
import { refusalOf } from './refusals.js'
import { shownParts } from './representation.js'
import type { Encoding, Result } from './resolve-json.js'

const readyMessages = new WeakMap<Found, Uint8Array>()

export function protobufResults(results: readonly ResolveResult[]): Buffer {
  const encoded = encodeResolveResults(results)
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
}

export function octetsOfMessage(result: ResolveResult): number {
  return 'record' in result && result.record instanceof Uint8Array ? result.record.length : 0
}

/** A record is octets already. */
export function resultMessage({ identifier, outcome }: Result, { readerFor, nowMs }: Encoding): ResolveResult {
  if ('error' in outcome) {
    const { error, answer } = outcome
    return { identifier, ...refused(error), ...(answer && { freshness: freshnessOf(answer, nowMs) }) }
  }
  const asked = { identifier, freshness: freshnessOf(outcome, nowMs) }
  if (outcome.kind !== 'found') return { ...asked, ...refused(refusalOf(outcome)) }
  const reader = readerFor(outcome)
  if (reader === 'public') return { ...asked, status: 200, record: readyMessageOf(outcome) }
  const viewing = {
    reader,
    media: 'application/x-protobuf',
    options: { selection: EVERYTHING, allValues: false },
  } as const
  const record = encodeRecordMessage({ record: outcome.record, ...shownParts(outcome.record, viewing) })
  return { ...asked, status: 200, record }
}

function freshnessOf(answer: Answer, nowMs: number): ResolveFreshness {
  const { version, tier, stale } = answer
  return { version, tier, ageSeconds: ageSecondsOf(answer, nowMs), ...(stale && { stale }) }
}

function refused(error: unknown): { readonly status: number; readonly problem: ResolveProblem } {
  const problem = problemOfItem(error)
  return { status: statusOf[problem.code], problem }
}

function readyMessageOf(answer: Found): Uint8Array {
  const kept = readyMessages.get(answer)
  if (kept !== undefined) return kept
  const { record } = answer
  const message = encodeRecordMessage({ record, ...partsOf(record, visibleValues(record.values, 'public')) })
  readyMessages.set(answer, message)
  return message
}
