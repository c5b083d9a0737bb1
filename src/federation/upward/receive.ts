/**
 * The side of a top-level node, and of a secondary node above enterprise nodes: takes the changes that the nodes below tell
 * of, each once, whatever is sent how often.
 *
 * A batch says where it begins. What begins no later than this node has been told up to is taken: an identifier's version
 * that is known already has no second effect. What begins later would leave a gap, and is refused: its sender asks for the
 * position and goes back to it. A batch and the position that it moves are one transaction.
 */
import { type Fault, NodeError } from '../../platform/errors.js'
import type { Transaction } from '../../platform/postgres.js'
import type {
  UpwardBatch,
  UpwardOutcome,
  UpwardPosition,
  UpwardReceiver,
  UpwardRefusal,
} from '../../protocols/rest/upward.js'
import { type ChangeCursor, formatChangeCursor, parseChangeCursor } from '../../registry/changes.js'
import { settleDelegatedSites } from '../../registry/delegations.js'
import type { Registry } from '../../registry/registry.js'
import { lockStanding } from '../../registry/standing.js'
import { authorize } from '../../security/authorize.js'
import type { EnterpriseUser, Principal } from '../../security/principal.js'
import {
  type Delegate,
  findDelegate,
  listDelegates,
  lockDelegate,
  lockDelegated,
  moveDelegate,
  positionOf,
  storeIdentifiers,
  storePrefixes,
} from './delegate-store.js'
import { type Judged, type JudgedIdentifier, type JudgedPrefix, judge } from './judge.js'

const WITHIN = { timeoutMs: 20_000 }
/** National scale is some hundred. */
const MAX_NODES = 10_000

/** @param of whose changes are taken: of whoever holds a prefix, or only of those that answer for theirs themselves */
export function upwardReceiver(registry: Registry, of: 'holders' | 'self-built' = 'holders'): UpwardReceiver {
  const { db } = registry
  return {
    async position(principal) {
      const { enterpriseId } = requireNode(principal)
      const found = await findDelegate(db, enterpriseId)
      return found === undefined ? null : positionOf(found)
    },
    async receive(principal, batch) {
      const node = requireNode(principal)
      const places = placesOf(batch)
      if (batch.sites !== undefined) await settleDelegatedSites(registry, node, { sites: sitesIn(batch.sites), of })
      return db.transaction(async (tx) => receiveIn(tx, node, { batch, of, ...places }), WITHIN)
    },
    async nodes(principal) {
      authorize(principal, 'administer')
      return listDelegates(db, MAX_NODES)
    },
  }
}

/** @throws NodeError `not-authenticated`, `not-permitted` */
function requireNode(principal: Principal): EnterpriseUser {
  authorize(principal, 'write')
  if (principal.kind === 'enterprise') return principal
  throw new NodeError(
    'not-permitted',
    'Changes are told with the API key of the node that tells them, not with one of the administrator.',
  )
}

interface Placed {
  readonly batch: UpwardBatch
  readonly of: 'holders' | 'self-built'
  readonly after: ChangeCursor
  readonly through: ChangeCursor
}

async function receiveIn(tx: Transaction, node: EnterpriseUser, placed: Placed): Promise<UpwardOutcome> {
  await lockStanding(tx, node)
  const delegate = await lockDelegate(tx, node.enterpriseId)
  const next = nextOf(delegate, placed)
  const delegated = await lockDelegated(tx, node, placed.of)
  if (delegated.size === 0)
    throw new NodeError(
      'prefix-not-held',
      `No prefix is delegated to ${node.enterpriseId} at this node${placed.of === 'self-built' ? ', which means self-built' : ''}. Ask its administrator.`,
    )

  const refused: UpwardRefusal[] = []
  const good: Judged[] = []
  for (const [place, change] of placed.batch.changes.entries()) {
    const judged = judge(change, delegated)
    if (judged.ok) good.push(judged.value)
    else refused.push({ place, code: judged.code, reason: judged.reason })
  }
  const applied =
    (await storePrefixes(tx, next, good.filter(isPrefix))) +
    (await storeIdentifiers(tx, next, good.filter(isIdentifier)))
  const repeated = good.length - applied
  await moveDelegate(tx, next, { applied, repeated, refused: refused.length })
  return { ...(positionOf(next) as UpwardPosition), applied, repeated, refused }
}

const isPrefix = (judged: Judged): judged is JudgedPrefix => judged.kind === 'prefix'
const isIdentifier = (judged: Judged): judged is JudgedIdentifier => judged.kind === 'identifier'

/** Where the node has told up to, once the batch is taken. @throws NodeError `sequence-gap` */
function nextOf(delegate: Delegate, placed: Placed): Delegate {
  const { batch, after, through } = placed
  const { walk } = batch
  if (walk?.after === '') {
    const generation = delegate.generation + (delegate.epoch === batch.epoch ? 0 : 1)
    return { ...delegate, epoch: batch.epoch, generation, ...after, walk: walk.through }
  }
  if (delegate.epoch !== batch.epoch) throw gap(delegate, 'is of another history than what was told before')
  if (walk === undefined) {
    if (delegate.walk !== null) throw gap(delegate, 'comes before everything has been told anew')
    if (isLater(after, delegate)) throw gap(delegate, `begins at ${batch.after}`)
    return isLater(through, delegate) ? { ...delegate, ...through } : delegate
  }
  // The last part of it told again, because its answer was lost.
  if (delegate.walk === null && !isLater(after, delegate)) return delegate
  const isSame = delegate.walk !== null && after.xid === delegate.xid && after.ordinal === delegate.ordinal
  if (!isSame || isBehind(delegate.walk, walk.after)) throw gap(delegate, 'does not follow what was told anew before')
  const isFurther = walk.through === null || isBehind(delegate.walk, walk.through)
  return isFurther ? { ...delegate, walk: walk.through } : delegate
}

function isLater(cursor: ChangeCursor, than: ChangeCursor): boolean {
  return cursor.xid > than.xid || (cursor.xid === than.xid && cursor.ordinal > than.ordinal)
}

/** In the order of the database: that of the octets. */
function isBehind(walk: string | null, key: string): boolean {
  return walk !== null && Buffer.compare(Buffer.from(walk), Buffer.from(key)) < 0
}

function gap(delegate: Delegate, why: string): NodeError {
  const stands =
    delegate.epoch === null
      ? 'nothing was told yet'
      : `history ${delegate.epoch} was told up to ${formatChangeCursor(delegate)}${delegate.walk === null ? '' : `, anew up to ${delegate.walk}`}`
  return new NodeError(
    'sequence-gap',
    `The batch ${why}, and ${stands}. Ask for the position (GET /v1/upward/changes), and tell again from there on.`,
  )
}

/** @throws NodeError `request-malformed` */
function placesOf(batch: UpwardBatch): Pick<Placed, 'after' | 'through'> {
  const faults: Fault[] = []
  const read = (field: 'after' | 'through'): ChangeCursor => {
    const parsed = parseChangeCursor(batch[field])
    if (parsed.ok) return parsed.value
    faults.push({ field, reason: parsed.reason })
    return { xid: 0, ordinal: 0 }
  }
  const [after, through] = [read('after'), read('through')]
  if (isLater(after, through)) faults.push({ field: 'through', reason: 'comes before after' })
  if (batch.walk !== undefined && isLater(through, after))
    faults.push({ field: 'through', reason: 'must be the same as after while everything is told anew' })
  for (const [field, text] of [
    ['epoch', batch.epoch],
    ['walk.after', batch.walk?.after],
    ['walk.through', batch.walk?.through],
  ])
    if (text?.includes('\0')) faults.push({ field: field!, reason: 'contains a NUL character' })
  if (faults.length > 0)
    throw new NodeError('request-malformed', 'The batch has no place in the order of changes.', { faults })
  return { after, through }
}

const BASE64 = /^[A-Za-z\d+/]+={0,2}$/

/** @throws NodeError `request-malformed` */
function sitesIn(sites: readonly string[]): readonly Uint8Array[] {
  const wrong = sites.findIndex((text) => !BASE64.test(text))
  if (wrong < 0) return sites.map((text) => Buffer.from(text, 'base64'))
  const reason = 'must be HS_SITE in base64'
  throw new NodeError('request-malformed', `sites[${wrong}] ${reason}.`, {
    faults: [{ field: `sites[${wrong}]`, reason }],
  })
}
