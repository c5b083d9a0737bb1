/** GET /v1/peers: the other nodes that this one has to do with, as all its processes on this machine know them. */
import { Type } from 'typebox'
import { authorize } from '../../security/authorize.js'
import { answers, describedOnly, operation } from './documented.js'
import type { Scope } from './door.js'

export interface PeerOfNode {
  readonly peer: string
  readonly role: 'parent' | 'enterprise' | 'other'
  readonly prefixes: readonly string[]
  readonly state: 'unknown' | 'up' | 'down' | 'failing'
  readonly requests: number
  readonly failures: number
  readonly refused: number
  readonly inFlight: number
  readonly waiting: number
  readonly latencyMs: number | undefined
  readonly lastAnswerAtMs: number | undefined
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined
}

const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time' })

const PeerShape = Type.Object({
  peer: Type.String({ description: 'where it is asked, such as tcp://203.0.113.9:2641' }),
  role: Type.Enum(['parent', 'enterprise', 'other'], { description: 'other: met by a referral' }),
  prefixes: Type.Array(Type.String(), { description: 'self-built prefixes of this node that it answers for' }),
  state: Type.Enum(['unknown', 'up', 'down', 'failing'], {
    description: 'unknown: not asked yet; failing: it has failed in a row, and is left alone for a while',
  }),
  requests: Count,
  failures: Count,
  refused: Type.Integer({ minimum: 0, description: 'not sent: it was failing, or had too much to do' }),
  inFlight: Count,
  waiting: Count,
  latencyMs: Type.Optional(Type.Number({ description: 'smoothed' })),
  lastAnswerAt: Type.Optional(Time),
  lastError: Type.Optional(Type.Object({ at: Time, message: Type.String() })),
})

/** A door function, given what knows the peers. */
export function peerRoutes(peers: () => Promise<readonly PeerOfNode[]>) {
  return ({ app, authenticate }: Scope): void => {
    app.get(
      '/v1/peers',
      {
        ...describedOnly,
        schema: {
          ...operation({
            tag: 'Other nodes',
            summary: 'The node above this one, and servers of enterprises: whether they answer, and how fast',
            description:
              'As all workers together know them that answer within a second: their counts added up, the state as whichever of them heard last. Each replica of a node asks for itself. Probed every JIEXI_PROBE_SECONDS. For the administrator.',
            secured: true,
          }),
          ...answers(200, 'All of them', { 'application/json': Type.Object({ items: Type.Array(PeerShape) }) }),
        },
      },
      async (request, reply) => {
        authorize(await authenticate(request), 'administer')
        return reply.header('cache-control', 'no-store').send({ items: (await peers()).map(peerJson) })
      },
    )
  }
}

function peerJson({ latencyMs, lastAnswerAtMs, lastError, ...peer }: PeerOfNode) {
  return {
    ...peer,
    ...(latencyMs === undefined ? {} : { latencyMs: Math.round(latencyMs * 100) / 100 }),
    ...(lastAnswerAtMs === undefined ? {} : { lastAnswerAt: new Date(lastAnswerAtMs).toISOString() }),
    ...(lastError === undefined
      ? {}
      : { lastError: { at: new Date(lastError.atMs).toISOString(), message: lastError.message } }),
  }
}
