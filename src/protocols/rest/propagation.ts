/**
 * What the node above knows of records and prefixes, as this door tells it: in receipts, with `?explain=1`, and
 *
 *   GET /v1/propagation?state=refused   what it did not take, and why
 */
import { Type } from 'typebox'
import type { Receipt } from '../../registry/identifiers.js'
import { listRefused, type Propagated } from '../../registry/propagation.js'
import type { Wait } from './acknowledge.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import type { RestOptions, Upward } from './door-options.js'
import { pageOf } from './pages.js'
import { prefixesOf } from './readers.js'
import { DEFAULT_PAGE, Page, PageQuery, Refusal } from './schemas.js'

export type PropagatedReceipts = ReadonlyMap<Receipt, Propagated>

/** What has just been written is queued, unless its acknowledgement was waited for; of the rest the database is asked. */
export async function propagationOf(
  { upward }: Pick<RestOptions, 'upward'>,
  receipts: readonly Receipt[],
  wait: Wait,
): Promise<PropagatedReceipts> {
  if (upward === undefined) return new Map()
  const asked = new Set(receipts.filter(({ outcome }) => wait === 'acknowledged' || outcome === 'unchanged'))
  const found = asked.size === 0 ? new Map<string, Propagated>() : await statesOf(upward, [...asked])
  const ofNew: Propagated = { state: upward.propagation.ofNew }
  return new Map(receipts.map((receipt) => [receipt, asked.has(receipt) ? (found.get(receipt.key) ?? ofNew) : ofNew]))
}

/** It is written, whether or not the database can still be asked for more. */
async function statesOf(
  { propagation }: Upward,
  receipts: readonly Receipt[],
): Promise<ReadonlyMap<string, Propagated>> {
  return propagation.ofIdentifiers(receipts.map(({ key }) => key)).catch(() => new Map())
}

const RefusedShape = Type.Object({
  kind: Type.Enum(['identifier', 'prefix']),
  name: Type.String({ description: 'canonical: the key of an identifier, or a prefix' }),
  version: Type.Integer({ description: 'that was told' }),
  ...Refusal.properties,
})

export function propagationRoutes({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/propagation',
    {
      schema: {
        ...operation({
          tag: 'Upward',
          summary: 'What the node above did not take',
          description:
            'Each is tried again by itself, at `nextTryAt`, as it is then. The administrator sees all, an enterprise what lies below its prefixes. The state of one record is in `?explain=1` of its look-up, that of a prefix in GET /v1/prefixes/{name}.',
          secured: true,
        }),
        querystring: PageQuery({ state: Type.Literal('refused') }),
        ...answers(200, 'A page', { 'application/json': Page(RefusedShape) }),
      },
    },
    async (request) => {
      const principal = await authenticate(request)
      const prefixes = prefixesOf(principal, await door.routes())
      const { limit = DEFAULT_PAGE, after } = request.query
      const found = await listRefused(door.registry.db, {
        limit: limit + 1,
        ...(after === undefined ? {} : { after }),
        ...(prefixes === undefined ? {} : { prefixes }),
      })
      const { items, next } = pageOf(found, limit, ({ feedKey }) => feedKey)
      return { items: items.map(({ feedKey: _, ...item }) => item), next }
    },
  )
}
