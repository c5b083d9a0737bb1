/** Registering, changing and withdrawing one identifier: PUT, PATCH and DELETE /v1/identifiers/{identifier}. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { mergeDraft, readDraft } from '../../record/draft.js'
import { amendIdentifier, type Idempotency, type Receipt, writeIdentifier } from '../../registry/identifiers.js'
import type { Refusal } from '../../registry/propagation.js'
import type { Authenticate } from '../http/authenticate.js'
import { digestOf } from '../http/body-parsers.js'
import { formatTag } from '../http/conditional.js'
import { acknowledge, readWriteQuery, type Wait, waitIn, withoutWait } from './acknowledge.js'
import type { RestOptions } from './door-options.js'
import { draftError } from './draft-error.js'
import { identifierInPath, pathOfIdentifier } from './identifier-path.js'
import { type PropagatedReceipts, propagationOf } from './propagation.js'
import { readPrecondition } from './write-preconditions.js'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export interface IdentifierWrites {
  readonly put: Handler
  readonly patch: Handler
  readonly withdraw: Handler
}

export function identifierWrites(door: RestOptions, authenticate: Authenticate): IdentifierWrites {
  /** What all three have in common. */
  async function opened(request: FastifyRequest) {
    const principal = await authenticate(request)
    const identifier = identifierInPath(request.raw.url!, '/v1/identifiers/')
    const precondition = await readPrecondition(request.headers, identifier, door.resolve)
    return { principal, identifier, condition: precondition === undefined ? {} : { precondition } }
  }
  /** Carries it out, and tells so when it is time to. */
  async function receipt({ reply, query }: Asked, carryOut: () => Promise<Receipt>): Promise<FastifyReply> {
    const wait = waitIn(query)
    const standsFor = ({ token }: Receipt) => ({ xid: Number(token) })
    const { result, tokenOf } = await acknowledge(door, { reply, wait, carryOut, standsFor })
    const propagated = await propagationOf(door, [result], wait)
    return sendReceipt(reply, receiptJson(result, { tokenOf, wait, propagated }))
  }
  const nowSeconds = () => Math.floor(door.clock.nowMs() / 1000)

  return {
    async put(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      const query = readWriteQuery(request)
      refuseEmptyBody(request)
      const draft = readDraft(request.body, nowSeconds())
      if (!draft.ok) throw draftError(draft)
      const registration = { identifier, intent: 'register', ...draft.value, ...condition } as const
      return receipt({ reply, query }, () =>
        writeIdentifier(door.registry, principal, registration, idempotencyOf(request)),
      )
    },
    async patch(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      const query = readWriteQuery(request)
      refuseEmptyBody(request)
      const amendment = {
        identifier,
        amend: (current: Parameters<typeof mergeDraft>[0]) => mergeDraft(current, request.body, nowSeconds()),
        ...condition,
      }
      return receipt({ reply, query }, () =>
        amendIdentifier(door.registry, principal, amendment, idempotencyOf(request)),
      )
    },
    async withdraw(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      const query = readWriteQuery(request, ['reason'])
      const reason = reasonOf(request, query)
      const registration = {
        identifier,
        intent: 'withdraw',
        template: '',
        values: [],
        ...(reason === undefined ? {} : { reason }),
        ...condition,
      } as const
      return receipt({ reply, query }, () =>
        writeIdentifier(door.registry, principal, registration, idempotencyOf(request)),
      )
    },
  }
}

interface Asked {
  readonly reply: FastifyReply
  readonly query: URLSearchParams
}

export function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  return { key: String(key), requestSha256: digestOf(request, withoutWait(request.raw.url!)) }
}

/** As callers get it: with a token that they can send back. */
export function receiptJson(receipt: Receipt, { tokenOf, wait, propagated }: ReceiptContext): ReceiptJson {
  const { state, refusal } = propagated.get(receipt) ?? { state: 'local' }
  return {
    ...receipt,
    token: tokenOf(Number(receipt.token)),
    propagation: state,
    ...(refusal === undefined ? {} : { refusal }),
    ...(wait === 'visible' ? { visible: true } : {}),
  }
}

export interface ReceiptContext {
  readonly tokenOf: (xid: number) => string
  readonly wait: Wait
  readonly propagated: PropagatedReceipts
}

export type ReceiptJson = Receipt & { readonly visible?: true; readonly refusal?: Refusal }

function sendReceipt(reply: FastifyReply, receipt: ReceiptJson): FastifyReply {
  return reply
    .code(receipt.outcome === 'created' ? 201 : 200)
    .headers({
      'cache-control': 'no-store',
      location: pathOfIdentifier(receipt.identifier),
      etag: formatTag(receipt.version),
      'jiexi-version': String(receipt.version),
    })
    .send(receipt)
}

function reasonOf({ body }: FastifyRequest, query: URLSearchParams): string | undefined {
  if (body === undefined || body === null) return query.get('reason') ?? undefined
  const reason = typeof body === 'object' && 'reason' in body ? body.reason : undefined
  const isOnlyMember = typeof body === 'object' && Object.keys(body).every((name) => name === 'reason')
  if (!isOnlyMember || (reason !== undefined && typeof reason !== 'string'))
    throw new NodeError('request-malformed', 'The body of DELETE may be {"reason": "…"} and nothing else.', {
      faults: [{ field: 'body', reason: 'must be an object with the one member reason, a string' }],
    })
  return reason ?? query.get('reason') ?? undefined
}

function refuseEmptyBody({ body }: FastifyRequest): void {
  if (body !== undefined) return
  throw new NodeError('request-malformed', 'The body is empty: send the record, as {"template": …, "attributes": …}.', {
    faults: [{ field: 'body', reason: 'the body is empty' }],
  })
}
