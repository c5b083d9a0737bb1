/** Moves the outbox to where the telling is to go on: as the node above says, or to the beginning when too much waits. */
import type { Logger } from '../../platform/logger.js'
import type { Database } from '../../platform/postgres.js'
import { formatChangeCursor } from '../../registry/changes.js'
import { agree } from './agree.js'
import { beginWalk, findLagHours, goBack, type Standing } from './outbox-store.js'
import type { Parent } from './parent.js'

export interface GoOnOptions {
  readonly db: Database
  readonly parent: Parent
  /** Changes older than this that were never acknowledged are given up, and everything is told anew in their place. */
  readonly keepHours: number
  readonly log: Pick<Logger, 'info' | 'warn'>
}

/** @throws NodeError when the node above cannot be asked */
export async function agreeWithParent(
  { db, parent, log }: GoOnOptions,
  { token, standing }: { readonly token: string; readonly standing: Standing },
): Promise<void> {
  const agreement = agree(standing, await parent.position())
  if (agreement.kind === 'walk') {
    log.info(`The node above is told of everything anew: ${agreement.why}.`)
    await beginWalk(db, token)
  }
  if (agreement.kind === 'go-back') {
    const { cursor, walk } = agreement.place
    log.info(`The node above is told again of what follows ${walk ?? formatChangeCursor(cursor)}, which it has lost.`)
    await goBack(db, token, agreement.place)
  }
}

/** The feed must not grow without end for a node that never answers. */
export async function giveUpWhatIsTooOld({ db, keepHours, log }: GoOnOptions, token: string): Promise<void> {
  if ((await findLagHours(db)) <= keepHours) return
  if (await beginWalk(db, token))
    log.warn(
      `Changes of more than ${keepHours} hours wait for the node above. It will be told of everything anew instead.`,
    )
}
