/** Errors of the node as answers of this protocol. What is this node's own fault is told in the log alone. */
import { type ErrorCode, messageOf, NodeError } from '../../platform/errors.js'
import { RC } from './codes.js'
import type { Reply } from './operation.js'

/** `satisfies` makes a new code without a response code a compile error. */
export const responseCodeOf = {
  'identifier-malformed': RC.invalidHandle,
  'request-malformed': RC.protocolError,
  'not-authenticated': RC.authenticationFailed,
  'not-permitted': RC.insufficientPermissions,
  'prefix-not-held': RC.insufficientPermissions,
  'prefix-suspended': RC.insufficientPermissions,
  'prefix-not-served': RC.notResponsible,
  'served-elsewhere': RC.notResponsible,
  'identifier-absent': RC.handleNotFound,
  'identifier-withdrawn': RC.handleNotFound,
  'version-absent': RC.handleNotFound,
  'token-unknown': RC.error,
  'not-found': RC.handleNotFound,
  'not-acceptable': RC.notSupported,
  'media-type-unsupported': RC.notSupported,
  'too-large': RC.invalidValue,
  'already-exists': RC.handleExists,
  'version-conflict': RC.error,
  'precondition-failed': RC.error,
  'idempotency-key-reused': RC.error,
  'template-unknown': RC.invalidValue,
  'record-invalid': RC.invalidValue,
  'import-conflict': RC.error,
  'sequence-gap': RC.error,
  // Whoever cannot be asked now can be later: clients take it for a reason to try again.
  'authority-unavailable': RC.tooBusy,
  overloaded: RC.tooBusy,
  'not-yet-visible': RC.tooBusy,
  'not-yet-acknowledged': RC.tooBusy,
  'storage-full': RC.tooBusy,
  internal: RC.error,
} as const satisfies Record<ErrorCode, number>

export function refusal(responseCode: number, message = ''): Reply {
  return { responseCode, body: { kind: 'error', message, indexes: [] } }
}

/** @param requestId what the log calls the request */
export function refusalOf(error: unknown, requestId: number): Reply {
  if (isOwnFault(error)) return refusal(RC.error, `A fault of this server. Its log tells more of request ${requestId}.`)
  return refusal(responseCodeOf[(error as NodeError).code], messageOf(error))
}

export function isOwnFault(error: unknown): boolean {
  return !(error instanceof NodeError) || error.code === 'internal'
}
