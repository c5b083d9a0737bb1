/** What came of an item: why it was refused, or why there was nothing to write. Pure. */
import { isPrefixHandle, prefixNamedBy } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import type { Precondition, Registration } from './registration.js'
import type { Verdict, VersionSeen } from './write-statement.js'
import { REGISTERED } from './write-upsert.js'

/** Refused because of its prefix; undefined when the prefix is no obstacle. */
export function verdictError(
  item: Registration,
  verdict: Verdict | null,
  prefix: string | null,
): NodeError | undefined {
  const name = prefix ?? item.identifier.prefix
  switch (verdict) {
    case 'ok':
      return undefined
    case null:
      if (isPrefixHandle(item.identifier)) return unwritableRecord(item)
      return new NodeError(
        'prefix-not-served',
        `${name} is not allotted at this node. Ask the administrator to allot it, or write to the node that has it.`,
      )
    case 'not-held':
      return new NodeError('prefix-not-held', `${name} is not held by the enterprise whose API key this is.`)
    case 'out-of-reach':
      return new NodeError('not-permitted', `This API key is not good for ${name}; it is limited to other prefixes.`)
    case 'suspended':
      return new NodeError(
        'prefix-suspended',
        `${name} is suspended: nothing can be written below it until it is active again.`,
      )
    case 'self-built':
      // Its own record is this node's, and says where the server is.
      if (isPrefixHandle(item.identifier)) return undefined
      return new NodeError(
        'served-elsewhere',
        `The holder of ${name} answers for its identifiers with a server of its own: they are registered there, not here.`,
      )
  }
}

/** No prefix of this node is named; or the way that was taken, such as an import, does not write such records. */
function unwritableRecord({ identifier }: Registration): NodeError {
  const named = prefixNamedBy(identifier)
  return new NodeError(
    'prefix-not-served',
    named === undefined
      ? `${identifier.spelling} is not the handle of a prefix, and nothing else is registered below 0.NA.`
      : `${identifier.spelling} is the record of the prefix ${named}: it is there when the prefix is allotted at this node, and is changed by PUT or PATCH, not imported.`,
  )
}

export type Explanation = { readonly kind: 'unchanged' } | { readonly kind: 'refused'; readonly error: NodeError }

/**
 * Why an item that was to be written was not, given a version that was the newest at some moment of the write.
 * undefined: that version gives no reason, so another must have been the newest when the write was tried.
 */
export function explainUnwritten(
  item: Registration,
  seen: Pick<VersionSeen, 'version' | 'state' | 'same'> | undefined,
): Explanation | undefined {
  const { spelling } = item.identifier
  const registered = seen?.state === REGISTERED
  if (item.intent === 'withdraw' && !registered) {
    return seen === undefined
      ? refused('identifier-absent', `${spelling} is not registered, so there is nothing to withdraw.`)
      : refused('identifier-withdrawn', `${spelling} is withdrawn already, as version ${seen.version}.`)
  }
  const error = preconditionError(item, seen)
  if (error) return { kind: 'refused', error }
  return registered && seen.same && item.intent === 'register' ? { kind: 'unchanged' } : undefined
}

export function preconditionError(
  { precondition, identifier }: Registration,
  seen: Pick<VersionSeen, 'version' | 'state'> | undefined,
): NodeError | undefined {
  if (holds(precondition, seen)) return undefined
  return new NodeError('precondition-failed', `${demand(precondition)}, but ${identifier.spelling} ${stateOf(seen)}.`)
}

function refused(code: 'identifier-absent' | 'identifier-withdrawn', message: string) {
  return { kind: 'refused' as const, error: new NodeError(code, message) }
}

/** The same rules as the `where` of the upsert. */
function holds(
  precondition: Precondition | undefined,
  seen: Pick<VersionSeen, 'version' | 'state'> | undefined,
): boolean {
  switch (precondition?.kind) {
    case undefined:
      return true
    case 'absent':
      return seen?.state !== REGISTERED
    case 'present':
      return seen?.state === REGISTERED
    case 'version':
      return seen?.version === precondition.version
  }
}

function demand(precondition: Precondition | undefined): string {
  if (precondition?.kind === 'version') return `The request demands version ${precondition.version}`
  return precondition?.kind === 'present'
    ? 'The request demands that it is registered'
    : 'The request demands that it is new'
}

function stateOf(seen: Pick<VersionSeen, 'version' | 'state'> | undefined): string {
  if (seen === undefined) return 'was never registered'
  return seen.state === REGISTERED
    ? `is registered, as version ${seen.version}`
    : `is withdrawn, as version ${seen.version}`
}
