/** The pages that `type` of a problem document points to: what it means and what to do, for a person. */
import type { FastifyInstance } from 'fastify'
import { NodeError } from '../../platform/errors.js'
import { type ProblemCode, statusOf, titleOf } from './problem.js'
import { adviceOf } from './problem-advice.js'

const CODES = Object.keys(statusOf) as readonly ProblemCode[]
const HTML = 'text/html; charset=utf-8'
const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  'x-content-type-options': 'nosniff',
}

/** `/problems` lists them, `/problems/{code}` explains one. */
export function problemPages(app: FastifyInstance): void {
  const list = page('Problems', `<ul>${CODES.map(linkTo).join('')}</ul>`)
  app.get('/problems', (_request, reply) => {
    reply.headers(HEADERS).type(HTML).send(list)
  })
  app.get<{ Params: { code: string } }>('/problems/:code', (request, reply) => {
    const code = CODES.find((known) => known === request.params.code)
    if (code === undefined)
      throw new NodeError('not-found', 'There is no problem of that name. /problems lists all there are.')
    reply.headers(HEADERS).type(HTML).send(explained(code))
  })
}

function explained(code: ProblemCode): string {
  const { meaning, action } = adviceOf[code]
  return page(
    titleOf[code],
    `<p><code>${code}</code> · HTTP ${statusOf[code]}</p><h2>What it means</h2><p>${meaning}</p>` +
      `<h2>What to do</h2><p>${action}</p><p><a href="/problems">All problems</a> · <a href="/docs">API</a></p>`,
  )
}

function linkTo(code: ProblemCode): string {
  return `<li><a href="/problems/${code}">${titleOf[code]}</a> <code>${code}</code>, HTTP ${statusOf[code]}</li>`
}

/** All texts are this node's own: nothing of a request ever gets in here. */
function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}</style>
</head><body><h1>${title}</h1>${body}</body></html>
`
}
