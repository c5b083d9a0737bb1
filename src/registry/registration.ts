/** What is asked of the write path, and what comes of it. */
import type { Identifier } from '../identifier/identifier.js'
import { prefixCandidates } from '../identifier/parse.js'
import { NodeError } from '../platform/errors.js'
import type { Value } from '../record/record.js'
import { isExposed } from '../record/secret.js'
import { bodyOf, digestOf, type StoredContent, storedContent } from '../record/stored-content.js'
import { textFault } from './checks.js'
import type { StatementItem } from './write-statement.js'

/** `present` means registered, `absent` not registered: never, or withdrawn since. */
export type Precondition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'version'; readonly version: number }

export interface Registration {
  readonly identifier: Identifier
  readonly intent: 'register' | 'withdraw'
  /** '' for a record of free values; not looked at for a withdrawal, nor are the values. */
  readonly template: string
  readonly values: readonly Value[]
  /** Template and values as they are stored, where they are at hand so: then `values` is not looked at either. */
  readonly content?: StoredContent
  readonly precondition?: Precondition
  /** Of a withdrawal. */
  readonly reason?: string
}

/** Whether the node above knows of it (propagation.ts). */
export type PropagationState = 'local' | 'queued' | 'sent' | 'acknowledged' | 'refused'

export interface Receipt {
  readonly identifier: string
  readonly key: string
  readonly outcome: 'created' | 'replaced' | 'unchanged' | 'withdrawn'
  readonly version: number
  /** RFC 3339, milliseconds. */
  readonly recordedAt: string
  /** Hexadecimal; null for a withdrawal. */
  readonly contentSha256: string | null
  /** The transaction that wrote the version; doors make a token of it (resolution/write-token.ts). */
  readonly token: string
  /** At the moment of the answer. The write path says `local`; doors say what is so (propagation.ts). */
  readonly propagation: PropagationState
}

export type ItemOutcome =
  | { readonly ok: true; readonly receipt: Receipt }
  | { readonly ok: false; readonly error: NodeError }

const MAX_REASON_LENGTH = 1000

/** Why an item cannot be written at all, before anything is asked of the database. */
export function registrationFault(item: Registration): NodeError | undefined {
  const reason = textFault(item.reason ?? '', MAX_REASON_LENGTH)
  if (reason !== undefined)
    return new NodeError('request-malformed', `reason: ${reason}`, { faults: [{ field: 'reason', reason }] })
  const exposed = item.values.findIndex(isExposed)
  return exposed < 0 ? undefined : exposedSecret(item.values[exposed]!, exposed)
}

/** Doors that read JSON and tables have refused it before. */
function exposedSecret({ type, index }: Value, place: number): NodeError {
  const why = `would give the secret of ${type} at index ${index} away: take its public permissions from it`
  return new NodeError('record-invalid', `values[${place}] ${why}.`, {
    faults: [{ field: `values[${place}].permissions`, reason: why }],
  })
}

export function statementItem(item: Registration): StatementItem {
  const { identifier, template } = item
  const registers = item.intent === 'register'
  const content = registers ? (item.content ?? storedContent(item)) : undefined
  return {
    key: identifier.key,
    spelling: identifier.spelling,
    state: registers ? 'registered' : 'withdrawn',
    // A handle's prefix is written in it. Where an OID's prefix ends only the registry knows.
    candidates: identifier.scheme === 'oid' ? prefixCandidates(identifier) : [identifier.prefix],
    template: registers ? template : '',
    body: content === undefined ? null : bodyOf(content),
    digest: content === undefined ? null : digestOf(content),
    reason: registers ? null : (item.reason ?? null),
    basedOn: basedOn(item.precondition),
  }
}

function basedOn(precondition: Precondition | undefined): number | null {
  switch (precondition?.kind) {
    case undefined:
      return null
    case 'absent':
      return 0
    case 'present':
      return -1
    case 'version':
      // No identifier ever has a version that is no positive integer: such a demand fails like any other.
      return Number.isSafeInteger(precondition.version) && precondition.version > 0
        ? precondition.version
        : Number.MAX_SAFE_INTEGER
  }
}
