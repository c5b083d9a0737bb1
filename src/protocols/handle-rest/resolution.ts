/**
 * GET, HEAD and POST /api/handles/{handle}: the values of a handle.
 *
 *   type, index   only values of that type, or with that index; both repeatable. A type that ends in "." means all below it
 *   auth          from the database, past every cache
 *   publicOnly    only what anybody may read. Default: true without authentication, false with it
 *   Jiexi-Token   a header: at least the write that the token is of
 *   doNotRefer    whoever is another server's to answer is not told whose (referring.ts)
 *   cert          taken, and without effect: TLS vouches for the answer
 */

import type { FastifyRequest } from 'fastify'
import type { Absent, Found, Withdrawn } from '../../record/answer.js'
import { PUBLIC_READ, type Value } from '../../record/record.js'
import { isSecretType } from '../../record/secret.js'
import { type Selection, selectValues, visibleValues } from '../../record/select.js'
import { Elsewhere } from '../../resolution/elsewhere.js'
import type { Query } from '../../resolution/resolve.js'
import { RC } from '../handle/codes.js'
import { plainAddress } from '../http/client-address.js'
import { headersOfAnswer } from '../rest/answer-headers.js'
import { type Demands, readDemands } from '../rest/demands.js'
import { refusalOf as refusalOfAnswer } from '../rest/refusals.js'
import { type ApiAnswer, ApiRefusal, type Headers } from './api-answer.js'
import { type AskedHandle, handleInPath } from './asked-handle.js'
import { type Caller, callerOf } from './authentication.js'
import { valueJson } from './codec-value-json.js'
import type { HandleRestOptions } from './door-options.js'
import { indexesOf, type Parameters, readParameters, truthOf } from './parameters.js'
import { prefixReferral, serviceReferral } from './referring.js'
import { refusalOf } from './refusing.js'

export const HANDLES = '/api/handles/'

/** @throws ApiRefusal, NodeError */
export async function resolveHandle(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const asked = handleInPath(request.raw.url, HANDLES)
  const parameters = readParameters(request)
  const selection = selectionOf(parameters)
  const isPublicOnly = truthOf(parameters, 'publicOnly')
  const caller = await callerOf(door.administering, request)
  const demands = await demandsOf(door, request, parameters)
  const asking = { handle: asked.text, doesNotRefer: truthOf(parameters, 'doNotRefer') ?? false }
  const answer = await answerOrElsewhere(door, {
    identifier: asked.identifier,
    ...demands,
    source: plainAddress(request.ip),
  })
  if (answer instanceof Elsewhere) return prefixReferral(answer, asking)
  const headers = { ...headersOfAnswer(answer, door.clock.nowMs()), vary: 'Authorization' }
  if (answer.kind === 'referral') return serviceReferral(answer, asking, headers)
  if (answer.kind !== 'found') throw withoutRecord(answer, asked, headers)
  const selected = selectValues(answer.record.values, selection)
  const wanted = isPublicOnly ?? caller.identity === undefined
  const values = wanted
    ? visibleValues(selected, 'public')
    : await readableValues(door, { selected, found: answer, caller, asked })
  const isKept = values.every(isPublic)
  return {
    status: 200,
    headers: isKept ? headers : { ...headers, 'cache-control': 'private, no-store' },
    body: bodyOf(asked, values),
  }
}

/** What the look-up must be as new as: the database itself, or a write whose token is sent. @throws ApiRefusal, NodeError */
export async function demandsOf(
  { tokens }: Pick<HandleRestOptions, 'tokens'>,
  { headers }: FastifyRequest,
  parameters: Parameters,
): Promise<Demands> {
  const authoritative = truthOf(parameters, 'auth') === true
  if (tokens !== undefined) return readDemands(tokens, { authoritative, minVersion: undefined }, headers)
  return authoritative ? { authoritative } : {}
}

function bodyOf({ text }: AskedHandle, values: readonly Value[]): Readonly<Record<string, unknown>> {
  if (values.length === 0) return { responseCode: RC.valuesNotFound, values: [], handle: text }
  return { responseCode: RC.success, handle: text, values: values.map(valueJson) }
}

/** @throws ApiRefusal `protocolError` */
export function selectionOf(parameters: Parameters): Selection {
  return { indexes: indexesOf(parameters.getAll('index')), types: parameters.getAll('type'), attributes: [] }
}

/** That a prefix is not this node's is an answer too: it may say whom to ask. */
async function answerOrElsewhere({ resolve }: Pick<HandleRestOptions, 'resolve'>, query: Query) {
  try {
    return await resolve(query)
  } catch (error) {
    if (error instanceof Elsewhere) return error
    throw error
  }
}

/** "Not registered" is said with the code alone, as clients know it. */
function withoutRecord(answer: Absent | Withdrawn, { text }: AskedHandle, headers: Headers): ApiRefusal {
  const message = answer.kind === 'absent' ? '' : refusalOfAnswer(answer).message
  return new ApiRefusal(RC.handleNotFound, message, { handle: text, headers })
}

interface Reading {
  readonly selected: readonly Value[]
  readonly found: Found
  readonly caller: Caller
  readonly asked: AskedHandle
}

/** With those that only administrators may read, or a refusal: who asks for these must not take a part for the whole. */
async function readableValues(door: HandleRestOptions, reading: Reading): Promise<readonly Value[]> {
  const { selected, found, caller, asked } = reading
  if (selected.every(isPublic)) return selected
  const handle = asked.text
  const { administering } = door
  if (administering === undefined) throw new ApiRefusal(RC.authenticationNeeded, '', { handle, status: 403 })
  const refusal =
    caller.identity === undefined
      ? { responseCode: RC.authenticationNeeded, message: '' }
      : await administering.administration.refusedToRead(caller.identity, found.record)
  if (refusal !== undefined) throw await refusalOf(refusal, { parts: administering, caller, handle })
  const readable = visibleValues(selected, 'keeper')
  if (readable.length > 0) return readable
  throw new ApiRefusal(RC.insufficientPermissions, 'What is asked for can be read by nobody.', { handle })
}

function isPublic({ permissions, type }: Value): boolean {
  return (permissions & PUBLIC_READ) !== 0 && !isSecretType(type)
}
