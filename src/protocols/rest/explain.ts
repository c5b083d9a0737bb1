/** `?explain=1`: how a look-up came to its answer, for whoever wonders why they get what they get. */
import { routingCandidates } from '../../identifier/prefix-record.js'
import type { Clock } from '../../platform/clock.js'
import type { Answer } from '../../record/answer.js'
import type { Propagated } from '../../registry/propagation.js'
import { type Authority, authorityOf } from '../../resolution/authorities.js'
import type { Query, Step, Trace } from '../../resolution/resolve.js'
import type { Principal } from '../../security/principal.js'
import { type ItemProblem, problemOfItem, statusOf } from '../http/problem.js'
import { ageSecondsOf } from './answer-headers.js'
import { requireMinVersion } from './demands.js'
import type { RestOptions } from './door-options.js'
import { readerOf } from './readers.js'
import { recordJson } from './record-json.js'
import { refusalOf } from './refusals.js'
import { shownParts } from './representation.js'

export interface Explanation {
  readonly identifier: string
  readonly key: string
  readonly scheme: string
  /** Prefixes that could be responsible, the longest first. */
  readonly prefixes: readonly string[]
  /** Who was responsible; absent when nobody here is. */
  readonly authority?: { readonly prefix: string; readonly kind: 'registry' | 'self-built'; readonly state: string }
  readonly steps: readonly Step[]
  readonly elapsedMs: number
  /** The status a look-up without `explain` has. */
  readonly status: number
  readonly tier?: string
  readonly outcome: Answer['kind'] | 'failed'
  readonly version?: number
  readonly ageSeconds?: number
  readonly stale?: { readonly reason: string; readonly asOf: string }
  /** Of what is registered here, or was: whether the node above knows of its newest version. */
  readonly propagation?: Propagated
  readonly record?: unknown
  readonly problem?: ItemProblem
}

export async function explain(door: RestOptions, query: Query, principal: Principal): Promise<Explanation> {
  const { identifier } = query
  const routes = await door.routes()
  const authority = authorityOf(routes, identifier)
  const { steps, trace, elapsedMs } = startTrace(door.clock)
  const outcome = await outcomeOf(door, { ...query, trace })
  const took = elapsedMs()
  return {
    identifier: identifier.spelling,
    key: identifier.key,
    scheme: identifier.scheme,
    prefixes: routingCandidates(identifier),
    ...(authority.kind === 'foreign' ? {} : { authority: explainedAuthority(authority) }),
    steps,
    elapsedMs: took,
    ...(authority.kind === 'registry' ? await propagationIn(door, outcome, identifier.key) : {}),
    ...('error' in outcome ? explainedError(outcome.error) : explainedAnswer(outcome.answer, door.clock.nowMs())),
    ...('answer' in outcome && outcome.answer.kind === 'found'
      ? {
          record: recordJson(
            outcome.answer.record,
            shownParts(outcome.answer.record, {
              reader: readerOf(principal, outcome.answer.prefix, routes),
              media: 'application/json',
              options: { allValues: false, selection: { indexes: [], types: [], attributes: [] } },
            }),
          ),
        }
      : {}),
  }
}

function explainedAuthority({
  kind,
  route,
}: Exclude<Authority, { kind: 'foreign' }>): NonNullable<Explanation['authority']> {
  return { prefix: route.prefix, kind: kind === 'self-built' ? kind : 'registry', state: route.state }
}

function explainedAnswer(
  answer: Answer,
  nowMs: number,
): Pick<Explanation, 'status' | 'outcome' | 'tier' | 'version' | 'ageSeconds' | 'stale' | 'problem'> {
  const { kind, tier, version, stale } = answer
  const refusal = answer.kind === 'found' ? undefined : refusalOf(answer)
  return {
    status: refusal === undefined ? 200 : statusOf[refusal.code],
    outcome: kind,
    tier,
    version,
    ageSeconds: ageSecondsOf(answer, nowMs),
    ...(stale === undefined ? {} : { stale: { reason: stale.reason, asOf: new Date(stale.asOfMs).toISOString() } }),
    ...(refusal === undefined ? {} : { problem: problemOfItem(refusal) }),
  }
}

function explainedError(error: unknown): Pick<Explanation, 'status' | 'outcome' | 'problem'> {
  const problem = problemOfItem(error)
  return { status: statusOf[problem.code], outcome: 'failed', problem }
}

/** Not of what other nodes answer, nor while the database is away: the look-up itself may well be answered then. */
async function propagationIn(
  { upward }: RestOptions,
  outcome: Outcome,
  key: string,
): Promise<Pick<Explanation, 'propagation'>> {
  const isHere = 'answer' in outcome && (outcome.answer.kind === 'found' || outcome.answer.kind === 'withdrawn')
  if (!isHere) return {}
  if (upward === undefined) return { propagation: { state: 'local' } }
  const states = await upward.propagation.ofIdentifiers([key]).catch(() => undefined)
  const propagation = states?.get(key)
  return propagation === undefined ? {} : { propagation }
}

type Outcome = { readonly answer: Answer } | { readonly error: unknown }

async function outcomeOf(door: RestOptions, query: Query): Promise<Outcome> {
  try {
    const answer = await door.resolve(query)
    requireMinVersion(answer, query.minVersion)
    return { answer }
  } catch (error) {
    return { error }
  }
}

function startTrace(clock: Clock): { steps: Step[]; trace: Trace; elapsedMs: () => number } {
  const startedMs = clock.monotonicMs()
  // Three places: a memory hit takes less than a microsecond.
  const elapsedMs = () => Math.round((clock.monotonicMs() - startedMs) * 1000) / 1000
  const steps: Step[] = []
  return { steps, elapsedMs, trace: { step: (layer, outcome) => steps.push({ layer, outcome, atMs: elapsedMs() }) } }
}
