/**
 * GET /api/handles?prefix=0.NA/88.118.8&page=0&pageSize=100: the handles below a prefix, for its administrators.
 *
 *   {"responseCode": 1, "prefix", "totalCount": "100004", "page", "pageSize", "handles": [...]}
 *
 * `totalCount` is a text: so it was first written, and clients read it so. Without `page` and `pageSize` all are given, as
 * long as they are not too many for one answer. A page of any number costs as much as all before it, so that there is a
 * last one that can be asked for; whoever wants more reads `GET /v1/identifiers`, whose pages cost the same everywhere.
 */
import type { FastifyRequest } from 'fastify'
import { foldAscii } from '../../identifier/characters.js'
import { RC } from '../handle/codes.js'
import { PREFIX_HANDLES } from '../handle/handle-text.js'
import { type ApiAnswer, ApiRefusal } from './api-answer.js'
import { type Caller, callerOf, requireTls } from './authentication.js'
import type { Administering, HandleRestOptions } from './door-options.js'
import { malformed, numberOf, readParameters } from './parameters.js'
import { requireOk } from './refusing.js'

const MAX_PAGE_SIZE = 10_000
/** Handles that are passed over on the way to a page. */
const MAX_PASSED = 1_000_000
const MAX_AT_ONCE = 1_000

/** @throws ApiRefusal, NodeError */
export async function listHandles(door: HandleRestOptions, request: FastifyRequest): Promise<ApiAnswer> {
  const parameters = readParameters(request)
  const prefix = parameters.get('prefix') ?? ''
  if (prefix === '') throw malformed('Name the prefix: ?prefix=0.NA/88.118.8.')
  const page = numberOf(parameters, 'page', MAX_PASSED)
  const pageSize = numberOf(parameters, 'pageSize', MAX_PAGE_SIZE)
  const { administering } = door
  if (administering === undefined) throw new ApiRefusal(RC.notSupported, 'No lists are given at this server.')
  requireTls(request)
  const caller = await callerOf(administering, request)
  const reading = { administering, caller, prefix }
  // First, so that it is refused before anything is counted.
  await nextHandles(reading, undefined, 1)
  const totalCount = await administering.below.count(bareOf(prefix))
  const paged = page !== undefined || pageSize !== undefined
  if (!paged && totalCount > MAX_PAGE_SIZE)
    throw malformed(`${totalCount} handles are too many for one answer: ask for pages, ?page=0&pageSize=1000.`)
  const wanted = { page: page ?? 0, pageSize: pageSize ?? MAX_PAGE_SIZE }
  const handles = await handlesOfPage(reading, wanted)
  const counted = { totalCount: String(totalCount), ...(paged ? wanted : {}) }
  return { status: 200, body: { responseCode: RC.success, prefix, ...counted, handles } }
}

interface Reading {
  readonly administering: Administering
  readonly caller: Caller
  readonly prefix: string
}

async function handlesOfPage(
  reading: Reading,
  { page, pageSize }: { readonly page: number; readonly pageSize: number },
): Promise<readonly string[]> {
  const passed = page * pageSize
  if (passed > MAX_PASSED) throw malformed(`There is no page behind the first ${MAX_PASSED} handles here.`)
  const { below } = reading.administering
  let after = passed === 0 ? undefined : await below.keyAt(bareOf(reading.prefix), passed - 1)
  if (passed > 0 && after === undefined) return []
  const handles: string[] = []
  while (handles.length < pageSize) {
    const limit = Math.min(MAX_AT_ONCE, pageSize - handles.length)
    const listed = await nextHandles(reading, after, limit)
    handles.push(...listed.handles)
    if (listed.next === undefined) break
    after = listed.next
  }
  return handles
}

async function nextHandles({ administering, caller, prefix }: Reading, after: string | undefined, limit: number) {
  const page = { prefix, limit, ...(after === undefined ? {} : { after }) }
  const outcome = await administering.administration.listHandles(caller.identity, page)
  return requireOk(outcome, { parts: administering, caller })
}

/** `0.NA/88.118.8` and `88.118.8` are the same prefix. */
function bareOf(prefix: string): string {
  const folded = foldAscii(prefix)
  const start = foldAscii(PREFIX_HANDLES)
  return folded.startsWith(start) ? folded.slice(start.length) : folded
}
