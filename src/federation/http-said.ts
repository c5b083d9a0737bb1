/** What a node of ours says over HTTP to one look-up, read with mistrust: a record, absent, withdrawn, or a refusal and why. */
import type { Identifier } from '../identifier/identifier.js'
import type { Clock } from '../platform/clock.js'
import { messageOf } from '../platform/errors.js'
import type { HttpResponse } from '../platform/http-client.js'
import { decodeRecordMessage, PROTOBUF_MEDIA_TYPE, type RecordMessage } from '../protocols/protobuf/messages.js'
import type { Answer } from '../record/answer.js'
import type { IdentifierRecord } from '../record/record.js'
import {
  ABOUT_FOREIGN,
  type ForeignAnswer,
  foreignAbsent,
  foreignFound,
  invalidAnswer,
  LEAST_TTL_SECONDS,
} from './foreign-answer.js'
import type { Referral } from './referred-routes.js'

export interface SaidResponse extends HttpResponse {
  /** The node's address. */
  readonly from: string
}

const BUSY = 503
const SERVER_ERRORS = 500

/** That it is busy, or cannot ask somebody else, is an answer; all else from 500 on is a node that does not work. */
export function requireServing({ status }: HttpResponse, url: string): void {
  if (status >= SERVER_ERRORS && status !== BUSY) throw invalidAnswer(url, `has status ${status}`)
}

/** @throws NodeError `authority-unavailable` for what is no answer */
export function readSaid(response: SaidResponse, identifier: Identifier, clock: Clock): ForeignAnswer | Refusal {
  requireServing(response, response.from)
  if (response.status === 200) return foundIn(response, identifier, clock)
  const refusal = refusalIn(response)
  const ttlSeconds = LEAST_TTL_SECONDS
  if (refusal.code === 'identifier-absent') return { answer: foreignAbsent(identifier), ttlSeconds }
  if (refusal.code !== 'identifier-withdrawn') return refusal
  return { answer: withdrawn(response, identifier, { detail: refusal.detail, clock }), ttlSeconds }
}

function foundIn(response: SaidResponse, identifier: Identifier, clock: Clock): ForeignAnswer {
  const { headers, from } = response
  if (!headers['content-type']?.startsWith(PROTOBUF_MEDIA_TYPE))
    throw invalidAnswer(from, `is ${JSON.stringify((headers['content-type'] ?? 'of no type').slice(0, 100))}`)
  const found = foreignFound(identifier, recordIn(response), from)
  if (headers['jiexi-version'] !== String(found.version)) throw invalidAnswer(from, 'says another version in its head')
  return { answer: { ...found, ...freshnessOf(response, clock) }, ttlSeconds: LEAST_TTL_SECONDS }
}

function recordIn({ body, from }: SaidResponse): IdentifierRecord {
  let message: RecordMessage
  try {
    message = decodeRecordMessage(body)
  } catch (cause) {
    throw invalidAnswer(from, `is no record: ${messageOf(cause)}`, cause)
  }
  if (message.state !== 'registered') throw invalidAnswer(from, 'is of a record that is not registered')
  const { identifier: spelling, key, prefix, version, template, values, registeredAtMs, recordedAtMs } = message
  return { key, spelling, prefix, version, template, values, registeredAtMs, recordedAtMs }
}

const STALE = /^authority-unavailable; asof=(\S{1,40})$/
const DIGITS = /^\d{1,9}$/

/** How old it was when it left: what another node marks as stale stays so. */
function freshnessOf({ headers }: SaidResponse, clock: Clock): Pick<Answer, 'asOfMs' | 'stale'> {
  const age = headers['age'] ?? ''
  const asOfMs = clock.nowMs() - (DIGITS.test(age) ? Number(age) * 1000 : 0)
  const stale = headers['jiexi-stale']
  if (stale === undefined) return { asOfMs }
  const saidMs = Date.parse(STALE.exec(stale)?.[1] ?? '')
  return {
    asOfMs,
    stale: { reason: 'authority-unavailable', asOfMs: Number.isNaN(saidMs) ? asOfMs : Math.min(saidMs, asOfMs) },
  }
}

const WITHDRAWN = /was withdrawn on (\S{1,40})\. (?:No reason was given\.|Reason: (.*))$/s

function withdrawn(
  { headers, from }: SaidResponse,
  identifier: Identifier,
  { detail, clock }: { readonly detail: string; readonly clock: Clock },
) {
  const version = Number(headers['jiexi-version'])
  if (!Number.isSafeInteger(version) || version < 1) throw invalidAnswer(from, 'says no version of what was withdrawn')
  const [, when = '', reason = ''] = WITHDRAWN.exec(detail) ?? []
  const atMs = Date.parse(when)
  return {
    kind: 'withdrawn' as const,
    key: identifier.key,
    prefix: identifier.prefix,
    version,
    ...ABOUT_FOREIGN,
    spelling: identifier.spelling,
    withdrawnAtMs: Number.isNaN(atMs) ? clock.nowMs() : atMs,
    reason,
  }
}

export interface Refusal {
  readonly from: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly referral: Referral | undefined
}

const MAX_DETAIL = 500
const MAX_SITES = 8
/** Base64: routes are kept, a thousand of them. */
const MAX_SITE_LENGTH = 8_192

function refusalIn({ body, headers, status, from }: SaidResponse): Refusal {
  if (!headers['content-type']?.startsWith('application/problem+json'))
    throw invalidAnswer(from, `has status ${status} and is no problem document`)
  const document = parsed(body)
  const { code, detail, referral } = (document ?? {}) as { code?: unknown; detail?: unknown; referral?: unknown }
  if (typeof code !== 'string') throw invalidAnswer(from, `has status ${status} and no code`)
  return {
    from,
    status,
    code,
    detail: typeof detail === 'string' ? detail.slice(0, MAX_DETAIL) : code.slice(0, MAX_DETAIL),
    referral: referralIn(referral),
  }
}

/** undefined: it names no sites. */
function referralIn(said: unknown): Referral | undefined {
  const { prefix, sites } = Object(said) as { readonly prefix?: unknown; readonly sites?: unknown }
  if (typeof prefix !== 'string' || !Array.isArray(sites)) return undefined
  const isSite = (site: unknown): site is string => typeof site === 'string' && site.length <= MAX_SITE_LENGTH
  const texts = sites.filter(isSite).slice(0, MAX_SITES)
  return texts.length === 0 ? undefined : { prefix, sites: texts.map((site) => Buffer.from(site, 'base64')) }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
