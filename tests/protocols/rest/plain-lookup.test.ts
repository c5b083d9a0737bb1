/** The hot path and the routed one are one truth: the same head and the same octets, however the request is framed. */
import net from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RestNode, restNode } from './rest-node.js'

const PATH = '/v1/identifiers/88.118.8/pump-7'

let node: RestNode
let port: number

beforeAll(async () => {
  node = await restNode()
  port = Number(new URL(node.url).port)
  const body = { template: 'product', attributes: { name: '离心泵', model: 'P7' } }
  await node.ask('PUT', PATH, { key: node.acmeKey, body })
  const isInMemory = async () => (await node.ask('GET', PATH)).headers.get('cache-status')?.includes('memory')
  await vi.waitUntil(isInMemory, { timeout: 30_000 })
})
afterAll(() => node.close())

test('what is answered before routing equals what the route answers, byte for byte', async () => {
  const [early] = responsesIn(await exchange(`GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`))
  const [ready] = responsesIn(await exchange(request('GET'), closing('GET')))
  const [routed] = responsesIn(
    await exchange(request('GET', 'Accept: application/json, text/plain;q=0.1'), closing('GET')),
  )
  expect(ready!.fields).toEqual(routed!.fields)
  expect(ready!.body.equals(routed!.body)).toBe(true)
  expect(early!.body.equals(ready!.body)).toBe(true)
  expect({ ...early!.fields, connection: 'keep-alive', 'keep-alive': 'timeout=10' }).toEqual(ready!.fields)
  expect(ready!.status).toBe('HTTP/1.1 200 OK')
  expect(Number(ready!.fields['content-length'])).toBe(ready!.body.length)
})

test('many requests in one packet are all answered, in order', async () => {
  const answers = responsesIn(
    await exchange(
      request('GET') + request('HEAD') + request('GET', 'If-None-Match: "v1"') + request('GET'),
      closing('GET'),
    ),
  )
  expect(answers.map(({ status }) => status)).toEqual([
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200 OK',
    'HTTP/1.1 304 Not Modified',
    'HTTP/1.1 200 OK',
    'HTTP/1.1 200 OK',
  ])
  expect(answers.map(({ body }) => body.length > 0)).toEqual([true, false, false, true, true])
})

test('HTTP/1.0 gets its answer and a closed connection', async () => {
  const [answer] = responsesIn(await exchange(`GET ${PATH} HTTP/1.0\r\n\r\n`))
  expect(answer!.fields['connection']).toBe('close')
  expect(JSON.parse(answer!.body.toString())).toMatchObject({ attributes: { name: '离心泵' } })
})

test('a request with an id of its own gets it back', async () => {
  const [answer] = responsesIn(await exchange(request('GET', 'X-Request-Id: mine-1'), closing('GET')))
  expect(answer!.fields['x-request-id']).toBe('mine-1')
})

function request(method: string, field = 'X-Nothing: 1'): string {
  return `${method} ${PATH} HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`
}

function closing(method: string): string {
  return `${method} ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
}

/** All that comes back until the node closes the connection. */
function exchange(...requests: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    const socket = net.connect(port, '127.0.0.1', () => socket.write(requests.join('')))
    socket.on('data', (piece) => pieces.push(piece))
    socket.on('error', reject)
    socket.on('end', () => resolve(Buffer.concat(pieces)))
  })
}

interface Response {
  readonly status: string
  /** Names in lower case, without `date`. */
  readonly fields: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Of HEAD and 304 the body is empty: the next response begins where it would. */
function responsesIn(octets: Buffer): Response[] {
  const responses: Response[] = []
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf('\r\n\r\n', at)
    const [status, ...lines] = octets.subarray(at, end).toString('latin1').split('\r\n')
    const fields = Object.fromEntries(lines.map((line) => [line.split(': ')[0]!.toLowerCase(), line.split(': ')[1]!]))
    const length = octets[end + 4] === 0x7b ? Number(fields['content-length'] ?? 0) : 0
    const { date, ...others } = fields
    expect(new Date(date!).getTime()).toBeGreaterThan(Date.now() - 60_000)
    responses.push({ status: status!, fields: others, body: octets.subarray(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
  return responses
}
