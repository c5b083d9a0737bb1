/** Prefixes: which this node serves, who holds them, and who answers for what lies below. */
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { type AllottedPrefix, allotPrefix, changePrefix, findPrefix, listPrefixes } from '../../registry/prefixes.js'
import { authorize } from '../../security/authorize.js'
import type { Principal } from '../../security/principal.js'
import { serviceJson } from '../http/problem.js'
import { administer, UpwardWaitQuery } from './acknowledge.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import { pageOf } from './pages.js'
import { readService, ServiceInput } from './prefix-service.js'
import { DEFAULT_PAGE, Page, PageQuery, PrefixShape, Propagated } from './schemas.js'

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
        querystring: UpwardWaitQuery,
        body: Type.Object(
          { prefix: Type.String(), enterpriseId: Type.Optional(Type.String()), ...ServiceInput },
          { additionalProperties: false, examples: [{ prefix: '88.118.8', enterpriseId: 'acme' }] },
        ),
        ...answers(201, "Allotted; without an enterprise it is the node's own", one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      const { prefix, enterpriseId } = request.body
      const allotment = {
        prefix,
        ...(enterpriseId === undefined ? {} : { enterpriseId }),
        ...readService(request.body),
      }
      const allotted = await administer(door, { reply, wait: request.query.wait }, (registry) =>
        allotPrefix(registry, principal, allotment),
      )
      return reply.code(201).header('location', `/v1/prefixes/${allotted.prefix}`).send(prefixJson(allotted))
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
      return pageOf(found.map(prefixJson), limit, ({ prefix }) => prefix)
    },
  )
  app.get(
    '/v1/prefixes/:name',
    {
      schema: {
        ...operation({ tag: 'Prefixes', summary: 'One prefix', secured: true }),
        params: ByName,
        ...answers(200, 'The prefix, and whether the node above knows of it', {
          'application/json': Type.Object({ ...PrefixShape.properties, propagation: Propagated }),
        }),
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
      const propagation = door.upward ? await door.upward.propagation.ofPrefix(found.prefix) : undefined
      return { ...prefixJson(found), propagation: propagation ?? { state: 'local' } }
    },
  )
  app.patch(
    '/v1/prefixes/:name',
    {
      schema: {
        ...operation({
          tag: 'Prefixes',
          summary: 'Suspend, reactivate or hand over a prefix, or change who answers below it',
          description:
            "`service`: `hosted`, this node answers; `self-built`, the holder's own server does, at `sites` or wherever the record of `serviceHandle` says, and look-ups are referred there (421 `served-elsewhere`). What is registered here below the prefix stays, and resolves again once it is hosted again. A prefix that gets another holder becomes hosted, unless the request says otherwise, and its record loses the keys of the holder before.",
          secured: true,
        }),
        params: ByName,
        querystring: UpwardWaitQuery,
        body: Type.Object(
          {
            state: Type.Optional(State),
            enterpriseId: Type.Optional(Type.Union([Type.String(), Type.Null()])),
            ...ServiceInput,
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        ...answers(200, 'The prefix as it is now', one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      const { state, enterpriseId } = request.body
      const change = {
        prefix: request.params.name,
        ...(state === undefined ? {} : { state }),
        ...(enterpriseId === undefined ? {} : { enterpriseId }),
        ...readService(request.body),
      }
      const changed = await administer(door, { reply, wait: request.query.wait }, (registry) =>
        changePrefix(registry, principal, change),
      )
      return prefixJson(changed)
    },
  )
}

function prefixJson({ sites, serviceHandle, ...prefix }: AllottedPrefix) {
  return { ...prefix, ...serviceJson({ handle: serviceHandle, sites }) }
}

/** Whose prefixes the caller gets to see; undefined: everybody's. @throws NodeError `not-permitted` */
function holderSeen(principal: Principal, asked: string | undefined): string | undefined {
  authorize(principal, 'read-own')
  if (principal.kind !== 'enterprise') return asked
  if (asked !== undefined && asked !== principal.enterpriseId) authorize(principal, 'administer')
  return principal.enterpriseId
}
