/**
 * What another node says, and whether it may count. Nothing here trusts it: an answer is for the identifier asked for and
 * for nothing else, in shape and size, before anybody sees it or remembers it.
 */
import { createHash } from 'node:crypto'
import type { Identifier } from '../identifier/identifier.js'
import { routingCandidates } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import type { Absent, Found, Withdrawn } from '../record/answer.js'
import { encodeValues } from '../record/codec.js'
import type { IdentifierRecord, Value } from '../record/record.js'
import { visibleValues } from '../record/select.js'
import type { Resolve, Trace } from '../resolution/resolve.js'
import type { Budget } from './budget.js'
import type { Probed } from './probed.js'

export interface ForeignAnswer {
  readonly answer: Found | Withdrawn | Absent
  /** For how long it may be taken for current. */
  readonly ttlSeconds: number
}

export interface ForeignLookup {
  readonly identifier: Identifier
  readonly budget: Budget
  /** Past what others remember. */
  readonly isAuthoritative: boolean
  /** False: ways to its node must be known to be good now. Default true. */
  readonly takesRemembered?: boolean
  /** What this node answers itself. */
  readonly own?: Resolve | undefined
  readonly trace?: Trace | undefined
  /** Headers that say which trace the look-up is of, where one is kept. */
  readonly traceContext?: Readonly<Record<string, string>>
}

/** Somebody else who answers. */
export interface ForeignNode {
  /** @throws NodeError `authority-unavailable` (nobody could be asked, or what came cannot count), `prefix-not-served` */
  ask(lookup: ForeignLookup): Promise<ForeignAnswer>
  /** Whether it is there; kept by `Peers`, too. Undefined: nobody of it may be asked. Never throws. */
  probe(): Promise<Probed | undefined>
  close(): Promise<void>
}

/** Of one answer, as it comes and decoded. */
export const MAX_ANSWER_BYTES = 2 ** 20
const MAX_VALUES = 10_000

/** All that is no record of this node's registry: what it was in the registry it came from, nobody here knows. */
export const ABOUT_FOREIGN = { tier: 'upstream', stamp: 0 } as const

export function foreignAbsent({ key, prefix }: Identifier): Absent {
  return { kind: 'absent', key, prefix, version: 0, ...ABOUT_FOREIGN }
}

/** @throws NodeError `authority-unavailable` */
export function foreignFound(identifier: Identifier, record: IdentifierRecord, from: string): Found {
  const why = faultOf(identifier, record)
  if (why !== undefined) throw invalidAnswer(from, why)
  const { key, prefix, version } = record
  const shown = { ...record, values: visibleValues(record.values, 'public') }
  return { kind: 'found', key, prefix, version, ...ABOUT_FOREIGN, record: shown }
}

/** `authority-unavailable`: what came is as good as nothing. */
export class InvalidAnswer extends NodeError {
  constructor(from: string, why: string, cause?: unknown) {
    super('authority-unavailable', `${from} gives an answer that cannot count: it ${why}.`, { cause })
  }
}

export function invalidAnswer(from: string, why: string, cause?: unknown): NodeError {
  return new InvalidAnswer(from, why, cause)
}

const SUSPICIOUS: ReadonlySet<string> = new Set(['invalid-answer', 'signature-invalid', 'address-forbidden'])
const MAX_CAUSES = 5

/** Whether somebody lies, or sends this node where it must not go; all else is failure. */
export function isSuspicious(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof NodeError; depth++) {
    if (cause instanceof InvalidAnswer || cause.code === 'not-permitted' || cause.code === 'too-large') return true
    if (cause instanceof HandleFault && SUSPICIOUS.has(cause.reason)) return true
    cause = cause.cause
  }
  return false
}

function faultOf(identifier: Identifier, { key, prefix, version, values }: IdentifierRecord): string | undefined {
  if (key !== identifier.key) return `is for ${JSON.stringify(key.slice(0, 300))}, another identifier`
  if (!routingCandidates(identifier).includes(prefix) && prefix !== identifier.prefix)
    return `names the prefix ${JSON.stringify(prefix.slice(0, 100))}, which is none of this identifier's`
  if (!Number.isSafeInteger(version) || version < 1) return `has the version ${version}`
  if (values.length > MAX_VALUES) return `has ${values.length} values`
  const isAscending = values.every(({ index }, place) => index > (values[place - 1]?.index ?? 0))
  return isAscending ? undefined : 'has values whose indexes are not in order'
}

/**
 * Where the protocol has no versions, a number that is the same for the same content, and another one for another. It says
 * nothing about which of two is newer. Times to live are no content: they run down wherever an answer is remembered.
 */
export function contentVersion(values: readonly Value[]): number {
  return (
    1 +
    createHash('sha256')
      .update(encodeValues(values.map((value) => ({ ...value, ttlSeconds: 0 }))))
      .digest()
      .readUIntBE(0, 6)
  )
}

/** An answer's time to live in seconds, kept within what is right for a node between others. */
export function clampedTtl(seconds: number, most: number): number {
  return Math.min(Math.max(seconds, LEAST_TTL_SECONDS), Math.max(most, LEAST_TTL_SECONDS))
}

/** An answer that ends at once would make every look-up of it a request. */
export const LEAST_TTL_SECONDS = 5
/** "Not registered" changes with the next registration. */
export const ABSENT_TTL_SECONDS = 30
