/**
 * Logins of the national SDK, which belong to its TCP connection: what comes later on it is the same user's, without a session or
 * a MAC. So whoever can write into the connection can write as that user: on a network that is not trusted, use TLS.
 */

import type { Message } from '../codec-message.js'
import { FLAG, hasFlag, RC } from '../codes.js'
import type { OperationRequest, Reply } from '../operation.js'
import type { Challenges } from './challenges.js'
import type { Identities } from './contract.js'
import { EMPTY, errorReply } from './replies.js'

export interface LoginsOptions {
  readonly identities: Identities
  readonly challenges: Challenges
  /** Whether passwords are taken from connections that anybody on the way can read. */
  readonly takesPlainPasswords: boolean
}

export interface Logins {
  byKey(request: OperationRequest): Promise<Reply>
  byPassword(request: OperationRequest): Promise<Reply>
}

export function logins({ identities, challenges, takesPlainPasswords }: LoginsOptions): Logins {
  return {
    async byKey(request) {
      const { peer, identity, message } = request
      const refusal = loginRefusal(request)
      if (refusal !== undefined) return refusal
      if (message.body.kind !== 'handle-index') return errorReply(RC.protocolError, 'This is no login by key.')
      if (identity === undefined) return challenges.issue(request)
      peer.connection!.login = identity
      return EMPTY
    },
    async byPassword(request) {
      const { peer, message } = request
      const { body } = message
      const refusal = loginRefusal(request)
      if (refusal !== undefined) return refusal
      if (body.kind !== 'query' || body.types.length !== 1 || body.indexes.length > 1) {
        return errorReply(RC.protocolError, 'A login by password has a user and one password.')
      }
      if (!peer.isSecure && !takesPlainPasswords) {
        const message = 'Passwords are taken over TLS only. Log in with a key, or over TLS.'
        return errorReply(RC.credentialVerificationFailed, message)
      }
      const claim = { handle: body.handle, index: body.indexes[0] ?? 0, from: peer.address }
      const proven = await identities.proveByPassword({ ...claim, password: Buffer.from(body.types[0]!) })
      if (!proven.ok) return errorReply(busyOr(proven.responseCode), proven.message)
      peer.connection!.login = proven.value
      return { responseCode: RC.success, body: { kind: 'handle-index', handle: body.handle, index: 0 } }
    },
  }
}

function busyOr(responseCode: number): number {
  return responseCode === RC.tooBusy ? responseCode : RC.credentialVerificationFailed
}

function loginRefusal({ peer: { connection } }: OperationRequest): Reply | undefined {
  if (connection === undefined) return errorReply(RC.protocolError, 'A login belongs to a TCP connection: use TCP.')
  if (connection.login === undefined) return undefined
  const { index, handle } = connection.login
  return errorReply(RC.repeatedLogin, `This connection is logged in already, as ${index}:${handle}.`)
}

/** The flags that all other clients set with every request. */
const USUAL_FLAGS = FLAG.recursive | FLAG.cacheCertify

/** The national SDK answers challenges only when it logs in, so that it is told to do that instead. */
export function speaksNationalDialect({ header, envelope }: Message): boolean {
  const { major, minor } = envelope.suggestedVersion
  return major === 2 && minor === 10 && !hasFlag(header.opFlags, USUAL_FLAGS)
}
