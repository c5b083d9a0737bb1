/**
 * Where a top-level node is told of changes by the nodes below it. A node is known by its API key, whose enterprise holds
 * the prefixes that are delegated to it.
 *
 *   POST /v1/upward/changes   up to 2,000 changes that follow those told before
 *   GET  /v1/upward/changes   up to where this node has been told
 *   GET  /v1/upward/nodes     what has been told by whom; for the administrator
 *
 * Telling the same again does no harm: an identifier's version counts once. Who begins anew sends `walk.after` = "".
 */
import { Type } from 'typebox'
import type { Principal } from '../../security/principal.js'
import { BATCH_BODY_LIMIT } from '../http/body-parsers.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import { Page } from './schemas.js'

export const MAX_UPWARD_CHANGES = 2_000

export interface UpwardIdentifier {
  readonly kind: 'identifier'
  readonly identifier: string
  /** Canonical. */
  readonly key: string
  readonly version: number
  readonly state: 'registered' | 'withdrawn'
  readonly template: string
  readonly contentSha256: string | null
  /** RFC 3339. */
  readonly at: string
}

export interface UpwardPrefix {
  readonly kind: 'prefix'
  readonly prefix: string
  readonly version: number
  readonly state: 'active' | 'suspended'
}

export type UpwardChange = UpwardIdentifier | UpwardPrefix

/** Everything is told anew, in the order of keys: from where to where. '': from the beginning; null: to the end. */
export interface UpwardWalk {
  readonly after: string
  readonly through: string | null
}

export interface UpwardBatch {
  /** The history that cursors and versions are of. */
  readonly epoch: string
  /** Cursors `transaction.place` of the node's change feed: these changes lie between. */
  readonly after: string
  readonly through: string
  readonly walk?: UpwardWalk
  /** Where the node answers: HS_SITE in base64. Absent: as before. */
  readonly sites?: readonly string[]
  /** Each is judged by itself: what is wrong with one is no harm to the others. */
  readonly changes: readonly unknown[]
}

/** Up to where a node has told. */
export interface UpwardPosition {
  readonly epoch: string
  readonly position: string
  /** While everything is told anew: the last key. */
  readonly walk: string | null
}

export interface UpwardRefusal {
  /** In the batch, from 0. */
  readonly place: number
  readonly code: string
  readonly reason: string
}

export interface UpwardOutcome extends UpwardPosition {
  /** Changes that had an effect, and those that were known before. */
  readonly applied: number
  readonly repeated: number
  readonly refused: readonly UpwardRefusal[]
}

export interface DelegateNode extends UpwardPosition {
  readonly node: string
  readonly registered: number
  readonly applied: number
  readonly repeated: number
  readonly refused: number
  readonly heardAt: string
}

/** What the node does with it. */
export interface UpwardReceiver {
  /** null: nothing was told yet. @throws NodeError `not-authenticated`, `not-permitted` */
  position(principal: Principal): Promise<UpwardPosition | null>
  /** @throws NodeError `sequence-gap`, `not-authenticated`, `not-permitted`, `prefix-not-held`, `request-malformed` */
  receive(principal: Principal, batch: UpwardBatch): Promise<UpwardOutcome>
  /** @throws NodeError `not-authenticated`, `not-permitted` */
  nodes(principal: Principal): Promise<readonly DelegateNode[]>
}

const tag = 'Upward'
const json = 'application/json'
const Cursor = Type.String({ pattern: '^\\d{1,15}\\.\\d{1,9}$' })
const Key = Type.String({ maxLength: 300 })
const Epoch = Type.String({ minLength: 1, maxLength: 128 })
const closed = { additionalProperties: false }
const position = {
  epoch: Type.String(),
  position: Type.String(),
  walk: Type.Union([Type.String(), Type.Null()]),
}

const Batch = Type.Object(
  {
    epoch: Epoch,
    after: Cursor,
    through: Cursor,
    walk: Type.Optional(Type.Object({ after: Key, through: Type.Union([Key, Type.Null()]) }, closed)),
    sites: Type.Optional(Type.Array(Type.String({ maxLength: 8_192 }), { minItems: 1, maxItems: 8 })),
    changes: Type.Array(Type.Unknown(), { maxItems: MAX_UPWARD_CHANGES }),
  },
  closed,
)

const Outcome = Type.Object({
  ...position,
  applied: Type.Integer(),
  repeated: Type.Integer(),
  refused: Type.Array(Type.Object({ place: Type.Integer(), code: Type.String(), reason: Type.String() })),
})

const NodeShape = Type.Object({
  node: Type.String(),
  ...position,
  registered: Type.Integer(),
  applied: Type.Integer(),
  repeated: Type.Integer(),
  refused: Type.Integer(),
  heardAt: Type.String({ format: 'date-time' }),
})

export const upwardRoutes =
  (receiver: UpwardReceiver) =>
  ({ app, authenticate }: Scope): void => {
    app.post(
      '/v1/upward/changes',
      {
        bodyLimit: BATCH_BODY_LIMIT,
        schema: {
          ...operation({
            tag,
            summary: 'Tell of changes at a node below this one',
            description:
              'Idempotent: an identifier’s version has its effect once. Changes that do not follow what was told before are refused as a whole (409 `sequence-gap`); one that is wrong in itself is refused alone, with its place and the reason.',
            secured: true,
          }),
          body: Batch,
          ...answers(200, 'What became of them', { [json]: Outcome }),
        },
      },
      async (request) => receiver.receive(await authenticate(request), request.body),
    )
    app.get(
      '/v1/upward/changes',
      {
        schema: {
          ...operation({ tag, summary: 'Up to where this node has been told, by the node that asks', secured: true }),
          ...answers(200, 'The position; null: nothing was told yet', {
            [json]: Type.Object({ told: Type.Union([Type.Object(position), Type.Null()]) }),
          }),
        },
      },
      async (request) => ({ told: await receiver.position(await authenticate(request)) }),
    )
    app.get(
      '/v1/upward/nodes',
      {
        schema: {
          ...operation({ tag, summary: 'What the nodes below this one have told', secured: true }),
          ...answers(200, 'All of them', { [json]: Page(NodeShape) }),
        },
      },
      async (request) => ({ items: await receiver.nodes(await authenticate(request)), next: null }),
    )
  }
