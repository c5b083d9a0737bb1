/**
 * POST /v1/identifiers:batch: up to 2,000 registrations and withdrawals, each with its own outcome, in order. What is
 * malformed is refused here; the rest goes to the registry together.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, NodeError } from '../../platform/errors.js'
import { readDraft } from '../../record/draft.js'
import {
  type ItemOutcome,
  MAX_ITEMS,
  type Precondition,
  type Registration,
  writeIdentifiers,
} from '../../registry/identifiers.js'
import { authorize } from '../../security/authorize.js'
import type { Authenticate } from '../http/authenticate.js'
import { type ItemProblem, problemOfItem, statusOf } from '../http/problem.js'
import { acknowledge, readWriteQuery, waitIn } from './acknowledge.js'
import type { RestOptions } from './door-options.js'
import { draftError } from './draft-error.js'
import { requireIdentifier } from './identifier-path.js'
import { idempotencyOf, type ReceiptContext, receiptJson } from './identifiers.js'
import { propagationOf } from './propagation.js'

export interface BatchWriteResult {
  /** As sent; null when none was. */
  readonly identifier: string | null
  readonly status: number
  readonly receipt?: unknown
  readonly problem?: ItemProblem
}

type Read =
  | { readonly ok: true; readonly registration: Registration }
  | { readonly ok: false; readonly error: NodeError }

export function batchWrite(door: RestOptions, authenticate: Authenticate) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const principal = await authenticate(request)
    // Before anything is read: a stranger's faults are not explained to them.
    authorize(principal, 'write')
    const wait = waitIn(readWriteQuery(request))
    const items = itemsOf(request.body)
    const nowSeconds = Math.floor(door.clock.nowMs() / 1000)
    const read = items.map((item) => readItem(item, nowSeconds))
    const good = read.flatMap((one) => (one.ok ? [one.registration] : []))
    const carryOut = async () =>
      good.length === 0 ? [] : await writeIdentifiers(door.registry, principal, good, idempotencyOf(request))
    const { result: written, tokenOf } = await acknowledge(door, { reply, wait, carryOut, standsFor: newest })

    const receipts = written.flatMap((one) => (one.ok ? [one.receipt] : []))
    const context = { tokenOf, wait, propagated: await propagationOf(door, receipts, wait) }
    let next = 0
    const outcomes = read.map((one): ItemOutcome => (one.ok ? written[next++]! : one))
    return reply
      .header('cache-control', 'no-store')
      .send({ results: outcomes.map((outcome, at) => resultOf(items[at], outcome, context)) })
  }
}

/** The highest transaction stands for all of them; undefined: nothing was written, nor was there before. */
function newest(outcomes: readonly ItemOutcome[]): { readonly xid: number } | undefined {
  const xids = outcomes.flatMap((one) => (one.ok ? [Number(one.receipt.token)] : []))
  return xids.length === 0 ? undefined : { xid: Math.max(...xids) }
}

/** @throws NodeError `request-malformed`, `too-large` */
function itemsOf(body: unknown): readonly unknown[] {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  const items = isObject ? (body as { items?: unknown }).items : undefined
  const unknown = isObject ? Object.keys(body).filter((name) => name !== 'items') : []
  if (!Array.isArray(items) || unknown.length > 0) {
    const faults: Fault[] = unknown.map((name) => ({ field: name.slice(0, 64), reason: 'unknown' }))
    if (!Array.isArray(items)) faults.push({ field: 'items', reason: 'must be a list' })
    throw new NodeError('request-malformed', 'The body must be {"items": [{"identifier": "…", …}, …]}.', { faults })
  }
  if (items.length > MAX_ITEMS)
    throw new NodeError('too-large', `One request takes ${MAX_ITEMS} items; these are ${items.length}.`)
  return items
}

function readItem(item: unknown, nowSeconds: number): Read {
  try {
    return { ok: true, registration: registrationOf(item, nowSeconds) }
  } catch (error) {
    if (error instanceof NodeError) return { ok: false, error }
    throw error
  }
}

function registrationOf(item: unknown, nowSeconds: number): Registration {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) throw malformed('item', 'must be an object')
  const { identifier, intent = 'register', reason, ifMatch, ifNoneMatch, ...record } = item as Record<string, unknown>
  if (typeof identifier !== 'string') throw malformed('identifier', 'must be a string')
  const parsed = requireIdentifier(identifier)
  const precondition = preconditionOf(ifMatch, ifNoneMatch)
  const condition = precondition === undefined ? {} : { precondition }
  if (intent === 'withdraw') {
    if (reason !== undefined && typeof reason !== 'string') throw malformed('reason', 'must be a string')
    const [extra] = Object.keys(record)
    if (extra !== undefined) throw malformed(extra, 'does not belong to a withdrawal')
    return {
      identifier: parsed,
      intent,
      template: '',
      values: [],
      ...(reason === undefined ? {} : { reason }),
      ...condition,
    }
  }
  if (intent !== 'register') throw malformed('intent', 'must be register or withdraw')
  if (reason !== undefined) throw malformed('reason', 'belongs to a withdrawal')
  const draft = readDraft(record, nowSeconds)
  if (!draft.ok) throw draftError(draft)
  return { identifier: parsed, intent, ...draft.value, ...condition }
}

function preconditionOf(ifMatch: unknown, ifNoneMatch: unknown): Precondition | undefined {
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw malformed('ifNoneMatch', 'excludes ifMatch')
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') throw malformed('ifNoneMatch', 'can only be "*"')
    return { kind: 'absent' }
  }
  if (ifMatch === undefined) return undefined
  if (ifMatch === '*') return { kind: 'present' }
  if (!Number.isSafeInteger(ifMatch) || Number(ifMatch) < 1)
    throw malformed('ifMatch', 'must be a version number, or "*"')
  return { kind: 'version', version: Number(ifMatch) }
}

function malformed(field: string, reason: string): NodeError {
  const name = field.slice(0, 64)
  return new NodeError('request-malformed', `${name} ${reason}.`, { faults: [{ field: name, reason }] })
}

function resultOf(item: unknown, outcome: ItemOutcome, context: ReceiptContext): BatchWriteResult {
  const given = typeof item === 'object' && item !== null ? (item as { identifier?: unknown }).identifier : null
  const identifier = typeof given === 'string' ? given : null
  if (!outcome.ok) return { identifier, status: statusOf[outcome.error.code], problem: problemOfItem(outcome.error) }
  const receipt = receiptJson(outcome.receipt, context)
  return { identifier, status: receipt.outcome === 'created' ? 201 : 200, receipt }
}
