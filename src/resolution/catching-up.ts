/**
 * Look-ups that demand more than the freshness bound: this process catches up with the change feed first, at the cost of
 * one poll, which all who wait for it share.
 *
 *   withToken    before the caches: afterwards the write is known here, and whatever the caches then hold as valid shows it
 *   askedAnew    below them: whoever is led to an authority past the caches is led there by routes that are as current
 */
import { isUnavailable } from '../platform/errors.js'
import type { Answer } from '../record/answer.js'
import type { ChangeKnowledge } from './change-knowledge.js'
import type { Layer, Query, Resolve } from './resolve.js'
import { unknownToken } from './write-token.js'

export interface CatchingUpOptions {
  readonly knowledge: Pick<ChangeKnowledge, 'mark' | 'settledBelow' | 'covers' | 'isFresh'>
  /** Resolves when all that was committed before the call is known. */
  readonly catchUp: () => Promise<void>
}

/** @throws NodeError `token-unknown` when no such transaction was ever committed */
export function withToken(options: CatchingUpOptions): Layer {
  return (next) => (query) => {
    if (query.token === undefined) return next(query)
    const { token, ...plain } = query
    // Below the mark, and not merely seen: the highest token of several writes stands for all of them.
    return token < options.knowledge.mark ? next(plain) : afterwards(options, next, { token, plain })
  }
}

export function askedAnew({ catchUp }: Pick<CatchingUpOptions, 'catchUp'>): Layer {
  return (next) => (query) => {
    if (query.authoritative !== true && query.minVersion === undefined) return next(query)
    return catchUp().then(() => {
      query.trace?.step('feed', 'caught up')
      return next(query)
    })
  }
}

async function afterwards(
  { knowledge, catchUp }: CatchingUpOptions,
  next: Resolve,
  { token, plain }: { readonly token: number; readonly plain: Query },
): Promise<Answer> {
  try {
    await catchUp()
    plain.trace?.step('feed', 'caught up')
  } catch (error) {
    // What is known already may be answered, marked, while the database is away. Before it would be marked, not unless all
    // that the token may stand for is known.
    const wouldBeMarked = !knowledge.isFresh()
    if (isUnavailable(error) && knowledge.covers(token) && (wouldBeMarked || token < knowledge.mark)) return next(plain)
    throw error
  }
  if (knowledge.covers(token) || token < knowledge.settledBelow) return next(plain)
  throw unknownToken('this database has committed no such transaction')
}
