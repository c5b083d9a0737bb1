/** A node of this kind that is asked by its REST API, with what the look-up may still cost (budget.ts). */
import { routingCandidates } from '../identifier/prefix-record.js'
import type { AddressGuard } from '../platform/address-guard.js'
import type { Clock } from '../platform/clock.js'
import { isUnavailable, messageOf, NodeError } from '../platform/errors.js'
import { getGuarded } from '../platform/guarded-http.js'
import { hedged } from '../platform/hedged.js'
import type { RetryBudget } from '../platform/retry-budget.js'
import { PROTOBUF_MEDIA_TYPE } from '../protocols/protobuf/messages.js'
import {
  type ForeignAnswer,
  type ForeignLookup,
  type ForeignNode,
  invalidAnswer,
  MAX_ANSWER_BYTES,
} from './foreign-answer.js'
import { type Refusal, readSaid, requireServing } from './http-said.js'
import type { Peers } from './peers.js'
import { probing, together } from './probed.js'
import type { Referral, ReferredRoute, ReferredRoutes } from './referred-routes.js'

export interface HttpNodeOptions {
  /** Of one node: the second is asked when the first is late or fails. Without a path. */
  readonly urls: readonly string[]
  readonly guard: AddressGuard
  readonly peers: Peers
  readonly retries: RetryBudget
  readonly clock: Clock
  /** Where the node says that another server answers. */
  readonly routes: ReferredRoutes
}

const PROBE_MS = 800
const MAX_PROBE_BYTES = 65_536

export function httpNode(options: HttpNodeOptions): ForeignNode {
  return {
    ask: (lookup) => askByRoute(options, lookup),
    async probe() {
      const { urls, clock } = options
      return together(await Promise.all(urls.map((url) => probing(clock, () => probe(url, options)))))
    },
    close: async () => options.routes.close(),
  }
}

/** A server that was referred to is asked first; the node again when the route is old, or leads to nobody. */
async function askByRoute(options: HttpNodeOptions, lookup: ForeignLookup): Promise<ForeignAnswer> {
  const route = options.routes.find(lookup.identifier)
  if (route === undefined) return askAny(options, lookup)
  lookup.trace?.step('route', `${route.prefix}: ${route.isYoung ? 'known' : 'known, and old'}`)
  if (!route.isYoung) return askAny(options, lookup).catch((error: unknown) => askInstead(route, lookup, error))
  try {
    return await route.node.ask(lookup)
  } catch (error) {
    if (!isOfTheRoute(error)) throw error
    return askAny(options, lookup, { route, error })
  }
}

/** The node cannot be asked: where it referred to before. */
function askInstead({ node }: ReferredRoute, lookup: ForeignLookup, error: unknown): Promise<ForeignAnswer> {
  if (!isUnavailable(error)) throw error
  return node.ask(lookup)
}

/** Nobody there, or nobody responsible: it may lead elsewhere by now. */
function isOfTheRoute(error: unknown): boolean {
  return isUnavailable(error) || (error instanceof NodeError && error.code === 'prefix-not-served')
}

interface Tried {
  readonly route: ReferredRoute
  readonly error: unknown
}

async function askAny(options: HttpNodeOptions, lookup: ForeignLookup, tried?: Tried): Promise<ForeignAnswer> {
  const { urls, peers, retries, routes } = options
  retries.asked()
  const attempts = urls.map((url) => (signal: AbortSignal) => askOne(url, options, { ...lookup, signal }))
  const said = await hedged(attempts, {
    afterMs: peers.get(urls[0]!).hedgeAfterMs(),
    mayHedge: () => retries.tryRepeat(),
  })
  if (!('answer' in said) && said.code === 'served-elsewhere' && said.referral !== undefined)
    return follow(routes, { ...said, referral: said.referral }, { lookup, tried })
  // It led elsewhere before.
  if (tried !== undefined) routes.forget(tried.route.prefix)
  if ('answer' in said) return said
  const { code, detail, from, status } = said
  if (code === 'prefix-not-served') throw new NodeError('prefix-not-served', `${from} says: ${detail}`)
  throw new NodeError('authority-unavailable', `${from} could not say (status ${status}): ${detail}`)
}

interface Following {
  readonly lookup: ForeignLookup
  readonly tried: Tried | undefined
}

function follow(
  routes: ReferredRoutes,
  { referral, from }: { readonly referral: Referral; readonly from: string },
  { lookup, tried }: Following,
): Promise<ForeignAnswer> {
  if (!routingCandidates(lookup.identifier).includes(referral.prefix))
    throw invalidAnswer(from, `refers for ${JSON.stringify(referral.prefix)}, which is no prefix of this identifier`)
  const node = routes.remember(referral)
  // It leads to where nobody was a moment ago.
  if (node === tried?.route.node) throw tried.error
  return node.ask(lookup)
}

async function askOne(
  url: string,
  options: HttpNodeOptions,
  {
    identifier,
    budget,
    isAuthoritative,
    trace,
    traceContext,
    signal,
  }: ForeignLookup & { readonly signal: AbortSignal },
): Promise<ForeignAnswer | Refusal> {
  const { peers, guard, clock } = options
  const exchange = await peers
    .get(url)
    .enter(budget.timeLeftMs())
    .catch((error: unknown) => {
      trace?.step('peer', `${url}: not asked: ${messageOf(error)}`)
      throw error
    })
  try {
    budget.spend(1)
    const response = await getGuarded({
      url: `${url}/v1/identifiers/${encodeURIComponent(identifier.key)}?values=all${isAuthoritative ? '&authoritative=1' : ''}`,
      guard,
      headers: { accept: PROTOBUF_MEDIA_TYPE, ...budget.handOn(), ...traceContext },
      // It may have to ask others, and say in time that it could not.
      timeoutMs: budget.timeLeftMs(),
      maxBytes: MAX_ANSWER_BYTES,
      maxRedirects: 2,
      signal,
      onSend: onceMore(() => budget.spend(1)),
    })
    const said = readSaid({ ...response, from: url }, identifier, clock)
    exchange.answered()
    trace?.step('peer', `${url}: answered ${response.status}`)
    return said
  } catch (error) {
    const ended = signal.aborted ? exchange.abandoned() : exchange.failed(error)
    if (ended) trace?.step('peer', `${url}: ${messageOf(error)}`)
    throw unavailable(error)
  }
}

/** The first sending is paid for already. */
function onceMore(spend: () => void): () => void {
  let isFirst = true
  return () => {
    if (!isFirst) spend()
    isFirst = false
  }
}

/** Whatever kept the answer away, the asker's own request is not to blame. */
function unavailable(error: unknown): unknown {
  if (!(error instanceof NodeError) || error.code === 'overloaded') return error
  return new NodeError('authority-unavailable', error.message, { cause: error })
}

async function probe(url: string, { peers, guard }: HttpNodeOptions): Promise<void> {
  await peers.probe(url, async () => {
    const response = await getGuarded({ url: `${url}/livez`, guard, timeoutMs: PROBE_MS, maxBytes: MAX_PROBE_BYTES })
    requireServing(response, url)
  })
}
