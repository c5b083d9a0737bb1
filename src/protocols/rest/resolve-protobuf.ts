/** Results of a batch look-up as the message ResolveResults of proto/resolution.proto. */
import type { Answer, Found } from '../../record/answer.js'
import { EVERYTHING, partsOf, type Reader, visibleValues } from '../../record/select.js'
import { problemOfItem, statusOf } from '../http/problem.js'
import { encodeRecordMessage, encodeResolveResults, type ResolveResult } from '../protobuf/messages.js'
import { refusalOf } from './refusals.js'
import { shownParts } from './representation.js'
import type { Result } from './resolve-json.js'

const readyMessages = new WeakMap<Found, Uint8Array>()

export function protobufResults(results: readonly Result[], readerFor: (answer: Answer) => Reader): Buffer {
  const encoded = encodeResolveResults(results.map((result) => resultMessage(result, readerFor)))
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
}

function resultMessage({ identifier, outcome }: Result, readerFor: (answer: Answer) => Reader): ResolveResult {
  if ('error' in outcome) return refused(identifier, outcome.error)
  if (outcome.kind !== 'found') return refused(identifier, refusalOf(outcome))
  if (readerFor(outcome) === 'public') return { identifier, status: 200, record: readyMessageOf(outcome) }
  const viewing = {
    reader: 'owner',
    media: 'application/x-protobuf',
    options: { selection: EVERYTHING, allValues: false },
  } as const
  return { identifier, status: 200, record: { record: outcome.record, ...shownParts(outcome.record, viewing) } }
}

function refused(identifier: string, error: unknown): ResolveResult {
  const problem = problemOfItem(error)
  return { identifier, status: statusOf[problem.code], problem }
}

function readyMessageOf(answer: Found): Uint8Array {
  const kept = readyMessages.get(answer)
  if (kept !== undefined) return kept
  const { record } = answer
  const message = encodeRecordMessage({ record, ...partsOf(record, visibleValues(record.values, 'public')) })
  readyMessages.set(answer, message)
  return message
}
