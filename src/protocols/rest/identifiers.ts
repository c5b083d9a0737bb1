/** Registering, changing and withdrawing one identifier: PUT, PATCH and DELETE /v1/identifiers/{identifier}. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { mergeDraft, readDraft } from '../../record/draft.js'
import { amendIdentifier, type Idempotency, type Receipt, writeIdentifier } from '../../registry/identifiers.js'
import type { Authenticate } from '../http/authenticate.js'
import { digestOf } from '../http/body-parsers.js'
import { formatTag } from '../http/conditional.js'
import type { RestOptions } from './door-options.js'
import { draftError } from './draft-error.js'
import { identifierInPath, pathOfIdentifier } from './identifier-path.js'
import { malformedQuery } from './lookup-options.js'
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
  const nowSeconds = () => Math.floor(door.clock.nowMs() / 1000)

  return {
    async put(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      refuseQuery(request, [])
      refuseEmptyBody(request)
      const draft = readDraft(request.body, nowSeconds())
      if (!draft.ok) throw draftError(draft)
      const registration = { identifier, intent: 'register', ...draft.value, ...condition } as const
      return receipt(reply, await writeIdentifier(door.registry, principal, registration, idempotencyOf(request)))
    },
    async patch(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      refuseQuery(request, [])
      refuseEmptyBody(request)
      const amendment = {
        identifier,
        amend: (current: Parameters<typeof mergeDraft>[0]) => mergeDraft(current, request.body, nowSeconds()),
        ...condition,
      }
      return receipt(reply, await amendIdentifier(door.registry, principal, amendment, idempotencyOf(request)))
    },
    async withdraw(request, reply) {
      const { principal, identifier, condition } = await opened(request)
      const reason = reasonOf(request)
      const registration = {
        identifier,
        intent: 'withdraw',
        template: '',
        values: [],
        ...(reason === undefined ? {} : { reason }),
        ...condition,
      } as const
      return receipt(reply, await writeIdentifier(door.registry, principal, registration, idempotencyOf(request)))
    },
  }
}

export function idempotencyOf(request: FastifyRequest): Idempotency | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  return { key: String(key), requestSha256: digestOf(request) }
}

function receipt(reply: FastifyReply, written: Receipt): FastifyReply {
  return reply
    .code(written.outcome === 'created' ? 201 : 200)
    .headers({
      'cache-control': 'no-store',
      location: pathOfIdentifier(written.identifier),
      etag: formatTag(written.version),
      'jiexi-version': String(written.version),
      'jiexi-token': written.token,
    })
    .send(written)
}

function reasonOf(request: FastifyRequest): string | undefined {
  const query = refuseQuery(request, ['reason'])
  const { body } = request
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

function refuseQuery(request: FastifyRequest, known: readonly string[]): URLSearchParams {
  const url = request.raw.url!
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')
  const unknown = [...query.keys()].filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw malformedQuery(unknown.map((name) => ({ field: name.slice(0, 64), reason: 'not known in a write' })))
  return query
}
