/** A node of this kind that is asked by its REST API, with what the look-up may still cost (budget.ts). */
import type { Identifier } from '../identifier/identifier.js'
import type { AddressGuard } from '../platform/address-guard.js'
import type { Clock } from '../platform/clock.js'
import { messageOf, NodeError } from '../platform/errors.js'
import { getGuarded } from '../platform/guarded-http.js'
import { hedged } from '../platform/hedged.js'
import type { HttpResponse } from '../platform/http-client.js'
import type { RetryBudget } from '../platform/retry-budget.js'
import { decodeRecordMessage, PROTOBUF_MEDIA_TYPE, type RecordMessage } from '../protocols/protobuf/messages.js'
import type { Answer } from '../record/answer.js'
import type { IdentifierRecord } from '../record/record.js'
import {
  ABOUT_FOREIGN,
  type ForeignAnswer,
  type ForeignLookup,
  type ForeignNode,
  foreignAbsent,
  foreignFound,
  invalidAnswer,
  LEAST_TTL_SECONDS,
  MAX_ANSWER_BYTES,
} from './foreign-answer.js'
import type { Peers } from './peers.js'

export interface HttpNodeOptions {
  /** Of one node: the second is asked when the first is late or fails. Without a path. */
  readonly urls: readonly string[]
  readonly guard: AddressGuard
  readonly peers: Peers
  readonly retries: RetryBudget
  readonly clock: Clock
  /** Asked where the node says that a server with these sites answers. Octets of HS_SITE. */
  readonly follow?: (sites: readonly Uint8Array[], lookup: ForeignLookup) => Promise<ForeignAnswer>
}

const PROBE_MS = 800
const MAX_PROBE_BYTES = 65_536

export function httpNode(options: HttpNodeOptions): ForeignNode {
  return {
    ask: (lookup) => askAny(options, lookup),
    async probe() {
      await Promise.allSettled(options.urls.map((url) => probe(url, options)))
    },
    close: async () => undefined,
  }
}

async function askAny(options: HttpNodeOptions, lookup: ForeignLookup): Promise<ForeignAnswer> {
  const { urls, peers, retries } = options
  retries.asked()
  const attempts = urls.map((url) => (signal: AbortSignal) => askOne(url, options, { ...lookup, signal }))
  const said = await hedged(attempts, {
    afterMs: peers.get(urls[0]!).hedgeAfterMs(),
    mayHedge: () => retries.tryRepeat(),
  })
  if ('answer' in said) return said
  const { code, sites, detail, from, status } = said
  if (code === 'prefix-not-served') throw new NodeError('prefix-not-served', `${from} says: ${detail}`)
  if (code === 'served-elsewhere' && sites.length > 0 && options.follow) return options.follow(sites, lookup)
  throw new NodeError('authority-unavailable', `${from} could not say (status ${status}): ${detail}`)
}

interface Response extends HttpResponse {
  /** Of the node. */
  readonly from: string
}

async function askOne(
  url: string,
  options: HttpNodeOptions,
  { identifier, budget, trace, signal }: ForeignLookup & { readonly signal: AbortSignal },
): Promise<ForeignAnswer | Refusal> {
  const { peers, guard, clock } = options
  const exchange = await peers.get(url).enter(budget.timeLeftMs())
  try {
    budget.spend(1)
    const response = await getGuarded({
      url: `${url}/v1/identifiers/${encodeURIComponent(identifier.key)}?values=all`,
      guard,
      headers: { accept: PROTOBUF_MEDIA_TYPE, ...budget.handOn() },
      // It may have to ask others, and say in time that it could not.
      timeoutMs: budget.timeLeftMs(),
      maxBytes: MAX_ANSWER_BYTES,
      maxRedirects: 2,
      signal,
      onSend: onceMore(() => budget.spend(1)),
    })
    const said = readSaid({ ...response, from: url }, identifier, clock)
    exchange.answered()
    trace?.step('peer', `${url}: answered ${response.status}`)
    return said
  } catch (error) {
    const ended = signal.aborted ? exchange.abandoned() : exchange.failed(error)
    if (ended) trace?.step('peer', `${url}: ${messageOf(error)}`)
    throw unavailable(error)
  }
}

/** The first sending is paid for already. */
function onceMore(spend: () => void): () => void {
  let isFirst = true
  return () => {
    if (!isFirst) spend()
    isFirst = false
  }
}

const BUSY = 503
const SERVER_ERRORS = 500

/** That it is busy, or cannot ask somebody else, is an answer; all else from 500 on is a node that does not work. */
function requireServing({ status }: HttpResponse, url: string): void {
  if (status >= SERVER_ERRORS && status !== BUSY) throw invalidAnswer(url, `has status ${status}`)
}

/** Whatever kept the answer away, the asker's own request is not to blame. */
function unavailable(error: unknown): unknown {
  if (!(error instanceof NodeError) || error.code === 'overloaded') return error
  return new NodeError('authority-unavailable', error.message, { cause: error })
}

/** @throws NodeError `authority-unavailable` for what is no answer */
function readSaid(response: Response, identifier: Identifier, clock: Clock): ForeignAnswer | Refusal {
  requireServing(response, response.from)
  if (response.status === 200) return foundIn(response, identifier, clock)
  const refusal = refusalIn(response)
  const ttlSeconds = LEAST_TTL_SECONDS
  if (refusal.code === 'identifier-absent') return { answer: foreignAbsent(identifier), ttlSeconds }
  if (refusal.code !== 'identifier-withdrawn') return refusal
  return { answer: withdrawn(response, identifier, { detail: refusal.detail, clock }), ttlSeconds }
}

function foundIn(response: Response, identifier: Identifier, clock: Clock): ForeignAnswer {
  const { headers, from } = response
  if (!headers['content-type']?.startsWith(PROTOBUF_MEDIA_TYPE))
    throw invalidAnswer(from, `is ${JSON.stringify((headers['content-type'] ?? 'of no type').slice(0, 100))}`)
  const found = foreignFound(identifier, recordIn(response), from)
  if (headers['jiexi-version'] !== String(found.version)) throw invalidAnswer(from, 'says another version in its head')
  return { answer: { ...found, ...freshnessOf(response, clock) }, ttlSeconds: LEAST_TTL_SECONDS }
}

function recordIn({ body, from }: Response): IdentifierRecord {
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
function freshnessOf({ headers }: Response, clock: Clock): Pick<Answer, 'asOfMs' | 'stale'> {
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
  { headers, from }: Response,
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

interface Refusal {
  readonly from: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly sites: readonly Uint8Array[]
}

const MAX_DETAIL = 500
const MAX_SITES = 8

function refusalIn({ body, headers, status, from }: Response): Refusal {
  if (!headers['content-type']?.startsWith('application/problem+json'))
    throw invalidAnswer(from, `has status ${status} and is no problem document`)
  const document = parsed(body)
  const { code, detail, referral } = (document ?? {}) as { code?: unknown; detail?: unknown; referral?: unknown }
  if (typeof code !== 'string') throw invalidAnswer(from, `has status ${status} and no code`)
  const said = ((referral ?? {}) as { sites?: unknown }).sites
  const sites = Array.isArray(said) ? said.filter((site): site is string => typeof site === 'string') : []
  return {
    from,
    status,
    code,
    detail: typeof detail === 'string' ? detail.slice(0, MAX_DETAIL) : code.slice(0, MAX_DETAIL),
    sites: sites.slice(0, MAX_SITES).map((site) => Buffer.from(site, 'base64')),
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

async function probe(url: string, { peers, guard }: HttpNodeOptions): Promise<void> {
  await peers.ask(url, PROBE_MS, async () => {
    const response = await getGuarded({ url: `${url}/livez`, guard, timeoutMs: PROBE_MS, maxBytes: MAX_PROBE_BYTES })
    requireServing(response, url)
  })
}
