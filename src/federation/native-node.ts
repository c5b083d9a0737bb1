/** A node that is asked by the native Handle protocol: any Handle server, ours or not. */
import type { KeyObject } from 'node:crypto'
import type { Identifier } from '../identifier/identifier.js'
import type { AddressGuard } from '../platform/address-guard.js'
import type { Clock } from '../platform/clock.js'
import { NodeError } from '../platform/errors.js'
import type { RetryBudget } from '../platform/retry-budget.js'
import type { Resolved } from '../protocols/handle/client/answers.js'
import { type HandleClient, handleClient } from '../protocols/handle/client/client.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import type { Start } from '../protocols/handle/client/places.js'
import type { ServerAddress } from '../protocols/handle/client/server-address.js'
import { recordValuesOf, withRelativeTtl } from '../protocols/handle/codec-record.js'
import type { HandleValue } from '../protocols/handle/codec-value.js'
import { RC } from '../protocols/handle/codes.js'
import type { IdentifierRecord } from '../record/record.js'
import { MAX_HOPS, PassedOnTooOften } from '../resolution/passage.js'
import { Budget } from './budget.js'
import { ExchangeAccount, UDP_WAITS_MS } from './exchange-account.js'
import {
  ABSENT_TTL_SECONDS,
  clampedTtl,
  contentVersion,
  type ForeignAnswer,
  type ForeignLookup,
  type ForeignNode,
  foreignAbsent,
  foreignFound,
  invalidAnswer,
  MAX_ANSWER_BYTES,
} from './foreign-answer.js'
import type { Peers } from './peers.js'
import { probing } from './probed.js'

export interface NativeNodeOptions {
  /** For messages: `the parent node`, `the server of 88.118.8`. */
  readonly name: string
  readonly start: Start
  /** Addresses that others name pass it. */
  readonly guard: AddressGuard
  readonly peers: Peers
  readonly retries: RetryBudget
  readonly clock: Clock
  readonly maxTtlSeconds: number
  /** This node's own name among the others. */
  readonly self: string
  /** Only what is signed by the key that is known for its server counts. */
  readonly isCertified?: boolean
  /** Whether the start is asked first whose the prefix is. */
  readonly publicKey?: KeyObject
}

export const MAX_ROUTE_AGE_MS = 600_000
const MAX_SERVER_MS = 800

export function nativeNode(options: NativeNodeOptions): ForeignNode {
  const client = clientOf(options)
  return {
    ask: (lookup) => askNative(client, options, lookup),
    async probe() {
      const budget = new Budget({ clock: options.clock, self: options.self })
      const exchanges = new ExchangeAccount({ ...options, budget, purpose: 'probe' })
      return probing(options.clock, () => client.siteInfo({ timeoutMs: MAX_SERVER_MS, exchanges }))
    },
    close: () => client.close(),
  }
}

function clientOf({ start, guard }: Pick<NativeNodeOptions, 'start' | 'guard'>): HandleClient {
  return handleClient({
    start,
    session: 'none',
    guard: (address) => refusalOf(guard, address),
    limits: {
      serverTimeoutMs: MAX_SERVER_MS,
      udpRetryMs: UDP_WAITS_MS,
      maxMessageOctets: MAX_ANSWER_BYTES,
      maxAnswerOctets: MAX_ANSWER_BYTES,
      maxHops: MAX_HOPS,
      maxSiteAgeMs: MAX_ROUTE_AGE_MS,
    },
  })
}

/** Sites name addresses, never names: nothing is looked up, so that what is checked is what is connected to. */
export function refusalOf(guard: AddressGuard, { host, port }: ServerAddress): string | undefined {
  return guard.literalRefusal(host, port)
}

async function askNative(
  client: HandleClient,
  options: NativeNodeOptions,
  lookup: ForeignLookup,
): Promise<ForeignAnswer> {
  const { identifier, budget, isAuthoritative, trace } = lookup
  const { isCertified = false } = options
  try {
    const resolved = await client.resolve(handleOf(identifier), {
      timeoutMs: budget.timeLeftMs(),
      exchanges: new ExchangeAccount({ ...options, budget, trace }),
      passedOn: { recursionCount: budget.hopsDone + 1, expiresAtSeconds: budget.expiresAtSeconds },
      // It binds what is signed to this very request; where nothing is signed it proves nothing, and not everybody gives it.
      returnsDigest: isCertified,
      isCertified,
      isAuthoritative,
      takesRemembered: lookup.takesRemembered ?? true,
    })
    return answerOf(resolved, identifier, options)
  } catch (error) {
    throw told(error, options.name)
  }
}

/** What other servers know it by: a canonical handle is one, in lower case. */
function handleOf({ key, scheme }: Identifier): string {
  if (scheme !== 'oid') return key
  throw new NodeError('prefix-not-served', `${key} is an object identifier, which the Handle protocol does not know.`)
}

function answerOf(resolved: Resolved, identifier: Identifier, options: NativeNodeOptions): ForeignAnswer {
  switch (resolved.kind) {
    case 'absent':
      return { answer: foreignAbsent(identifier), ttlSeconds: ABSENT_TTL_SECONDS }
    case 'no-values':
      return found(identifier, [], options)
    case 'found':
      return found(identifier, resolved.values, options)
    case 'referral':
      throw invalidAnswer(options.name, 'refers elsewhere without saying where')
  }
}

function found(identifier: Identifier, given: readonly HandleValue[], options: NativeNodeOptions): ForeignAnswer {
  const nowSeconds = Math.floor(options.clock.nowMs() / 1000)
  const values = recordValuesOf(given.map((value) => withRelativeTtl(value, nowSeconds)))
  if (!values.ok) throw invalidAnswer(options.name, `has values that no record can hold: ${values.message}`)
  const times = values.value.map(({ timestampSeconds }) => timestampSeconds * 1000)
  const record: IdentifierRecord = {
    key: identifier.key,
    spelling: identifier.spelling,
    prefix: identifier.prefix,
    version: contentVersion(values.value),
    template: '',
    values: values.value,
    registeredAtMs: Math.min(...times, options.clock.nowMs()),
    recordedAtMs: times.length === 0 ? options.clock.nowMs() : Math.max(...times),
  }
  const ttlSeconds = Math.min(...values.value.map((value) => value.ttlSeconds), options.maxTtlSeconds)
  return {
    answer: foreignFound(identifier, record, options.name),
    ttlSeconds: clampedTtl(ttlSeconds, options.maxTtlSeconds),
  }
}

/** What another node refuses says nothing about whoever asked this one. */
function told(error: unknown, name: string): unknown {
  if (!(error instanceof HandleFault)) return error
  if (error.responseCode === RC.recursionTooHigh) return new PassedOnTooOften(error.message.replace(/\.$/, ''))
  const isNobody = error.reason === 'nobody-responsible' || error.responseCode === RC.notResponsible
  if (isNobody)
    return new NodeError('prefix-not-served', `${name} knows nobody who answers: ${error.message}`, { cause: error })
  return new NodeError('authority-unavailable', `${name} could not be asked: ${error.message}`, { cause: error })
}
