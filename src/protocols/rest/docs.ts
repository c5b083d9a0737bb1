/**
 * The OpenAPI 3.1 document of this door at /docs/json, and a page to read and try it at /docs. Both see only the routes
 * of their own scope, and add nothing to a request.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'

const TAGS = [
  { name: 'Look-up', description: 'From an identifier to its record. No API key is needed.' },
  { name: 'Registration', description: 'Writing records below prefixes one holds.' },
  { name: 'Import', description: 'Very many records from a file, resumable.' },
  { name: 'Changes', description: 'Following what has changed.' },
  { name: 'Reference', description: 'What there is to know before asking.' },
  { name: 'Enterprises', description: 'For the administrator.' },
  { name: 'Prefixes', description: 'For the administrator.' },
  { name: 'API keys', description: 'For the administrator, and for enterprises with the scope keys.' },
]

/**
 * The page takes everything from this node. Not swagger-ui's own policy: its `upgrade-insecure-requests` sends browsers
 * to https, which the node itself does not speak, from every address but loopback.
 */
const PAGE_POLICY = [
  "default-src 'self'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "script-src-attr 'none'",
]

export async function docs(scope: FastifyInstance): Promise<void> {
  await scope.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Jiexi',
        version: '1',
        description:
          'A secondary node of the industrial identifier resolution system. Every error is a problem document (RFC 9457) whose `type` leads to a page that explains it.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS,
      components: {
        securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key: `jx_…`' } },
      },
    },
    transform: ({ schema, url }) => ({ schema: withIdentifier(schema, url), url: url.replace('/*', '/:identifier') }),
  })
  await scope.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: () => pagePolicy(scope.swaggerCSP),
    uiConfig: { docExpansion: 'list', tryItOutEnabled: true, validatorUrl: null },
  })
}

/** Of the one style that swagger-ui's script writes into the page: the colours of its logo. */
const ICON_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/** Swagger-ui names the hashes of what else it writes into its page, in this release none. */
function pagePolicy(hashes: { readonly script: readonly string[]; readonly style: readonly string[] }): string {
  const scripts = ["script-src 'self'", ...hashes.script].join(' ')
  const styles = ["style-src 'self'", ICON_STYLE, ...hashes.style].join(' ')
  return [...PAGE_POLICY, scripts, styles].join('; ')
}

/** The rest of the path is the identifier; the router calls it `*`. */
function withIdentifier<Schema extends object>(schema: Schema | undefined, url: string): Schema {
  const described = schema ?? ({} as Schema)
  if (!url.endsWith('/*')) return described
  const identifier = Type.String({
    description: 'percent-encoded once, as UTF-8; slashes may stay as they are',
    examples: ['88.118.8/JXDY2106023'],
  })
  return { ...described, params: Type.Object({ identifier }) }
}
