/**
 * Look-ups that other nodes answer: those of prefixes that are not this node's, by the node above; and those of prefixes whose
 * holders have servers of their own, where the operator wants them asked from here.
 *
 *   the routing table    ours: on to the registry, with nothing of this touched
 *   what is remembered   answers while they hold; a prefix that nobody answers for
 *   one flight           look-ups of one identifier that are under way are joined
 *   the other node       within the budget of the look-up
 *
 * Who cannot be asked is never taken for "not registered": the last answer is given, marked stale, or the look-up fails.
 */

import type { Identifier } from '../identifier/identifier.js'
import { routingCandidates } from '../identifier/prefix-record.js'
import { startLookupSpan } from '../observability/spans.js'
import type { Clock } from '../platform/clock.js'
import { isUnavailable, NodeError } from '../platform/errors.js'
import { type Answer, answerWith } from '../record/answer.js'
import { authorityOf, type RouteTable, type RoutingOptions, type SelfBuilt } from '../resolution/authorities.js'
import { Elsewhere } from '../resolution/elsewhere.js'
import type { Layer, Query, Resolve, Trace } from '../resolution/resolve.js'
import { Budget } from './budget.js'
import { type ForeignAnswer, type ForeignLookup, type ForeignNode, isSuspicious } from './foreign-answer.js'
import type { ForeignCache } from './foreign-cache.js'
import { PassingLookups } from './passing-lookups.js'

/** What becomes of a look-up that is another node's: it is followed, its asker is told where to go, or not even that. */
export type ForeignPolicy = 'follow' | 'refer' | 'refuse'

export interface ForeignOptions {
  readonly routes: RoutingOptions['routes']
  readonly cache: ForeignCache
  readonly clock: Clock
  /** This node's own name among the others. */
  readonly self: string
  /** Absent: none is known. */
  readonly parent?: ForeignNode | undefined
  readonly policy: Readonly<Record<'public' | 'known', ForeignPolicy>>
  /** Undefined: its askers are referred to it. */
  readonly delegateOf: (prefix: string, selfBuilt: SelfBuilt) => ForeignNode | undefined
  /** Look-ups under way at once; more are refused. */
  readonly maxUnderWay: number
  /** Told of lies and traps: answers that cannot count, signatures that are none, forbidden addresses. */
  readonly onSuspicion?: (key: string, error: NodeError) => void
}

interface Target {
  readonly node: ForeignNode
  readonly own?: Resolve
  /** The delegation, by which answers are remembered. */
  readonly route: string
}

export function foreign(options: ForeignOptions): Layer {
  const lookups = new Lookups(options)
  return (next) => (query) => {
    const routes = options.routes()
    return routes instanceof Promise
      ? routes.then((loaded) => answer(next, query, loaded))
      : answer(next, query, routes)
  }

  function answer(next: Resolve, query: Query, routes: RouteTable): Answer | Promise<Answer> {
    const target = targetOf(options, query, routes)
    return target === undefined ? next(query) : lookups.answer(query, { ...target, own: next })
  }
}

/** Undefined: it is for the layers below to answer, to refer or to refuse. @throws Elsewhere */
function targetOf(
  options: ForeignOptions,
  { identifier, asker = 'public' }: Query,
  routes: RouteTable,
): Target | undefined {
  const authority = authorityOf(routes, identifier)
  if (authority.kind === 'registry' || authority.kind === 'suspended') return undefined
  const policy = options.policy[asker]
  if (authority.kind === 'self-built') {
    const { route, selfBuilt } = authority
    const node = policy === 'follow' ? options.delegateOf(route.prefix, selfBuilt) : undefined
    return node && { node, route: `${route.prefix} ${selfBuilt.version}` }
  }
  if (policy === 'refuse') throw new Elsewhere({ why: 'foreign', prefix: identifier.prefix, service: undefined })
  return options.parent === undefined || policy === 'refer' ? undefined : { node: options.parent, route: '' }
}

class Lookups {
  private readonly passing = new PassingLookups()
  private readonly options: ForeignOptions
  private readonly underWay = new Map<string, Promise<Answer>>()
  private count = 0

  constructor(options: ForeignOptions) {
    this.options = options
  }

  answer(query: Query, target: Target): Answer | Promise<Answer> {
    const { cache } = this.options
    const { key } = query.identifier
    if (query.authoritative !== true) {
      const held = cache.find(key, target.route)
      if (held !== undefined) {
        query.trace?.step('remembered', 'hit')
        return held
      }
      if (target.route === '') cache.requireSomebody(longestPrefix(query.identifier))
    }
    query.trace?.step('remembered', query.authoritative ? 'skipped' : 'miss')
    return this.joined(query, target)
  }

  private joined(query: Query, target: Target): Answer | Promise<Answer> {
    if (query.passage !== undefined) this.passing.requireNoCircle(query.identifier, query.passage)
    // By the delegation, too: what an ended one is still asked for is no answer to whoever comes after.
    const way = `${target.route} ${query.identifier.key}`
    const flight = query.authoritative === true ? undefined : this.underWay.get(way)
    if (flight !== undefined) {
      query.trace?.step('upstream', 'joined')
      // One that comes back from where it was sent waits for itself here: in place of a circle, its asker's time-out.
      return query.passage === undefined ? flight : inTime(flight, query.passage.timeLeftMs)
    }
    const answer = this.ask(query, target)
    // What another node allows it to cost is too little for others to rely on.
    if (query.passage === undefined) this.remember(way, answer)
    return answer
  }

  private remember(way: string, answer: Promise<Answer>): void {
    this.underWay.set(way, answer)
    const land = () => {
      if (this.underWay.get(way) === answer) this.underWay.delete(way)
    }
    answer.then(land, land)
  }

  private async ask(query: Query, target: Target): Promise<Answer> {
    if (this.count >= this.options.maxUnderWay)
      throw new NodeError('overloaded', `${this.count} look-ups wait for other nodes already; try again in a second.`, {
        retryAfterSeconds: 1,
      })
    this.count += 1
    try {
      return await this.askNode(query, target)
    } catch (error) {
      return this.instead(query, target, error)
    } finally {
      this.count -= 1
    }
  }

  private async askNode(
    { identifier, passage, trace, authoritative: isAuthoritative = false }: Query,
    { node, route, own }: Target,
  ): Promise<Answer> {
    const { clock, self, cache } = this.options
    // A flight that others may join has a time of its own; one that another node waits for has that node's.
    const deadlineMs = passage === undefined ? undefined : clock.monotonicMs() + passage.timeLeftMs
    const budget = new Budget({ clock, self, deadlineMs, passage })
    const { answer, ttlSeconds } = await inSpan(identifier.key, trace, (told) =>
      this.passing.during(identifier, budget, () => node.ask({ identifier, budget, isAuthoritative, own, ...told })),
    )
    trace?.step('upstream', answer.kind)
    const nowMs = clock.nowMs()
    const dated = answerWith(answer, {
      asOfMs: answer.asOfMs ?? nowMs,
      freshUntilMs: nowMs + ttlSeconds * 1000,
    })
    cache.put(identifier.key, { answer: dated, ttlSeconds }, route)
    return dated
  }

  /** The last answer, marked; or the failure, which is never "not registered". */
  private instead({ identifier, trace }: Query, { route }: Target, error: unknown): Answer {
    const { cache, onSuspicion } = this.options
    if (!(error instanceof NodeError)) throw error
    if (error.code === 'prefix-not-served' && route === '') cache.noteNobody(longestPrefix(identifier), error.message)
    if (!isUnavailable(error)) throw error
    if (isSuspicious(error)) onSuspicion?.(identifier.key, error)
    const held = cache.findStale(identifier.key, route)
    trace?.step('upstream', held === undefined ? `failed: ${error.message}` : 'stale')
    if (held === undefined) throw error
    return held
  }
}

/** The record of a prefix goes by the prefix it names: of `0.NA` itself nothing is said by it. */
function longestPrefix(identifier: Identifier): string {
  return routingCandidates(identifier)[0]!
}

/** What is asked of other nodes, and what each says, goes into the trace of the look-up and into a span. */
async function inSpan(
  key: string,
  trace: Trace | undefined,
  ask: (told: Pick<ForeignLookup, 'trace' | 'traceContext'>) => Promise<ForeignAnswer>,
): Promise<ForeignAnswer> {
  const span = startLookupSpan('ask other nodes', key)
  const step = (layer: string, outcome: string) => {
    trace?.step(layer, outcome)
    span.step(layer, outcome)
  }
  try {
    const answered = await ask({ trace: { step }, traceContext: span.traceContext() })
    span.end(answered.answer.kind)
    return answered
  } catch (error) {
    span.failed(error)
    throw error
  }
}

function inTime(flight: Promise<Answer>, withinMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new NodeError('authority-unavailable', 'The look-up is given up: its time is over.'))
    const timer = setTimeout(late, withinMs)
    flight.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
