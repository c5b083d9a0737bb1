/**
 * Write tokens: what a write gives its caller, so that a look-up anywhere can demand to see at least that write.
 *
 *   token   = xid "-" history     ; such as 7301-3fa94c1b
 *   xid     = 1*15DIGIT           ; the transaction; of several writes the highest stands for all
 *   history = 8HEXDIG             ; digest of the database's epoch: after a failover that lost commits, ids begin anew
 */
import { createHash } from 'node:crypto'
import { NodeError } from '../platform/errors.js'
import type { ChangeKnowledge } from './change-knowledge.js'

export interface WriteTokens {
  /**
   * To be called before a write: gives the token of the transaction it turns out to be. Should the history change
   * meanwhile, the token is of the one before, and is refused rather than believed.
   */
  begin(): (xid: number) => string
  /** The transaction, for a query. @throws NodeError `request-malformed`, `token-unknown` (of another history), `authority-unavailable` */
  read(text: string): number | Promise<number>
}

export interface WriteTokensOptions {
  readonly knowledge: Pick<ChangeKnowledge, 'epoch'>
  readonly catchUp: () => Promise<void>
}

const TOKEN = /^(\d{1,15})-([\da-f]{8})$/

export function writeTokens({ knowledge, catchUp }: WriteTokensOptions): WriteTokens {
  let known = { epoch: '', history: '' }

  function history(): string {
    const { epoch = '' } = knowledge
    if (epoch !== known.epoch || known.history === '') known = { epoch, history: historyOf(epoch) }
    return known.history
  }

  return {
    begin() {
      const before = history()
      return (xid) => `${xid}-${before}`
    },
    read(text) {
      const [, xid, of] = TOKEN.exec(text) ?? []
      if (xid === undefined) throw malformed()
      if (of === history()) return Number(xid)
      // This process may be the one that has yet to hear of another history.
      return catchUp().then(() => {
        if (of === history()) return Number(xid)
        throw unknownToken('it is of another history of the database, or of another node')
      })
    },
  }
}

export function unknownToken(why: string): NodeError {
  return new NodeError(
    'token-unknown',
    `Jiexi-Token names a write that is not known here: ${why}. Look up without it, and see whether the write is there.`,
  )
}

function historyOf(epoch: string): string {
  return createHash('sha256').update(epoch).digest('hex').slice(0, 8)
}

function malformed(): NodeError {
  const reason = 'must be a token as a write gave it, such as 7301-3fa94c1b'
  return new NodeError('request-malformed', `Jiexi-Token ${reason}.`, { faults: [{ field: 'Jiexi-Token', reason }] })
}
