/** One port for TLS and plain connections. */
import http from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { plainOrTls } from '../../../src/protocols/handle/first-octet.js'
import { selfSigned } from '../../support/self-signed.js'

const certificate = selfSigned([['CN', 'localhost']])
const client = selfSigned([['CN', 'a client']])

let front: net.Server
let port: number
beforeAll(async () => {
  const server = http.createServer((request, response) => {
    let octets = 0
    request.on('data', (piece: Buffer) => {
      octets += piece.length
    })
    request.on('end', () => {
      const { encrypted, getPeerCertificate } = request.socket as Partial<TLSSocket>
      const subject = getPeerCertificate?.call(request.socket).subject?.CN
      response.end(`${encrypted === true ? 'secure' : 'plain'} ${octets} ${subject ?? 'nobody'}`)
    })
  })
  front = net.createServer(plainOrTls((connection) => void server.emit('connection', connection), certificate))
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  port = (front.address() as AddressInfo).port
})
afterAll(() => front?.close())

function ask(scheme: typeof http | typeof https, options: https.RequestOptions, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const all = { host: '127.0.0.1', port, agent: false as const, rejectUnauthorized: false, ...options }
    const request = (scheme as typeof https).request(all, (response) => {
      let text = ''
      response.on('data', (piece: Buffer) => {
        text += piece.toString()
      })
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
    request.end(body)
  })
}

test.each(['', 'a body', 'x'.repeat(200_000)])('each kind of connection is what it is', async (body) => {
  const asked = { method: 'POST' }
  expect(await ask(http, asked, body)).toBe(`plain ${body.length} nobody`)
  expect(await ask(https, asked, body)).toBe(`secure ${body.length} nobody`)
})

test('a client may show a certificate, whoever signed it', async () => {
  expect(await ask(https, { cert: client.cert, key: client.key })).toBe('secure 0 a client')
})

test('what is neither ends, and harms nobody', async () => {
  const connection = net.connect(port, '127.0.0.1')
  connection.on('error', () => undefined)
  connection.write(Buffer.of(0x16, 0, 0, 0, 0, 0))
  await new Promise((resolve) => connection.once('close', resolve))
  expect(await ask(https, {})).toBe('secure 0 nobody')
})
