/**
 * Why the client has no answer to give.
 *
 * Nothing else is thrown at its callers. A handle that does not exist is no fault: it is an answer (client.ts).
 */
import { type ErrorCode, isUnavailable, NodeError } from '../../../platform/errors.js'
import { RC } from '../codes.js'

const CODES = {
  /** Nobody was there: what was asked has surely not been done. */
  unreachable: 'authority-unavailable',
  /** The connection went away before the answer came: what was asked may have been done. */
  'cut-off': 'authority-unavailable',
  'timed-out': 'authority-unavailable',
  /** The answer is larger than the server sends by UDP: it is to be had by TCP. */
  'cut-short': 'authority-unavailable',
  /** A server said no: `responseCode` says which no. */
  refused: 'authority-unavailable',
  /** What came is not what was asked for, or no message at all. */
  'invalid-answer': 'authority-unavailable',
  /** An answer that should be vouched for is not, or not by who should. */
  'signature-invalid': 'authority-unavailable',
  /** Its server's key is not known, so nothing can be verified with it. */
  'key-unknown': 'authority-unavailable',
  'address-forbidden': 'not-permitted',
  'too-many-hops': 'authority-unavailable',
  'referral-loop': 'authority-unavailable',
  /** No site answers for the prefix, as far as the root knows. */
  'nobody-responsible': 'prefix-not-served',
  /** What was asked for can't be meant, or can't be sent. */
  'request-malformed': 'request-malformed',
  'key-malformed': 'request-malformed',
  /** More exchanges at once than the client may have. */
  overloaded: 'overloaded',
  closed: 'authority-unavailable',
} as const satisfies Record<string, ErrorCode>

export type HandleFaultReason = keyof typeof CODES

export interface FaultOptions {
  readonly cause?: unknown
  /** Of `RC`, or any other, with `refused`. */
  readonly responseCode?: number
}

export class HandleFault extends NodeError {
  readonly reason: HandleFaultReason
  readonly responseCode: number | undefined

  constructor(reason: HandleFaultReason, message: string, { responseCode, ...options }: FaultOptions = {}) {
    super(responseCode === undefined ? CODES[reason] : codeOfRefusal(responseCode), message, options)
    this.name = 'HandleFault'
    this.reason = reason
    this.responseCode = responseCode
  }
}

const REFUSALS: Readonly<Record<number, readonly [code: ErrorCode, words: string]>> = {
  [RC.error]: ['authority-unavailable', 'it failed inside'],
  [RC.tooBusy]: ['overloaded', 'it is too busy'],
  [RC.protocolError]: ['request-malformed', 'it does not take such a message, or not by this transport'],
  [RC.notSupported]: ['request-malformed', 'it does not support the operation'],
  [RC.recursionTooHigh]: ['authority-unavailable', 'the request was passed on too often'],
  [RC.serverBackup]: ['authority-unavailable', 'it is being backed up'],
  [RC.handleNotFound]: ['identifier-absent', 'the handle does not exist'],
  [RC.handleExists]: ['already-exists', 'the handle exists already'],
  [RC.invalidHandle]: ['identifier-malformed', 'the handle is none that it takes'],
  [RC.valuesNotFound]: ['not-found', 'the handle has no such values'],
  [RC.valueExists]: ['already-exists', 'a value has that index already'],
  [RC.invalidValue]: ['record-invalid', 'a value is none that it takes'],
  [RC.outOfDateSite]: ['authority-unavailable', 'its site has changed'],
  [RC.notResponsible]: ['prefix-not-served', 'it is not responsible for the handle'],
  [RC.serviceReferral]: ['prefix-not-served', 'it refers to another service'],
  [RC.prefixReferral]: ['prefix-not-served', 'it refers to another site'],
  [RC.invalidAdmin]: ['not-authenticated', 'it does not know the administrator'],
  [RC.insufficientPermissions]: ['not-permitted', 'the administrator may not do that'],
  [RC.authenticationNeeded]: ['not-authenticated', 'it wants to know who asks'],
  [RC.authenticationFailed]: ['not-authenticated', 'the key is not that of the administrator'],
  [RC.invalidCredential]: ['not-authenticated', 'it does not take the credential'],
  [RC.authenticationTimeout]: ['not-authenticated', 'its challenge was answered too late'],
  [RC.authenticationError]: ['not-authenticated', 'it could not verify who asks'],
  [RC.repeatedLogin]: ['not-authenticated', 'somebody is logged in on this connection already'],
  [RC.loginFirst]: ['not-authenticated', 'it wants a log-in first'],
  [RC.sessionTimeout]: ['not-authenticated', 'the session is over'],
  [RC.sessionFailed]: ['not-authenticated', 'there is no such session'],
  [RC.invalidSessionKey]: ['not-authenticated', 'it does not take the key of the session'],
  [RC.needRsaKey]: ['not-authenticated', 'it wants an RSA key for the session'],
  [RC.invalidSessionSetUp]: ['not-authenticated', 'it does not set such a session up'],
  [RC.sessionMessageRejected]: ['not-authenticated', 'it rejects the message within the session'],
  [RC.credentialVerificationFailed]: ['not-authenticated', 'it could not verify the credential'],
}

function codeOfRefusal(responseCode: number): ErrorCode {
  return REFUSALS[responseCode]?.[0] ?? 'authority-unavailable'
}

/** @param said the server's own words, often none */
export function refusalBy(server: string, responseCode: number, said = ''): HandleFault {
  const words = REFUSALS[responseCode]?.[1] ?? 'for a reason that this client does not know'
  const quoted = said === '' ? '' : `: "${said}"`
  return new HandleFault('refused', `${server} refuses: ${words} (code ${responseCode})${quoted}.`, { responseCode })
}

/** Whether nothing was learned: nobody was there, or none of what came counts. What was known before may be so still. */
export function isUnanswered(fault: unknown): boolean {
  if (!(fault instanceof HandleFault)) return isUnavailable(fault)
  if (fault.reason === 'refused') return UNABLE.has(fault.responseCode!)
  return fault.reason === 'overloaded' || WITHOUT_ANSWER.has(fault.reason)
}

const UNABLE: ReadonlySet<number> = new Set([RC.error, RC.tooBusy, RC.serverBackup])
/** No forged signature: that is to be told. */
const WITHOUT_ANSWER: ReadonlySet<HandleFaultReason> = new Set([
  'unreachable',
  'cut-off',
  'cut-short',
  'timed-out',
  'invalid-answer',
])

/** Whether to ask another server, or the same one another way. What may have been done already is not asked for again. */
export function isWorthAnother(fault: unknown, isRepeatable: boolean): boolean {
  if (!(fault instanceof HandleFault)) return false
  if (fault.reason === 'refused') return fault.responseCode === RC.tooBusy || fault.responseCode === RC.serverBackup
  return (isRepeatable ? WORTH_REPEATING : WORTH_TRYING).has(fault.reason)
}

const WORTH_TRYING: ReadonlySet<HandleFaultReason> = new Set(['unreachable', 'key-unknown', 'address-forbidden'])
const WORTH_REPEATING: ReadonlySet<HandleFaultReason> = new Set([
  ...WORTH_TRYING,
  'cut-off',
  'cut-short',
  'timed-out',
  'invalid-answer',
  'signature-invalid',
])
