/** What is there to know before asking: templates, who one is, what has changed. */
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { findTemplate, TEMPLATES } from '../../record/template.js'
import { formatChangeCursor, listChanges, parseChangeCursor } from '../../registry/changes.js'
import { answers, operation } from './documented.js'
import type { Scope } from './door.js'
import { prefixesOf } from './readers.js'
import { DEFAULT_PAGE, PageQuery } from './schemas.js'

const Label = Type.Object({ en: Type.String(), zh: Type.String() })
const TemplateShape = Type.Object({
  name: Type.String(),
  label: Label,
  attributes: Type.Array(
    Type.Object({
      name: Type.String(),
      index: Type.Integer(),
      kind: Type.String(),
      required: Type.Boolean(),
      maxOctets: Type.Integer(),
      label: Label,
    }),
  ),
})

export function templateRoutes({ app }: Scope): void {
  app.get(
    '/v1/templates',
    {
      schema: {
        ...operation({ tag: 'Reference', summary: 'The templates of records' }),
        ...answers(200, 'All of them', { 'application/json': Type.Object({ items: Type.Array(TemplateShape) }) }),
      },
    },
    async () => ({ items: TEMPLATES }),
  )
  app.get(
    '/v1/templates/:name',
    {
      schema: {
        ...operation({ tag: 'Reference', summary: 'One template' }),
        params: Type.Object({ name: Type.String({ maxLength: 64 }) }),
        ...answers(200, 'The template', { 'application/json': TemplateShape }),
      },
    },
    async (request) => {
      const template = findTemplate(request.params.name)
      if (template !== undefined) return template
      const names = TEMPLATES.map(({ name }) => name).join(', ')
      throw new NodeError('not-found', `There is no template of that name; there are ${names}.`)
    },
  )
}

export function whoamiRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/whoami',
    {
      schema: {
        ...operation({ tag: 'Reference', summary: 'What the API key sent with this request permits' }),
        ...answers(200, 'The caller', {
          'application/json': Type.Object({
            kind: Type.Enum(['anonymous', 'administrator', 'enterprise']),
            apiKeyId: Type.Optional(Type.String()),
            enterpriseId: Type.Optional(Type.String()),
            scopes: Type.Optional(Type.Array(Type.String())),
            prefixes: Type.Optional(Type.Array(Type.String(), { description: 'those the key reaches' })),
          }),
        }),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      reply.header('cache-control', 'no-store')
      if (principal.kind !== 'enterprise') return principal
      const routes = [...(await door.routes()).values()]
      const held = routes.filter(({ enterpriseId }) => enterpriseId === principal.enterpriseId)
      const reached = held.filter(({ prefix }) => principal.prefixes?.includes(prefix) ?? true)
      return { ...principal, prefixes: reached.map(({ prefix }) => prefix) }
    },
  )
}

export function changeRoute({ app, door, authenticate }: Scope): void {
  app.get(
    '/v1/changes',
    {
      schema: {
        ...operation({
          tag: 'Changes',
          summary: 'What has changed, in an order that never changes',
          description:
            'Every change once. `next` is where to go on, also when the page is empty; `more` whether there was more to read at once. The administrator sees every change, an enterprise those below its prefixes.',
          secured: true,
        }),
        querystring: PageQuery({}),
        ...answers(200, 'A page', {
          'application/json': Type.Object({
            items: Type.Array(Type.Unknown()),
            next: Type.String(),
            more: Type.Boolean(),
          }),
        }),
      },
    },
    async (request, reply) => {
      const principal = await authenticate(request)
      const prefixes = prefixesOf(principal, await door.routes())
      const { limit = DEFAULT_PAGE, after } = request.query
      const page = await listChanges(door.registry.db, {
        limit,
        ...(after === undefined ? {} : { after: requireCursor(after) }),
        ...(prefixes === undefined ? {} : { prefixes }),
      })
      reply.header('cache-control', 'no-store')
      return { items: page.changes, next: formatChangeCursor(page.next), more: page.more }
    },
  )
}

function requireCursor(text: string) {
  const parsed = parseChangeCursor(text)
  if (parsed.ok) return parsed.value
  throw new NodeError('request-malformed', `after: ${parsed.reason}`, {
    faults: [{ field: 'after', reason: parsed.reason }],
  })
}
