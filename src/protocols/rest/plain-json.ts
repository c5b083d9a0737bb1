/**
 * The plain representation of a record: JSON, public, nothing selected. Its octets are a face, kept where the answer is
 * kept; its head is the same for all records of one version and length, and made once for each of these.
 */
import type { Found, Tier } from '../../record/answer.js'
import type { Face } from '../../record/face.js'
import { FACE_IDS, faceOf } from '../../record/face.js'
import type { IdentifierRecord } from '../../record/record.js'
import { partsOf, visibleValues } from '../../record/select.js'
import { formatTag } from '../http/conditional.js'
import { readyStart } from '../http/ready-response.js'
import { headersOfAnswer } from './answer-headers.js'
import { plainOctets } from './plain-octets.js'
import { recordJson } from './record-json.js'

export interface PlainHead {
  readonly tag: string
  /** Names and values in turn, as `writeHead` takes them. */
  readonly head: readonly string[]
  readonly notModifiedHead: readonly string[]
  /** The same head, as `sendReady` takes it. */
  readonly start: string
}

export const PLAIN_JSON: Face = {
  id: FACE_IDS.restJson,
  encode: ({ record }) => plainOctets(record) ?? decodedOctets(record),
}

/** The long way, for any record. */
export function decodedOctets(record: IdentifierRecord): string {
  const shown = partsOf(record, visibleValues(record.values, 'public'))
  return octetString(JSON.stringify(recordJson(record, shown)))
}

/** Octets as latin1 characters. */
export function plainBody(answer: Found): string {
  return faceOf(answer, PLAIN_JSON)
}

const MAX_HEADS = 8_192
/** Lengths are below it, so that version and length make one number. */
const MAX_LENGTH = 2 ** 24

type Heads = Map<number, PlainHead>
const heads: Readonly<Partial<Record<Tier, Heads>>> = { memory: new Map(), redis: new Map(), registry: new Map() }

export function plainHead(answer: Found, length: number, nowMs: number): PlainHead {
  const ofTier = heads[answer.tier]
  // A stale answer ages with every second, and so does another node's.
  if (ofTier === undefined || answer.stale !== undefined || length >= MAX_LENGTH) return makeHead(answer, length, nowMs)
  const which = answer.version * MAX_LENGTH + length
  const known = ofTier.get(which)
  if (known !== undefined) return known
  if (ofTier.size >= MAX_HEADS) ofTier.clear()
  const made = makeHead(answer, length, nowMs)
  ofTier.set(which, made)
  return made
}

function makeHead(answer: Found, length: number, nowMs: number): PlainHead {
  const tag = formatTag(answer.version)
  const about = Object.entries(headersOfAnswer(answer, nowMs)).flat()
  const notModifiedHead = ['ETag', tag, ...about]
  const head = ['Content-Type', 'application/json', 'Content-Length', String(length), ...notModifiedHead]
  return { tag, head, notModifiedHead, start: readyStart(head) }
}

/** Octets of UTF-8 as latin1 characters; text of ASCII alone is that already. */
export function octetString(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text, 'utf8').toString('latin1')
}
