/** Refusals of authentication and administration as this door gives them. */
import type { Outcome, Refusal } from '../handle/administration/contract.js'
import { RC } from '../handle/codes.js'
import { ApiRefusal } from './api-answer.js'
import { type Authenticating, type Caller, challengeOf } from './authentication.js'

interface About {
  readonly parts: Authenticating
  readonly caller: Caller
  readonly handle?: string
}

/** @throws ApiRefusal */
export async function requireOk<Value>(outcome: Outcome<Value>, about: About): Promise<Value> {
  if (outcome.ok) return outcome.value
  throw await refusalOf(outcome, about)
}

export async function refusalOf(
  { responseCode, message, indexes }: Pick<Refusal, 'responseCode' | 'message' | 'indexes'>,
  { parts, caller, handle }: About,
): Promise<ApiRefusal> {
  if (responseCode === RC.authenticationNeeded) {
    const { session, cnonce } = caller
    return challengeOf(parts, { session, cnonce, ...(handle === undefined ? {} : { handle }) })
  }
  const meant = indexes === undefined || indexes.length === 0 ? '' : ` (index ${indexes.slice(0, 10).join(', ')})`
  return new ApiRefusal(responseCode, `${message}${meant}`, { handle })
}
