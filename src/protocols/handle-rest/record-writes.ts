/**
 * PUT and DELETE /api/handles/{handle}.
 *
 *   PUT                       creates the handle, or replaces its whole record
 *   PUT ?index=N, ?index=various   adds these values to the record that is there, or replaces those it has; N is repeatable, and
 *                             of the body's values only those with such an index are taken
 *   PUT ?overwrite=false      and nothing that is there is replaced: 409
 *   PUT ?mintNewSuffix        the handle ends with the slash, or in the first part of a suffix; the node puts a UUID behind it
 *   DELETE, DELETE ?index=N   the handle, or these values of it
 *
 * 201 when nothing was there before, else 200. The rules are the registry's (administration/contract.ts); none is made here.
 */
import type { FastifyRequest } from 'fastify'
import { FaultList } from '../../record/faults.js'
import type { Administration, Outcome, Written } from '../handle/administration/contract.js'
import type { HandleValue } from '../handle/codec-value.js'
import { RC } from '../handle/codes.js'
import { TOKEN_HEADER } from '../rest/demands.js'
import { type ApiAnswer, ApiRefusal, type Headers } from './api-answer.js'
import { textInPath } from './asked-handle.js'
import { type Caller, callerOf, requireTls } from './authentication.js'
import { jsonBody } from './bodies.js'
import { valuesOfBody } from './codec-value-json.js'
import type { Administering, HandleRestOptions } from './door-options.js'
import { indexesOf, malformed, type Parameters, queryOf, truthOf } from './parameters.js'
import { requireOk } from './refusing.js'
import { HANDLES } from './resolution.js'

/** @throws ApiRefusal, NodeError */
export async function putHandle(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const { administering, caller, handle } = await begin(door, request)
  const parameters = queryOf(request)
  const mint = truthOf(parameters, 'mintNewSuffix') ?? false
  const write = { handle, caller, parameters, mint, values: bodyValues(request, handle) }
  const tokenOf = door.tokens?.begin()
  const outcome = await put(administering.administration, write)
  const written = await requireOk(outcome, { parts: administering, caller, handle })
  return {
    status: written.overwritten ? 200 : 201,
    headers: headersOf(written, tokenOf),
    body: { responseCode: RC.success, handle: mint ? written.handle : handle },
  }
}

interface Put {
  readonly handle: string
  readonly caller: Caller
  readonly parameters: Parameters
  readonly mint: boolean
  readonly values: readonly HandleValue[]
}

function put(
  administration: Administration,
  { handle, caller, parameters, mint, values }: Put,
): Promise<Outcome<Written>> {
  const overwrite = truthOf(parameters, 'overwrite') ?? true
  const indexes = parameters.getAll('index')
  if (mint || indexes.length === 0) return administration.create(caller.identity, { handle, values, overwrite, mint })
  const chosen = chosenValues(values, indexes)
  return administration.addValues(caller.identity, { handle, values: chosen, overwrite })
}

function chosenValues(values: readonly HandleValue[], indexes: readonly string[]): readonly HandleValue[] {
  if (indexes.includes('various')) return values
  const wanted = indexesOf(indexes)
  const chosen = values.filter(({ index }) => wanted.includes(index))
  const missing = wanted.find((index) => chosen.every((value) => value.index !== index))
  if (missing === undefined) return chosen
  throw new ApiRefusal(RC.invalidValue, `The body has no value with index ${missing}, which the query names.`)
}

/** @throws ApiRefusal, NodeError */
export async function deleteHandle(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const { administering, caller, handle } = await begin(door, request)
  const indexes = indexesOf(queryOf(request).getAll('index'))
  const { administration } = administering
  const tokenOf = door.tokens?.begin()
  const outcome =
    indexes.length === 0
      ? await administration.remove(caller.identity, handle)
      : await administration.removeValues(caller.identity, { handle, indexes })
  const written = await requireOk(outcome, { parts: administering, caller, handle })
  return { status: 200, headers: headersOf(written, tokenOf), body: { responseCode: RC.success, handle } }
}

/** As every door tells it: which version it is now, and by what a look-up anywhere can demand to see it. */
function headersOf({ version, token }: Written, tokenOf: ((xid: number) => string) | undefined): Headers {
  return {
    'jiexi-version': String(version),
    ...(tokenOf === undefined ? {} : { [TOKEN_HEADER]: tokenOf(Number(token)) }),
  }
}

interface Begun {
  readonly administering: Administering
  readonly caller: Caller
  readonly handle: string
}

async function begin(door: HandleRestOptions, request: FastifyRequest): Promise<Begun> {
  const handle = textInPath(request.raw.url, HANDLES)
  if (handle === '') throw malformed('Write the handle into the path: /api/handles/88.118.8/x.')
  const { administering } = door
  if (administering === undefined) throw new ApiRefusal(RC.notSupported, 'Nothing can be changed at this server.')
  requireTls(request)
  return { administering, caller: await callerOf(administering, request), handle }
}

const MAX_TOLD = 5

/** @throws ApiRefusal `invalidValue` with what is wrong, and where; `protocolError` when it is no JSON */
function bodyValues(request: FastifyRequest, handle: string): readonly HandleValue[] {
  const body = jsonBody(request)
  if (body === undefined) throw malformed('Send the values as JSON, with Content-Type: application/json.')
  const faults = new FaultList()
  const values = valuesOfBody(body, faults)
  if (faults.isEmpty) return values
  const list = faults.list()
  const told = list.slice(0, MAX_TOLD).map(({ field, reason }) => `${field} ${reason}`)
  const more = list.length > MAX_TOLD ? [`and ${list.length - MAX_TOLD} faults more`] : []
  throw new ApiRefusal(RC.invalidValue, `${[...told, ...more].join('; ')}.`, { handle })
}
