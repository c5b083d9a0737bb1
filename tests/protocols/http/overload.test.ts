import { Agent, request as ask } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { httpServer } from '../../../src/protocols/http/server.js'

let isOverloaded = false
let carriedOut = 0
const statuses: number[] = []
const app = httpServer({ isOverloaded: () => isOverloaded, observe: (status) => statuses.push(status) })
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

beforeAll(async () => {
  app.get('/livez', async () => ({ status: 'ok' }))
  app.post('/echo', async ({ body }) => {
    carriedOut += 1
    return body
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
})
beforeEach(() => {
  isOverloaded = false
  carriedOut = 0
  statuses.length = 0
})
afterAll(async () => {
  agent.destroy()
  await app.close()
})

test('while there is more to do than can be done, requests are refused: 503, a reason, when to come again', async () => {
  isOverloaded = true
  const { status, retryAfter, body } = await send('POST', '/echo', '{"a":1}')
  expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '1' })
  expect(JSON.parse(body)).toMatchObject({ code: 'overloaded', detail: expect.stringContaining('Nothing') })
  expect({ carriedOut, statuses }).toEqual({ carriedOut: 0, statuses: [503] })
})

test('who runs the node is answered all the same', async () => {
  isOverloaded = true
  expect(await send('GET', '/livez')).toMatchObject({ status: 200 })
})

test('the connection serves the next request, also after a long body that nobody read', async () => {
  isOverloaded = true
  const refused = await send('POST', '/echo', JSON.stringify('x'.repeat(500_000)))
  isOverloaded = false
  const answered = await send('POST', '/echo', '{"a":2}')
  expect(refused.status).toBe(503)
  expect(answered).toMatchObject({ status: 200, body: '{"a":2}', localPort: refused.localPort })
})

interface Received {
  readonly status: number | undefined
  readonly retryAfter: string | undefined
  readonly body: string
  readonly localPort: number | undefined
}

function send(method: string, path: string, body?: string): Promise<Received> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = ask(app.listeningOrigin + path, { method, agent, headers }, async (response) => {
      const { localPort } = request.socket!
      const octets = (await response.toArray()) as Buffer[]
      const text = Buffer.concat(octets).toString()
      resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'], body: text, localPort })
    })
    request.on('error', reject)
    request.end(body)
  })
}
