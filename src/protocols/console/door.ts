/**
 * The page for people at `/`: resolve an identifier in the browser, in Chinese and English. Static files, read once and
 * served from memory; all they show comes from the same REST API everybody else uses.
 *
 *   /                       the page; `?id=` is an identifier to resolve
 *   /reports                what a node in the top-level role received from those below
 *   /console/<file>         its script, style and icon
 *   /console/samples.json   identifiers to try, where the node has a demonstration catalogue
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type {} from '@fastify/swagger'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isNotModified } from '../http/conditional.js'

/** An identifier to try. `kind` names a word of the page (words.js, `sample.<kind>`). */
export interface ConsoleSample {
  readonly kind: 'product' | 'machine' | 'part' | 'withdrawn' | 'malformed'
  readonly identifier: string
}

export interface ConsoleOptions {
  readonly samples?: readonly ConsoleSample[]
  /** Whether this node receives reports. */
  readonly showsReports?: boolean
}

const PAGES: Readonly<Record<string, string>> = { 'index.html': '/', 'reports.html': '/reports' }

/** No build step copies these files, so both src/ and dist/ read them where they are written. */
const FILES = path.resolve(import.meta.dirname, '../../../src/protocols/console/public')

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json; charset=utf-8',
}

/** Nothing from elsewhere, nothing inline: text of a record that looked like markup would still not run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

interface Asset {
  readonly etag: string
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

export function consoleDoor(app: FastifyInstance, options: ConsoleOptions = {}): void {
  for (const name of readdirSync(FILES)) {
    if (name.startsWith('reports.') && options.showsReports !== true) continue
    serve(app, PAGES[name] ?? `/console/${name}`, assetOf(name, readFileSync(path.join(FILES, name))))
  }
  const samples = JSON.stringify({ samples: options.samples ?? [] })
  serve(app, '/console/samples.json', assetOf('samples.json', Buffer.from(samples)))
}

function assetOf(name: string, body: Buffer): Asset {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return {
    etag,
    body,
    headers: {
      'content-type': MEDIA_TYPES[path.extname(name)] ?? 'application/octet-stream',
      // Kept by the browser, asked again each time: an upgraded node is never seen through its old page.
      'cache-control': 'no-cache',
      etag,
      'content-security-policy': POLICY,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  }
}

function serve(app: FastifyInstance, url: string, asset: Asset): void {
  const answer = (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(asset.headers)
    return isNotModified(request.headers['if-none-match'], asset.etag) ? reply.code(304).send() : reply.send(asset.body)
  }
  app.get(url, { schema: { hide: true } }, answer)
}
