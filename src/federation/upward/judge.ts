/** Whether a change that a node tells of is well-formed, and of a prefix that is delegated to that node. */
import { parseIdentifier } from '../../identifier/parse.js'
import { parsePrefix } from '../../identifier/prefix.js'
import { routingCandidates } from '../../identifier/prefix-record.js'
import type { Result } from '../../identifier/result.js'
import type { UpwardRefusal } from '../../protocols/rest/upward.js'

/** A prefix that was delegated to the node, by the administrator of this one. */
export interface DelegatedPrefix {
  readonly prefix: string
  readonly isActive: boolean
}

export type Judged = JudgedIdentifier | JudgedPrefix

export interface JudgedIdentifier {
  readonly kind: 'identifier'
  readonly key: string
  /** The prefix in it, not the delegated one. */
  readonly prefix: string
  readonly version: number
  readonly isRegistered: boolean
  readonly template: string
  readonly contentSha256: Buffer | null
  readonly at: string
}

export interface JudgedPrefix {
  readonly kind: 'prefix'
  readonly prefix: string
  readonly version: number
  readonly state: 'active' | 'suspended'
}

export type Why = Omit<UpwardRefusal, 'place'>

const SHA256 = /^[\da-f]{64}$/
const MAX_TEMPLATE_LENGTH = 64
/** Of delegated prefixes, in a refusal. */
const MAX_NAMED = 10
const TIME = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/
const TO_SECONDS = '2026-01-31T12:00:00'.length

export function judge(change: unknown, delegated: ReadonlyMap<string, DelegatedPrefix>): Result<Judged, Why> {
  if (typeof change !== 'object' || change === null) return malformed('It is no object.')
  const fields = change as Readonly<Record<string, unknown>>
  if (!Number.isSafeInteger(fields['version']) || Number(fields['version']) < 1)
    return malformed('version is no whole number from 1.')
  if (fields['kind'] === 'identifier') return judgeIdentifier(fields, delegated)
  if (fields['kind'] === 'prefix') return judgePrefix(fields, delegated)
  return malformed('kind is neither identifier nor prefix.')
}

function judgeIdentifier(
  { identifier, key, version, state, template, contentSha256, at }: Readonly<Record<string, unknown>>,
  delegated: ReadonlyMap<string, DelegatedPrefix>,
): Result<JudgedIdentifier, Why> {
  const parsed = typeof identifier === 'string' ? parseIdentifier(identifier) : undefined
  if (parsed === undefined) return malformed('identifier is no text.')
  if (!parsed.ok) return refused('identifier-malformed', parsed.message)
  if (parsed.value.key !== key) return malformed(`key is not the canonical form of identifier, ${parsed.value.key}.`)
  if (state !== 'registered' && state !== 'withdrawn') return malformed('state is neither registered nor withdrawn.')
  if (typeof template !== 'string' || template.length > MAX_TEMPLATE_LENGTH || template.includes('\0'))
    return malformed(`template is no text of at most ${MAX_TEMPLATE_LENGTH} characters.`)
  if (contentSha256 !== null && !(typeof contentSha256 === 'string' && SHA256.test(contentSha256)))
    return malformed('contentSha256 is neither null nor 64 hexadecimal digits.')
  if (typeof at !== 'string' || !isTime(at)) return malformed('at is no time such as 2026-01-31T12:00:00.000Z.')
  const why = outside(routingCandidates(parsed.value), delegated)
  if (why !== undefined) return { ok: false, ...why }
  return {
    ok: true,
    value: {
      kind: 'identifier',
      key: parsed.value.key,
      prefix: parsed.value.prefix,
      version: Number(version),
      isRegistered: state === 'registered',
      template,
      contentSha256: contentSha256 === null ? null : Buffer.from(contentSha256, 'hex'),
      at,
    },
  }
}

function judgePrefix(
  { prefix, version, state }: Readonly<Record<string, unknown>>,
  delegated: ReadonlyMap<string, DelegatedPrefix>,
): Result<JudgedPrefix, Why> {
  const parsed = typeof prefix === 'string' ? parsePrefix(prefix) : undefined
  if (parsed === undefined) return malformed('prefix is no text.')
  if (!parsed.ok) return malformed(`prefix: ${parsed.message}`)
  if (state !== 'active' && state !== 'suspended') return malformed('state is neither active nor suspended.')
  const why = outside(withAncestors(parsed.value), delegated)
  if (why !== undefined) return { ok: false, ...why }
  return { ok: true, value: { kind: 'prefix', prefix: parsed.value, version: Number(version), state } }
}

/** Whether it is written like one, and is one: 30 February is read as a day of March elsewhere, and the database takes none. */
function isTime(text: string): boolean {
  const atMs = TIME.test(text) ? Date.parse(text) : Number.NaN
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().slice(0, TO_SECONDS) === text.slice(0, TO_SECONDS)
}

function withAncestors(prefix: string): string[] {
  const ancestors = [prefix]
  for (let dot = prefix.lastIndexOf('.'); dot > 0; dot = prefix.lastIndexOf('.', dot - 1))
    ancestors.push(prefix.slice(0, dot))
  return ancestors
}

/** The longest delegated prefix decides. undefined: nothing is against it. */
function outside(candidates: readonly string[], delegated: ReadonlyMap<string, DelegatedPrefix>): Why | undefined {
  const found = candidates.find((candidate) => delegated.has(candidate))
  if (found === undefined) {
    const names = [...delegated.keys()].slice(0, MAX_NAMED).join(', ')
    return {
      code: 'prefix-not-held',
      reason: `${candidates[0]} lies below no prefix that is delegated to this node; those are ${names}.`,
    }
  }
  if (delegated.get(found)!.isActive) return undefined
  return { code: 'prefix-suspended', reason: `${found}, which was delegated to this node, is suspended.` }
}

type Refused = { readonly ok: false } & Why

function refused(code: string, reason: string): Refused {
  return { ok: false, code, reason }
}

function malformed(reason: string): Refused {
  return refused('request-malformed', reason)
}
