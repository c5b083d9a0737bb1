/** Where to go on, from what this node believes to have told and what the node above says it was told. */
import type { UpwardPosition } from '../../protocols/rest/upward.js'
import { type ChangeCursor, parseChangeCursor } from '../../registry/changes.js'
import type { Place, Standing } from './outbox-store.js'

export type Agreement =
  | { readonly kind: 'go-on' }
  | { readonly kind: 'go-back'; readonly place: Place }
  /** Everything is told anew. */
  | { readonly kind: 'walk'; readonly why: string }

const GO_ON: Agreement = { kind: 'go-on' }

export function agree(here: Standing, above: UpwardPosition | null): Agreement {
  if (here.epoch !== here.epochNow) return walk('the history of the database is another, after a failover or a restore')
  if (above === null) return here.walk === '' ? GO_ON : walk('the node above was told nothing yet')
  if (above.epoch !== here.epoch) return here.walk === '' ? GO_ON : walk('the node above knows another history')
  const parsed = parseChangeCursor(above.position)
  if (!parsed.ok) return walk('the position of the node above is none')
  return here.walk === null
    ? inFeed(here, above, parsed.value)
    : inWalk(here, here.walk, { above, cursor: parsed.value })
}

function inFeed({ cursor, horizon }: Standing, above: UpwardPosition, told: ChangeCursor): Agreement {
  if (above.walk !== null) return walk('the node above was not told everything')
  if (cursor.xid < horizon) return walk('changes that were not told are no longer kept here')
  // It may be ahead: an answer was lost. What is told again has no second effect.
  if (!isBefore(told, cursor)) return GO_ON
  if (told.xid < horizon) return walk('the node above has lost changes that are no longer kept here')
  return { kind: 'go-back', place: { cursor: told, walk: null } }
}

function inWalk(
  { cursor }: Standing,
  at: string,
  { above, cursor: told }: { readonly above: UpwardPosition; readonly cursor: ChangeCursor },
): Agreement {
  // Its beginning is taken whatever was told before.
  if (at === '') return GO_ON
  if (above.walk === null)
    return isBefore(told, cursor) ? walk('the node above knows nothing of what is told anew') : GO_ON
  if (isBefore(told, cursor) || isBefore(cursor, told)) return walk('the node above is being told another time')
  const isBehind = Buffer.compare(Buffer.from(above.walk), Buffer.from(at)) < 0
  return isBehind ? { kind: 'go-back', place: { cursor, walk: above.walk } } : GO_ON
}

function isBefore(one: ChangeCursor, other: ChangeCursor): boolean {
  return one.xid < other.xid || (one.xid === other.xid && one.ordinal < other.ordinal)
}

function walk(why: string): Agreement {
  return { kind: 'walk', why }
}
