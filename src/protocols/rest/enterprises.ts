/** Enterprises and their API keys. */
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { issueApiKey, listApiKeys, revokeApiKey } from '../../registry/api-keys.js'
import { changeEnterprise, createEnterprise, findEnterprise, listEnterprises } from '../../registry/enterprises.js'
import type { Scope as KeyScope } from '../../security/principal.js'
import { administer, WaitQuery } from './acknowledge.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import { pageOf } from './pages.js'
import { ApiKeyShape, DEFAULT_PAGE, EnterpriseShape, Page, PageQuery } from './schemas.js'

const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })
/** As registry/enterprises.ts has it; here so that its fault is told with the others. */
const EnterpriseId = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,63}$',
  description: '1 to 64 of a-z, 0-9 and "-", not starting with "-"',
  examples: ['acme'],
})
const json = 'application/json'
const one = { [json]: EnterpriseShape }

export function enterpriseRoutes({ app, door, authenticate }: Scope): void {
  const { registry } = door
  app.post(
    '/v1/enterprises',
    {
      schema: {
        ...operation({ tag: 'Enterprises', summary: 'Create an enterprise', secured: true }),
        // It is so at once: nothing that is remembered anywhere speaks of what did not exist.
        querystring: WaitQuery,
        body: Type.Object(
          { id: Type.Optional(EnterpriseId), name: Type.String({ minLength: 1, maxLength: 200 }) },
          { additionalProperties: false, examples: [{ id: 'acme', name: 'ACME Pumps' }] },
        ),
        ...answers(201, 'Created', one),
      },
    },
    async (request, reply) => {
      const created = await createEnterprise(registry, await authenticate(request), request.body)
      return reply.code(201).header('location', `/v1/enterprises/${created.id}`).send(created)
    },
  )
  app.get(
    '/v1/enterprises',
    {
      schema: {
        ...operation({ tag: 'Enterprises', summary: 'List enterprises', secured: true }),
        querystring: PageQuery({}),
        ...answers(200, 'A page, in the order of ids', { [json]: Page(EnterpriseShape) }),
      },
    },
    async (request) => {
      const { limit = DEFAULT_PAGE, ...page } = request.query
      const found = await listEnterprises(registry, await authenticate(request), { ...page, limit: limit + 1 })
      return pageOf(found, limit, ({ id }) => id)
    },
  )
  app.get(
    '/v1/enterprises/:id',
    {
      schema: {
        ...operation({ tag: 'Enterprises', summary: 'One enterprise', secured: true }),
        params: ById,
        ...answers(200, 'The enterprise', one),
      },
    },
    async (request) => {
      const { id } = request.params
      const found = await findEnterprise(registry, await authenticate(request), id)
      if (found === undefined) throw new NodeError('not-found', `There is no enterprise ${id}.`)
      return found
    },
  )
  app.patch(
    '/v1/enterprises/:id',
    {
      schema: {
        ...operation({
          tag: 'Enterprises',
          summary: 'Rename, suspend or reactivate an enterprise',
          description:
            'Suspending stops its prefixes and API keys at once, on every other process of the node within the freshness bound; with wait=visible that has happened when this is answered.',
          secured: true,
        }),
        params: ById,
        querystring: WaitQuery,
        body: Type.Object(
          { name: Type.Optional(Type.String()), state: Type.Optional(Type.Enum(['active', 'suspended'])) },
          { additionalProperties: false, minProperties: 1 },
        ),
        ...answers(200, 'The enterprise as it is now', one),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      return administer(door, { reply, wait: request.query.wait }, (registry) =>
        changeEnterprise(registry, principal, { ...request.body, id: request.params.id }),
      )
    },
  )
}

const KeyInput = Type.Object(
  {
    scopes: Type.Array(Type.Enum(['read', 'write', 'keys']), { minItems: 1, maxItems: 3, uniqueItems: true }),
    prefixes: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 100 })),
    label: Type.Optional(Type.String()),
    expiresAt: Type.Optional(Type.String({ format: 'date-time' })),
  },
  { additionalProperties: false, examples: [{ scopes: ['read', 'write'], label: 'line 3' }] },
)

export function apiKeyRoutes({ app, door, authenticate }: Scope): void {
  const { registry } = door
  app.post(
    '/v1/enterprises/:id/keys',
    {
      schema: {
        ...operation({
          tag: 'API keys',
          summary: 'Issue an API key',
          description: '`apiKey` is shown this once: only its digest is stored.',
          secured: true,
        }),
        params: ById,
        querystring: WaitQuery,
        body: KeyInput,
        ...answers(201, 'Issued', { [json]: Type.Intersect([ApiKeyShape, Type.Object({ apiKey: Type.String() })]) }),
      },
    },
    async (request, reply) => {
      const { scopes, expiresAt, ...rest } = request.body
      const principal = await authenticate(request)
      const wanted = {
        ...rest,
        enterpriseId: request.params.id,
        scopes: scopes as readonly KeyScope[],
        ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
      }
      // Known everywhere at once: nobody remembers keys that there were not.
      const issued = await administer(door, { reply, wait: undefined }, (registry) =>
        issueApiKey(registry, principal, wanted),
      )
      return reply.code(201).header('cache-control', 'no-store').send(issued)
    },
  )
  app.get(
    '/v1/enterprises/:id/keys',
    {
      schema: {
        ...operation({ tag: 'API keys', summary: 'List API keys, revoked ones included', secured: true }),
        params: ById,
        querystring: PageQuery({}),
        ...answers(200, 'A page, in the order of ids', { [json]: Page(ApiKeyShape) }),
      },
    },
    async (request) => {
      const { limit = DEFAULT_PAGE, ...page } = request.query
      const wanted = { ...page, enterpriseId: request.params.id, limit: limit + 1 }
      return pageOf(await listApiKeys(registry, await authenticate(request), wanted), limit, ({ id }) => id)
    },
  )
  app.delete(
    '/v1/keys/:id',
    {
      schema: {
        ...operation({ tag: 'API keys', summary: 'Revoke an API key, at once and for good', secured: true }),
        params: ById,
        querystring: WaitQuery,
        ...answers(200, 'The key, revoked', { [json]: ApiKeyShape }),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      return administer(door, { reply, wait: request.query.wait }, (registry) =>
        revokeApiKey(registry, principal, request.params.id),
      )
    },
  )
}
