/** A REST door over real HTTP, on a real registry, with the memory tier and the change feed in front of it. */
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../../src/platform/clock.js'
import { type Failure, httpServer } from '../../../src/protocols/http/server.js'
import { restDoor } from '../../../src/protocols/rest/door.js'
import { importRoutes } from '../../../src/protocols/rest/imports.js'
import { ensureAdminKey, findPrincipal, issueApiKey } from '../../../src/registry/api-keys.js'
import { changeFollower } from '../../../src/registry/change-follower.js'
import { createEnterprise } from '../../../src/registry/enterprises.js'
import { allotPrefix, loadRoutes } from '../../../src/registry/prefixes.js'
import { registryLookup } from '../../../src/registry/records.js'
import type { Registry } from '../../../src/registry/registry.js'
import { currentRoutes } from '../../../src/registry/routes.js'
import { findStalenessBounds } from '../../../src/registry/staleness-bounds.js'
import { type VisibleWaits, visibleWaits } from '../../../src/registry/visible-waits.js'
import { authorities } from '../../../src/resolution/authorities.js'
import { askedAnew, withToken } from '../../../src/resolution/catching-up.js'
import { changeKnowledge } from '../../../src/resolution/change-knowledge.js'
import { memoryCached, remembered } from '../../../src/resolution/memory-cached.js'
import { memoryStore } from '../../../src/resolution/memory-store.js'
import { compose, type Resolve } from '../../../src/resolution/resolve.js'
import { type WriteTokens, writeTokens } from '../../../src/resolution/write-token.js'
import type { Administrator, Scope } from '../../../src/security/principal.js'
import { testDatabase } from '../../support/database.js'

/** T of the freshness contract here. */
export const BOUND_MS = 1_000
export const ADMIN_KEY = 'an-administrator-key-for-tests'
const ADMIN: Administrator = { kind: 'administrator', apiKeyId: 'configured' }

export interface RestNode {
  readonly app: FastifyInstance
  readonly url: string
  readonly registry: Registry
  readonly resolve: Resolve
  readonly waits: VisibleWaits
  readonly tokens: WriteTokens
  /** Key of `acme`, which holds 88.118.8, and of `other`, which holds 88.200.1. */
  readonly acmeKey: string
  readonly otherKey: string
  readonly routes: readonly { readonly method: string; readonly url: string }[]
  readonly failures: readonly Failure[]
  keyFor(enterpriseId: string, scopes: readonly Scope[]): Promise<string>
  /** A request; the body as JSON unless it is a string or bytes. */
  ask(method: string, path: string, options?: AskOptions): Promise<Reply>
  close(): Promise<void>
}

export interface AskOptions {
  readonly key?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any
  readonly text: string
  readonly bytes: Buffer
}

export async function restNode(): Promise<RestNode> {
  const database = await testDatabase()
  const { db } = database
  await ensureAdminKey(db, ADMIN_KEY)
  const clock = systemClock
  const knowledge = changeKnowledge({ clock, boundMs: BOUND_MS })
  const follower = changeFollower({
    connect: () => db.connect(),
    knowledge,
    clock,
    intervalMs: 25,
    log: { info: () => undefined, warn: () => undefined },
  })
  await follower.start()
  const registry: Registry = {
    db,
    clock,
    committed: (change) => {
      knowledge.noteOwnWrite(change)
      follower.wake()
    },
  }
  const table = currentRoutes({ load: () => loadRoutes(db), knowledge, clock, maxAgeMs: 500 })
  const memory = { store: memoryStore(10_000_000), knowledge, clock, maxStaleSeconds: 60 }
  const catchUp = () => follower.catchUp()
  const resolve = compose(
    [withToken({ knowledge, catchUp }), memoryCached(memory), askedAnew({ catchUp })],
    authorities({
      routes: table,
      registry: registryLookup(db, () => knowledge.mark, clock),
      mark: () => knowledge.mark,
    }),
  )

  const waits = visibleWaits({ clock, knowledge, boundMs: BOUND_MS, findBounds: () => findStalenessBounds(db) })
  const tokens = writeTokens({ knowledge, catchUp })
  const failures: Failure[] = []
  const routes: { method: string; url: string }[] = []
  const app = httpServer({ onFailure: (failure) => failures.push(failure) })
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url })
  })
  restDoor(app, {
    resolve,
    remembered: remembered(memory),
    registry,
    clock,
    routes: table,
    principalOf: (apiKey) => findPrincipal(db, apiKey),
    waits,
    tokens,
    more: [importRoutes],
  })
  await app.listen({ port: 0, host: '127.0.0.1' })

  const keyFor = async (enterpriseId: string, scopes: readonly Scope[]) =>
    (await issueApiKey(registry, ADMIN, { enterpriseId, scopes })).apiKey
  for (const [id, prefix] of [
    ['acme', '88.118.8'],
    ['other', '88.200.1'],
  ] as const) {
    await createEnterprise(registry, ADMIN, { id, name: `The ${id} works` })
    await allotPrefix(registry, ADMIN, { prefix, enterpriseId: id })
  }
  const url = app.listeningOrigin
  return {
    app,
    url,
    registry,
    resolve,
    waits,
    tokens,
    acmeKey: await keyFor('acme', ['read', 'write', 'keys']),
    otherKey: await keyFor('other', ['read', 'write']),
    routes,
    failures,
    keyFor,
    ask: (method, path, options) => ask(url, { method, path, ...options }),
    async close() {
      await app.close()
      await follower.stop()
      await database.close()
    },
  }
}

async function ask(url: string, asked: AskOptions & { method: string; path: string }): Promise<Reply> {
  const { method, path, key, body, headers } = asked
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body === undefined || headers?.['content-type'] !== undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: (isRaw ? body : JSON.stringify(body)) as string }),
  })
  const bytes = Buffer.from(await answer.arrayBuffer())
  const text = bytes.toString('utf8')
  const isJson = /\bjson$|\+json$/.test((answer.headers.get('content-type') ?? '').split(';')[0] ?? '')
  return {
    status: answer.status,
    headers: answer.headers,
    bytes,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}
