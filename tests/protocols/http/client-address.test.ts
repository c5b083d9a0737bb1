import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { clientAddress } from '../../../src/protocols/http/client-address.js'

test.each<[string, boolean | readonly string[], string, string | undefined, string]>([
  ['nobody is trusted', false, '192.0.2.1', '203.0.113.9', '192.0.2.1'],
  ['anybody is trusted', true, '192.0.2.1', '203.0.113.9, 198.51.100.1', '203.0.113.9'],
  ['a proxy is trusted', ['192.0.2.0/24'], '192.0.2.1', '203.0.113.9', '203.0.113.9'],
  ['two proxies are', ['192.0.2.0/24', '2001:db8::1'], '2001:db8::1', '203.0.113.9, 192.0.2.7', '203.0.113.9'],
  ['the client claims a hop of its own', ['192.0.2.1'], '192.0.2.1', '10.0.0.1, 203.0.113.9', '203.0.113.9'],
  ['a stranger claims one', ['192.0.2.1'], '198.51.100.7', '203.0.113.9', '198.51.100.7'],
  ['nothing is claimed', ['192.0.2.1'], '192.0.2.1', undefined, '192.0.2.1'],
  ['what is claimed is no address', ['192.0.2.1'], '192.0.2.1', '<script>', '192.0.2.1'],
  ['IPv4 comes over IPv6', ['192.0.2.1'], '::ffff:192.0.2.1', '203.0.113.9', '203.0.113.9'],
])('when %s, the address is the nearest that is no trusted proxy', (_name, trusted, peer, forwarded, expected) => {
  expect(clientAddress(trusted)(peer, forwarded)).toBe(expected)
})

test.each([['10.0.0.9'], ['10.0.0.9, 127.0.0.1'], ['10.0.0.9, 10.0.0.8']])(
  'what fastify makes of "%s" is the same',
  async (forwarded) => {
    const trusted = ['127.0.0.1', '10.0.0.8']
    const app = Fastify({ trustProxy: trusted })
    app.get('/', async ({ ip }) => ip)
    const { body } = await app.inject({ url: '/', headers: { 'x-forwarded-for': forwarded } })
    expect(clientAddress(trusted)('127.0.0.1', forwarded)).toBe(body)
  },
)
