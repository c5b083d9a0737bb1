/**
 * The plain representation of an answer (JSON, public, nothing selected), made once and kept as long as the answer.
 * The body is a latin1 string whose characters are the octets: node joins it with the head into one write.
 */
import type { Found } from '../../record/answer.js'
import { partsOf, visibleValues } from '../../record/select.js'
import { formatTag } from '../http/conditional.js'
import { readyStart } from '../http/ready-response.js'
import { headersOfAnswer } from './answer-headers.js'
import { recordJson } from './record-json.js'

export interface ReadyBytes {
  readonly tag: string
  /** Names and values in turn, as `writeHead` takes them. */
  readonly head: readonly string[]
  readonly notModifiedHead: readonly string[]
  /** The same head, as `sendReady` takes it. */
  readonly start: string
  /** Octets as latin1 characters. */
  readonly body: string
}

const ready = new WeakMap<Found, ReadyBytes>()

export function readyBytesOf(answer: Found, nowMs: number): ReadyBytes {
  const kept = ready.get(answer)
  if (kept !== undefined) return kept
  const made = make(answer, nowMs)
  // A stale answer ages with every second.
  if (answer.stale === undefined) ready.set(answer, made)
  return made
}

/** Octets of UTF-8 as latin1 characters; text of ASCII alone is that already. */
export function octetString(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'utf8').toString('latin1')
}

function make(answer: Found, nowMs: number): ReadyBytes {
  const { record } = answer
  const shown = partsOf(record, visibleValues(record.values, 'public'))
  const body = octetString(JSON.stringify(recordJson(record, shown)))
  const tag = formatTag(answer.version)
  const about = Object.entries(headersOfAnswer(answer, nowMs)).flat()
  const notModifiedHead = ['ETag', tag, ...about]
  const head = ['Content-Type', 'application/json', 'Content-Length', String(body.length), ...notModifiedHead]
  return { tag, head, notModifiedHead, start: readyStart(head), body }
}
