/** Prefixes: which this node serves, and who holds them. */
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { allotPrefix, changePrefix, findPrefix, listPrefixes } from '../../registry/prefixes.js'
import { authorize } from '../../security/authorize.js'
import type { Principal } from '../../security/principal.js'
import { administer, WaitQuery } from './acknowledge.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import { pageOf } from './pages.js'
import { DEFAULT_PAGE, Page, PageQuery, PrefixShape } from './schemas.js'

const ByName = Type.Object({ name: Type.String({ minLength: 1, maxLength: 255 }) })
const State = Type.Enum(['active', 'suspended'])
const one = { 'application/json': PrefixShape }

export function prefixRoutes({ app, door, authenticate }: Scope): void {
  const { registry } = door
  app.post(
    '/v1/prefixes',
    {
      schema: {
        ...operation({ tag: 'Prefixes', summary: 'Allot a prefix', secured: true }),
        querystring: WaitQuery,
        body: Type.Object(
          { prefix: Type.String(), enterpriseId: Type.Optional(Type.String()) },
          { additionalProperties: false, examples: [{ prefix: '88.118.8', enterpriseId: 'acme' }] },
        ),
        ...answers(201, "Allotted; without an enterprise it is the node's own", one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      const allotted = await administer(door, { reply, wait: request.query.wait }, (registry) =>
        allotPrefix(registry, principal, request.body),
      )
      return reply.code(201).header('location', `/v1/prefixes/${allotted.prefix}`).send(allotted)
    },
  )
  app.get(
    '/v1/prefixes',
    {
      schema: {
        ...operation({
          tag: 'Prefixes',
          summary: 'List prefixes',
          description: 'The administrator sees all of them, an enterprise its own.',
          secured: true,
        }),
        querystring: PageQuery({ enterpriseId: Type.Optional(Type.String({ maxLength: 64 })) }),
        ...answers(200, 'A page, in the order of names', { 'application/json': Page(PrefixShape) }),
      },
    },
    async (request) => {
      const { limit = DEFAULT_PAGE, enterpriseId, ...page } = request.query
      const holder = holderSeen(await authenticate(request), enterpriseId)
      const found = await listPrefixes(registry.db, {
        ...page,
        limit: limit + 1,
        ...(holder === undefined ? {} : { enterpriseId: holder }),
      })
      return pageOf(found, limit, ({ prefix }) => prefix)
    },
  )
  app.get(
    '/v1/prefixes/:name',
    {
      schema: {
        ...operation({ tag: 'Prefixes', summary: 'One prefix', secured: true }),
        params: ByName,
        ...answers(200, 'The prefix', one),
      },
    },
    async (request) => {
      const principal = await authenticate(request)
      authorize(principal, 'read-own')
      const found = await findPrefix(registry.db, request.params.name)
      // Another enterprise's prefix looks like one that does not exist.
      const isTheirs = principal.kind === 'enterprise' && found?.enterpriseId !== principal.enterpriseId
      if (found === undefined || isTheirs)
        throw new NodeError('not-found', `There is no prefix ${request.params.name} that you may see.`)
      return found
    },
  )
  app.patch(
    '/v1/prefixes/:name',
    {
      schema: {
        ...operation({ tag: 'Prefixes', summary: 'Suspend, reactivate or hand over a prefix', secured: true }),
        params: ByName,
        querystring: WaitQuery,
        body: Type.Object(
          {
            state: Type.Optional(State),
            enterpriseId: Type.Optional(Type.Union([Type.String(), Type.Null()])),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        ...answers(200, 'The prefix as it is now', one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      return administer(door, { reply, wait: request.query.wait }, (registry) =>
        changePrefix(registry, principal, { ...request.body, prefix: request.params.name }),
      )
    },
  )
}

/** Whose prefixes the caller gets to see; undefined: everybody's. @throws NodeError `not-permitted` */
function holderSeen(principal: Principal, asked: string | undefined): string | undefined {
  authorize(principal, 'read-own')
  if (principal.kind !== 'enterprise') return asked
  if (asked !== undefined && asked !== principal.enterpriseId) authorize(principal, 'administer')
  return principal.enterpriseId
}
