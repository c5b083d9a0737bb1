/**
 * What handles say, wherever they are: our own through the resolver chain, those of other nodes by the client, which must have
 * verified what it gives.
 */
import type { Identifier } from '../../../identifier/identifier.js'
import { NodeError } from '../../../platform/errors.js'
import type { Answer } from '../../../record/answer.js'
import type { IdentifierRecord } from '../../../record/record.js'
import type { RouteTable } from '../../../resolution/authorities.js'
import type { Resolve } from '../../../resolution/resolve.js'
import { handleValuesOf } from '../codec-record.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import type { Outcome } from './contract.js'
import { responsibleRoute } from './handle-names.js'
import { refusalOf, refused } from './refusals.js'

/**
 * Values of a handle of another node, certified by a server that the chain of prefixes vouches for; undefined: it says that there
 * is no such handle.
 *
 * @throws NodeError when nobody could be asked
 */
export type ResolveForeign = (handle: string) => Promise<readonly HandleValue[] | undefined>

export interface KnownValuesOptions {
  readonly resolve: Resolve
  readonly routes: () => RouteTable | Promise<RouteTable>
  readonly resolveForeign?: ResolveForeign
}

export interface KnownValues {
  /** A record of this node, from the database itself; undefined: not registered, or withdrawn. */
  ownRecord(handle: Identifier): Promise<Outcome<IdentifierRecord | undefined>>
  /** `isFresh`: from the database itself, past the caches. */
  valuesOf(handle: Identifier, isFresh?: boolean): Promise<Outcome<readonly HandleValue[]>>
}

export function knownValues({ resolve, routes, resolveForeign }: KnownValuesOptions): KnownValues {
  /** Who may do what is not decided by what was true once. @throws NodeError */
  async function ask(identifier: Identifier, authoritative: boolean): Promise<Answer> {
    const answer = await resolve(authoritative ? { identifier, authoritative } : { identifier })
    if (answer.stale === undefined) return answer
    throw new NodeError('authority-unavailable', 'The database does not answer now.', { retryAfterSeconds: 1 })
  }

  async function foreign(handle: Identifier): Promise<Outcome<readonly HandleValue[]>> {
    if (resolveForeign === undefined) {
      const why = `${handle.spelling} is of another node, and this one is not set up to ask others.`
      return refused(RC.authenticationError, why)
    }
    try {
      return { ok: true, value: (await resolveForeign(handle.spelling)) ?? [] }
    } catch (error) {
      const { message } = refusalOf(error)
      return refused(RC.authenticationError, `${handle.spelling} could not be looked up at its node: ${message}`)
    }
  }

  return {
    async ownRecord(handle) {
      try {
        const answer = await ask(handle, true)
        if (!isOfOthers(answer)) return { ok: true, value: recordIn(answer) }
        return refused(RC.notResponsible, `${handle.spelling} is kept by the server of its prefix's holder: ask that.`)
      } catch (error) {
        return refusalOf(error)
      }
    },
    async valuesOf(handle, isFresh = false) {
      if (responsibleRoute(await routes(), handle) === undefined) return foreign(handle)
      try {
        const answer = await ask(handle, isFresh)
        if (isOfOthers(answer)) return foreign(handle)
        return { ok: true, value: handleValuesOf(recordIn(answer)?.values ?? []) }
      } catch (error) {
        return refusalOf(error)
      }
    },
  }
}

/** Also what was fetched for a look-up: nobody has vouched for that. */
function isOfOthers({ kind, tier }: Answer): boolean {
  return kind === 'referral' || tier === 'upstream' || tier === 'remembered'
}

function recordIn(answer: Answer): IdentifierRecord | undefined {
  return answer.kind === 'found' ? answer.record : undefined
}
