/** Which layout a message's body has: decided by operation and response code. */
import type { BodyKind } from './codec-body.js'
import { OP, RC } from './codes.js'

const REQUESTS: Readonly<Record<number, BodyKind>> = {
  [OP.resolve]: 'query',
  [OP.getSiteInfo]: 'handle',
  [OP.create]: 'handle-values',
  [OP.delete]: 'handle',
  [OP.addValues]: 'handle-values',
  [OP.removeValues]: 'handle-indexes',
  [OP.modifyValues]: 'handle-values',
  [OP.listHandles]: 'handle',
  [OP.listDerivedPrefixes]: 'handle',
  [OP.answerChallenge]: 'challenge-answer',
  [OP.verifyChallenge]: 'challenge-check',
  [OP.homePrefix]: 'handle',
  [OP.unhomePrefix]: 'handle',
  [OP.listHomedPrefixes]: 'handle',
  [OP.setUpSession]: 'session-request',
  [OP.terminateSession]: 'handle',
  [OP.exchangeSessionKey]: 'session-key',
  [OP.backUpServer]: 'handle',
  // The password is the only one of the types.
  [OP.loginByPassword]: 'query',
  [OP.loginByKey]: 'handle-index',
}

/** Answers of the replication operations are not described anywhere, nor are those of operations not known. */
const SUCCESSES: Readonly<Record<number, BodyKind>> = {
  [OP.resolve]: 'handle-values',
  [OP.getSiteInfo]: 'site',
  [OP.create]: 'handle',
  [OP.delete]: 'empty',
  [OP.addValues]: 'empty',
  [OP.removeValues]: 'empty',
  [OP.modifyValues]: 'empty',
  [OP.listHandles]: 'handles',
  [OP.listDerivedPrefixes]: 'handles',
  [OP.verifyChallenge]: 'verified',
  [OP.homePrefix]: 'empty',
  [OP.unhomePrefix]: 'empty',
  [OP.listHomedPrefixes]: 'handles',
  [OP.setUpSession]: 'session-answer',
  [OP.terminateSession]: 'empty',
  [OP.exchangeSessionKey]: 'empty',
  [OP.backUpServer]: 'empty',
  [OP.loginByPassword]: 'handle-index',
  [OP.loginByKey]: 'empty',
}

export function layoutOf(opCode: number, responseCode: number, bodyOctets: number): BodyKind {
  if (responseCode === RC.none) return REQUESTS[opCode] ?? 'opaque'
  if (responseCode === RC.success) return successLayout(opCode, bodyOctets)
  if (responseCode === RC.serviceReferral || responseCode === RC.prefixReferral) return 'referral'
  return responseCode === RC.authenticationNeeded ? 'challenge' : 'error'
}

function successLayout(opCode: number, bodyOctets: number): BodyKind {
  // Old servers say no more of a creation than that it succeeded.
  if (opCode === OP.create && bodyOctets === 0) return 'empty'
  return SUCCESSES[opCode] ?? 'opaque'
}
