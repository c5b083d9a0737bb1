/**
 * POST /v1/resolve: up to 1,000 identifiers of any schemes, answered in order, each with its own status.
 *
 * Answers from memory come at once and as ready JSON, so most of a batch is joining strings; only what has to be asked
 * for below is awaited, a bounded number at a time so that one batch cannot fill the queue of everybody.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Identifier } from '../../identifier/identifier.js'
import { parseIdentifier } from '../../identifier/parse.js'
import { NodeError } from '../../platform/errors.js'
import type { Answer } from '../../record/answer.js'
import type { Reader } from '../../record/select.js'
import type { RouteTable } from '../../resolution/authorities.js'
import type { Query, Resolve } from '../../resolution/resolve.js'
import type { Principal } from '../../security/principal.js'
import { chooseMediaType } from '../http/accept.js'
import type { Authenticate } from '../http/authenticate.js'
import { plainAddress } from '../http/client-address.js'
import { minVersionRefusal, readDemands } from './demands.js'
import type { RestOptions } from './door-options.js'
import { identifierError } from './identifier-path.js'
import { askerOf } from './lookup.js'
import { queryIn, readBatchOptions } from './lookup-options.js'
import { PLAIN_JSON } from './plain-json.js'
import { readerOf } from './readers.js'
import { readIdentifiers } from './resolve-input.js'
import { joinJson, joinLines, jsonResult, type Result } from './resolve-json.js'
import { octetsOfMessage, protobufResults, resultMessage } from './resolve-protobuf.js'

const MEDIA_TYPES = ['application/json', 'application/x-ndjson', 'application/x-protobuf'] as const
const LINE_MEDIA_TYPES = ['application/x-ndjson', 'application/json', 'application/x-protobuf'] as const
const BYTE_MEDIA_TYPES = ['application/x-protobuf', 'application/json', 'application/x-ndjson'] as const

/** Look-ups of one batch that wait for Redis or the registry at the same time. */
const MAX_WAITING = 256
/** Of records in one answer, and one record more: a thousand of the largest would be a multiple of what a node has. */
export const MAX_RECORD_OCTETS_PER_BATCH = 32 * 1024 * 1024

export function resolveBatch(door: RestOptions, authenticate: Authenticate) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const principal = await authenticate(request)
    const asked = readBatchOptions(queryIn(request.raw.url!))
    const media = chooseMediaType(request.headers.accept, offersFor(request.body))
    const identifiers = readIdentifiers(request.body)
    const demands = { ...askerOf(principal), ...(await readDemands(door.tokens, asked, request.headers)) }
    const source = plainAddress(request.ip)
    const routes = principal.kind === 'anonymous' ? undefined : await door.routes()
    const readerFor = (answer: Answer): Reader => readerIn(routes, principal, answer)

    reply.headers({ 'content-type': media, 'cache-control': 'no-store', vary: 'Accept' })
    const encoding = { readerFor, nowMs: door.clock.nowMs() }
    if (media === 'application/x-protobuf') {
      const batch = { resolve: door.resolve, identifiers, demands, source }
      const encode = (result: Result) => resultMessage(result, encoding)
      return reply.send(protobufResults(await resolveAll(batch, { encode, octetsOf: octetsOfMessage })))
    }
    const batch = { resolve: door.resolve, identifiers, demands: { ...demands, face: PLAIN_JSON }, source }
    const encode = (result: Result) => jsonResult(result, encoding)
    const results = await resolveAll(batch, { encode, octetsOf: ({ length }) => length })
    return reply.send(media === 'application/json' ? joinJson(results) : joinLines(results))
  }
}

function offersFor(body: unknown): readonly (typeof MEDIA_TYPES)[number][] {
  if (Buffer.isBuffer(body)) return BYTE_MEDIA_TYPES
  return typeof body === 'string' ? LINE_MEDIA_TYPES : MEDIA_TYPES
}

function readerIn(routes: RouteTable | undefined, principal: Principal, answer: Answer): Reader {
  return routes === undefined ? 'public' : readerOf(principal, answer.prefix, routes)
}

interface Batch {
  readonly resolve: Resolve
  readonly identifiers: readonly string[]
  readonly demands: Omit<Query, 'identifier' | 'source'>
  readonly source: string
}

interface Encoder<Encoded> {
  encode(result: Result): Encoded
  octetsOf(encoded: Encoded): number
}

/** In the order asked for. */
async function resolveAll<Encoded>(batch: Batch, { encode, octetsOf }: Encoder<Encoded>): Promise<readonly Encoded[]> {
  const { identifiers } = batch
  const results = new Array<Encoded>(identifiers.length)
  let octets = 0
  const put = (at: number, result: Result) => {
    const encoded = encode(octets < MAX_RECORD_OCTETS_PER_BATCH ? result : withoutRecord(result))
    octets += octetsOf(encoded)
    results[at] = encoded
  }
  let waiting: Promise<void>[] = []
  const ask = asker(batch)
  for (let at = 0; at < identifiers.length; at++) {
    const identifier = identifiers[at]!
    const outcome = resolveOne(batch, identifier, ask)
    if (!(outcome instanceof Promise)) {
      put(at, { identifier, outcome })
      continue
    }
    waiting.push(outcome.then((later) => put(at, { identifier, outcome: later })))
    if (waiting.length === MAX_WAITING) {
      await Promise.all(waiting)
      waiting = []
    }
  }
  await Promise.all(waiting)
  return results
}

function withoutRecord({ identifier, outcome }: Result): Result {
  if ('error' in outcome || outcome.kind !== 'found') return { identifier, outcome }
  const message = `The records before this one fill the answer, which holds ${MAX_RECORD_OCTETS_PER_BATCH / 2 ** 20} MiB. Ask for this one again, with fewer others.`
  return { identifier, outcome: { error: new NodeError('too-large', message), answer: outcome } }
}

type Ask = (identifier: Identifier) => Query

/** Queries of one batch. Most demand nothing, and are then as small as they can be. */
function asker({ demands: { face, ...demands }, source }: Batch): Ask {
  if (Object.keys(demands).length > 0)
    return (identifier) => ({ ...demands, ...(face && { face }), identifier, source })
  return face === undefined ? (identifier) => ({ identifier, source }) : (identifier) => ({ identifier, face, source })
}

/** An error is an outcome of its item, not of the batch. */
function resolveOne(
  { resolve, demands }: Batch,
  text: string,
  ask: Ask,
): Result['outcome'] | Promise<Result['outcome']> {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) return { error: identifierError(parsed) }
  try {
    const answer = resolve(ask(parsed.value))
    if (!(answer instanceof Promise)) return judge(answer, demands.minVersion)
    return answer.then((later) => judge(later, demands.minVersion)).catch((error: unknown) => ({ error }))
  } catch (error) {
    return { error }
  }
}

function judge(answer: Answer, minVersion: number | undefined): Result['outcome'] {
  const error = minVersionRefusal(answer, minVersion)
  return error === undefined ? answer : { error, answer }
}
