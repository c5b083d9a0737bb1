/**
 * Look-ups (operation 1), the whole of them: those at hand (at-hand.ts) are answered the same, only sooner.
 *
 * Who sees what: public values, everybody. Values that only administrators may read are shown to whoever has proved to be
 * one; somebody unknown is challenged, when there are such values among those asked for and the request does not say that the
 * public ones will do. The national SDK says neither that nor anything else (its flags are 0) and cannot answer the challenge
 * of a look-up: a request without REC and CA, which other clients always set, gets the public values.
 */

import { foldAscii } from '../../identifier/characters.js'
import type { Clock } from '../../platform/clock.js'
import { NodeError } from '../../platform/errors.js'
import type { Answer, Found } from '../../record/answer.js'
import type { Value } from '../../record/record.js'
import { matchesAnyType, visibleValues } from '../../record/select.js'
import { Elsewhere } from '../../resolution/elsewhere.js'
import { LOOKUP_MS, MAX_HOPS, MAX_SENDS, PassedOnTooOften } from '../../resolution/passage.js'
import type { Query, Resolve } from '../../resolution/resolve.js'
import { plainAddress } from '../http/client-address.js'
import type { Query as QueryBody } from './codec-body.js'
import { HANDLE_VALUES, isRestricted } from './codec-face.js'
import type { Header } from './codec-header.js'
import { handleValuesOf } from './codec-record.js'
import { FLAG, hasFlag, RC } from './codes.js'
import { handleIdentifier } from './handle-text.js'
import type { Operation, OperationRequest, Reply } from './operation.js'
import type { RestrictedReads } from './protection.js'
import { referralReply } from './referrals.js'
import { refusal } from './refusals.js'

export interface ResolutionOptions {
  readonly resolve: Resolve
  readonly clock: Pick<Clock, 'nowMs'>
  /** Absent: everybody is shown the public values. */
  readonly reads?: RestrictedReads | undefined
}

export function resolution({ resolve, clock, reads }: ResolutionOptions): Operation {
  return async (request) => {
    const { body } = request.message
    if (body.kind !== 'query') throw new NodeError('internal', `a look-up with a body of ${body.kind}`)
    const identifier = handleIdentifier(body.handle)
    if (!identifier.ok) return refusal(RC.invalidHandle, identifier.message)
    const query: Query = {
      identifier: identifier.value,
      face: HANDLE_VALUES,
      deadlineMs: request.deadlineMs,
      ...passageOf(request.message.header),
      ...(request.identity === undefined ? {} : { asker: 'known' as const }),
      source: plainAddress(request.peer.address),
      ...(hasFlag(request.message.header.opFlags, FLAG.authoritative) && { authoritative: true }),
    }
    const answer = await answerOrElsewhere(resolve, query)
    if (answer instanceof PassedOnTooOften) return refusal(RC.recursionTooHigh, answer.message)
    if (answer instanceof Elsewhere) return foreignReply(answer, request)
    requireCurrent(answer, query)
    const reply = await replyTo(answer, { request, asked: body, reads, nowMs: clock.nowMs() })
    // There is no way to say how old it is, or that another node said it, but to leave out that it is the authority's word.
    const isOwnWord = answer.stale === undefined && answer.asOfMs === undefined
    return isOwnWord ? reply : { ...reply, isAuthoritative: false }
  }
}

/**
 * The protocol has no mark for a stale answer. Whoever asks for the authority's word gets none; nor does a server that passes
 * a request on, which would give it to others as current.
 * @throws NodeError `authority-unavailable`
 */
function requireCurrent({ key, stale }: Answer, { authoritative, passage }: Query): void {
  if (stale === undefined || (authoritative !== true && passage === undefined)) return
  throw new NodeError('authority-unavailable', `${key} cannot be asked for now, and what is known of it is stale.`)
}

/** Of a request that another server passes on: the protocol tells how many have, but not whom it has passed. */
function passageOf({ recursionCount, expirationSeconds }: Header): Pick<Query, 'passage'> {
  if (recursionCount === 0) return {}
  const sendsLeft = MAX_SENDS >> Math.min(recursionCount, MAX_HOPS)
  const hopsLeft = Math.max(0, MAX_HOPS - recursionCount)
  return { passage: { via: [], hopsLeft, sendsLeft, timeLeftMs: LOOKUP_MS, expiresAtSeconds: expirationSeconds } }
}

interface Lookup {
  readonly request: OperationRequest
  readonly asked: QueryBody
  readonly reads: RestrictedReads | undefined
  readonly nowMs: number
}

/** That a prefix is not this node's is an answer too, where it says whom to ask. */
async function answerOrElsewhere(resolve: Resolve, query: Query): Promise<Answer | Elsewhere | PassedOnTooOften> {
  try {
    return await resolve(query)
  } catch (error) {
    if (error instanceof Elsewhere || error instanceof PassedOnTooOften) return error
    throw error
  }
}

function foreignReply({ prefix, service, message }: Elsewhere, request: OperationRequest): Reply {
  if (service === undefined) return refusal(RC.notResponsible, message)
  return referralReply({ prefix, service, responseCode: RC.prefixReferral }, request.message)
}

function replyTo(answer: Answer, lookup: Lookup): Reply | Promise<Reply> {
  if (answer.kind === 'found') return foundReply(answer, lookup)
  if (answer.kind === 'referral')
    return referralReply({ ...answer, responseCode: RC.serviceReferral }, lookup.request.message)
  return refusal(RC.handleNotFound)
}

async function foundReply(answer: Found, lookup: Lookup): Promise<Reply> {
  const { request, asked, reads } = lookup
  const selected = selectedValues(currentValues(answer, lookup.nowMs), asked)
  const isPublicOnly = hasFlag(request.message.header.opFlags, FLAG.publicOnly)
  if (isPublicOnly || reads === undefined || !selected.some(isRestricted)) {
    return valuesReply(asked.handle, visibleValues(selected, 'public'))
  }
  const { identity } = request
  if (identity !== undefined) {
    if (!(await reads.mayRead(identity, answer.record))) return refusal(RC.insufficientPermissions)
    const readable = visibleValues(selected, 'keeper')
    return readable.length === 0 ? refusal(RC.insufficientPermissions) : valuesReply(asked.handle, readable)
  }
  if (!expectsChallenge(request)) return valuesReply(asked.handle, visibleValues(selected, 'public'))
  return request.peer.transport === 'udp' ? refusal(RC.protocolError, NOT_OVER_UDP) : reads.challenge(request)
}

/** What another node said lives no longer by being passed on. */
function currentValues({ record, freshUntilMs }: Found, nowMs: number): readonly Value[] {
  if (freshUntilMs === undefined) return record.values
  const leftSeconds = Math.max(0, Math.ceil((freshUntilMs - nowMs) / 1000))
  return record.values.map((value) => ({ ...value, ttlSeconds: Math.min(value.ttlSeconds, leftSeconds) }))
}

const NOT_OVER_UDP =
  'There are values that only administrators may read, and nobody can prove to be one over UDP: use TCP, or ask for public values only.'

function expectsChallenge({ message }: OperationRequest): boolean {
  return hasFlag(message.header.opFlags, FLAG.recursive | FLAG.cacheCertify)
}

/** Those with one of the indexes or types; all when neither is asked for. An attribute's type is its name. */
function selectedValues(values: readonly Value[], { indexes, types }: QueryBody): readonly Value[] {
  if (indexes.length + types.length === 0) return values
  const wanted = types.map(foldAscii)
  return values.filter(({ index, type }) => indexes.includes(index) || matchesAnyType(type, wanted))
}

function valuesReply(handle: string, values: readonly Value[]): Reply {
  if (values.length === 0) return refusal(RC.valuesNotFound)
  return { responseCode: RC.success, body: { kind: 'handle-values', handle, values: handleValuesOf(values) } }
}
