/** A Handle HTTP port over real HTTP, on the registry of a REST node: what one door writes, the other gives. */
import { request as httpRequest } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../../../src/platform/clock.js'
import { type HandleRestOptions, handleRestDoor } from '../../../src/protocols/handle-rest/door.js'
import { type Failure, httpServer } from '../../../src/protocols/http/server.js'
import { BOUND_MS, type RestNode, restNode } from '../rest/rest-node.js'

export interface HandleRestNode {
  /** The REST door of the same registry. */
  readonly rest: RestNode
  readonly app: FastifyInstance
  readonly url: string
  readonly failures: readonly Failure[]
  /** Redirects are given, not followed. */
  ask(path: string, options?: AskOptions): Promise<HandleReply>
  /** Registers a record through the REST door. */
  put(handle: string, values: readonly object[]): Promise<void>
  close(): Promise<void>
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface HandleReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  readonly json: any
}

/** As a proxy that has ended TLS says it. */
export const OVER_TLS = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' }

/** `options` may be made of the node behind. */
export async function handleRestNode(
  options: (rest: RestNode) => Partial<HandleRestOptions> = () => ({}),
  trustProxy = '127.0.0.1',
): Promise<HandleRestNode> {
  const rest = await restNode()
  const failures: Failure[] = []
  const app = httpServer({ trustProxy })
  handleRestDoor(app, {
    resolve: rest.resolve,
    clock: systemClock,
    tokens: rest.tokens,
    stalenessBoundMs: BOUND_MS,
    onFailure: (failure) => failures.push(failure),
    ...options(rest),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = app.listeningOrigin
  return {
    rest,
    app,
    url,
    failures,
    ask: (path, asked) => askHandle(url, path, asked),
    async put(handle, values) {
      const path = `/v1/identifiers/${encodeURIComponent(handle)}`
      const reply = await rest.ask('PUT', path, { key: rest.acmeKey, body: { values } })
      if (reply.status > 201) throw new Error(`${reply.status} ${reply.text}`)
    },
    async close() {
      await app.close()
      await rest.close()
    },
  }
}

/** Not `fetch`, which would change paths, and follow redirects. */
export function askHandle(url: string, path: string, asked: AskOptions = {}): Promise<HandleReply> {
  const { hostname, port } = new URL(url)
  const { method = 'GET', headers = {}, body } = asked
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers: { ...headers } }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = response.headers['content-type']?.startsWith('application/json') === true && text !== ''
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          json: isJson ? JSON.parse(text) : undefined,
        })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}
