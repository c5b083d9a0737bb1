/** Results of a batch look-up as JSON: octet strings (latin1 characters that are octets), joined without encoding again. */
import type { Answer } from '../../record/answer.js'
import { EVERYTHING, type Reader } from '../../record/select.js'
import { problemOfItem, statusOf } from '../http/problem.js'
import { ageSecondsOf } from './answer-headers.js'
import { octetString, plainBody } from './plain-json.js'
import { recordJson } from './record-json.js'
import { refusalOf } from './refusals.js'
import { shownParts } from './representation.js'

export interface Result {
  /** As asked. */
  readonly identifier: string
  /** With an error, the answer that is not good enough, where there was one. */
  readonly outcome: Answer | { readonly error: unknown; readonly answer?: Answer }
}

export interface Encoding {
  readonly readerFor: (answer: Answer) => Reader
  readonly nowMs: number
}

/** One result as an object. */
export function jsonResult({ identifier, outcome }: Result, encoding: Encoding): string {
  const asked = octetString(JSON.stringify(identifier))
  if ('error' in outcome) {
    const { error, answer } = outcome
    return refused(asked, error, answer === undefined ? '' : freshnessMembers(answer, encoding.nowMs))
  }
  const freshness = freshnessMembers(outcome, encoding.nowMs)
  if (outcome.kind !== 'found') return refused(asked, refusalOf(outcome), freshness)
  const reader = encoding.readerFor(outcome)
  const record =
    reader === 'public'
      ? plainBody(outcome)
      : octetString(
          JSON.stringify(
            recordJson(
              outcome.record,
              shownParts(outcome.record, {
                reader,
                media: 'application/json',
                options: { selection: EVERYTHING, allValues: false },
              }),
            ),
          ),
        )
  return `{"identifier":${asked},"status":200${freshness},"record":${record}}`
}

export function joinJson(results: readonly string[]): Buffer {
  return joined(results, { open: '{"results":[', between: ',', close: ']}' })
}

export function joinLines(results: readonly string[]): Buffer {
  return joined(results, { open: '', between: '\n', close: results.length === 0 ? '' : '\n' })
}

/** Each piece is written where it belongs: joining strings first would copy all of it twice, at half the speed. */
function joined(
  results: readonly string[],
  { open, between, close }: { readonly open: string; readonly between: string; readonly close: string },
): Buffer {
  let length = open.length + close.length + between.length * Math.max(0, results.length - 1)
  for (const result of results) length += result.length
  const octets = Buffer.allocUnsafe(length)
  let at = octets.write(open, 0, 'latin1')
  for (const [place, result] of results.entries()) {
    if (place > 0) at += octets.write(between, at, 'latin1')
    at += octets.write(result, at, 'latin1')
  }
  octets.write(close, at, 'latin1')
  return octets
}

function refused(asked: string, error: unknown, freshness: string): string {
  const problem = problemOfItem(error)
  return `{"identifier":${asked},"status":${statusOf[problem.code]}${freshness},"problem":${octetString(JSON.stringify(problem))}}`
}

/** A batch has no header fields per answer: each says of itself what they would say. */
function freshnessMembers(answer: Answer, nowMs: number): string {
  const { version, tier, stale } = answer
  const marked =
    stale === undefined ? '' : `,"stale":{"reason":"${stale.reason}","asOf":"${new Date(stale.asOfMs).toISOString()}"}`
  return `,"version":${version},"tier":"${tier}","ageSeconds":${ageSecondsOf(answer, nowMs)}${marked}`
}
