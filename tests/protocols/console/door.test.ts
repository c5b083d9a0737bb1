import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consoleDoor } from '../../../src/protocols/console/door.js'

const SAMPLES = [{ kind: 'part', identifier: '88.118.8/JXDY2106023' }] as const

let app: FastifyInstance
beforeAll(async () => {
  app = Fastify()
  consoleDoor(app, { samples: SAMPLES })
  await app.ready()
})
afterAll(() => app.close())

test('the page asks for nothing that is not served here', async () => {
  const page = await app.inject('/')
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
  const addresses = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!)
  const own = [...new Set(addresses)].filter((address) => address !== '/docs')
  expect(own.length).toBeGreaterThan(3)
  for (const address of own) expect((await app.inject(address)).statusCode).toBe(200)
})

test('modules import only what is served here, and insert text, never markup', async () => {
  const seen = new Set<string>()
  const visit = async (name: string): Promise<void> => {
    if (seen.has(name)) return
    seen.add(name)
    const { statusCode, body, headers } = await app.inject(`/console/${name}`)
    expect(statusCode).toBe(200)
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(body).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?:\/\/[a-z]/)
    for (const [, imported] of body.matchAll(/from '([^']+)'/g)) {
      expect(imported).toMatch(/^\.\/[a-z]+\.js$/)
      await visit(imported!.slice(2))
    }
  }
  await visit('page.js')
  expect(seen.size).toBeGreaterThan(4)
})

test('the policy allows this server, and nothing inline', async () => {
  const { headers, body } = await app.inject('/')
  const policy = String(headers['content-security-policy'])
  expect(policy).toMatch(/^default-src 'none'; /)
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(body).not.toMatch(/ (?:on\w+|style)=|<style|<script(?![^>]* src=)/)
})

test('what the browser holds is not sent again', async () => {
  for (const url of ['/', '/console/page.js', '/console/page.css', '/console/icon.svg', '/console/samples.json']) {
    const { headers } = await app.inject(url)
    expect(headers['cache-control']).toBe('no-cache')
    const again = await app.inject({ url, headers: { 'if-none-match': `"other", W/${headers['etag']}` } })
    expect(again.statusCode).toBe(304)
    expect(again.body).toBe('')
    expect(again.headers['etag']).toBe(headers['etag'])
    const other = await app.inject({ url, headers: { 'if-none-match': '"other"' } })
    expect(other.statusCode).toBe(200)
  }
})

test('HEAD is GET without the body', async () => {
  const [get, head] = [await app.inject('/'), await app.inject({ method: 'HEAD', url: '/' })]
  expect(head.statusCode).toBe(200)
  expect(head.body).toBe('')
  expect(head.headers['etag']).toBe(get.headers['etag'])
})

test('samples are those of the node; a node without any has none', async () => {
  expect((await app.inject('/console/samples.json')).json()).toEqual({ samples: SAMPLES })
  const bare = Fastify()
  consoleDoor(bare)
  expect((await bare.inject('/console/samples.json')).json()).toEqual({ samples: [] })
  await bare.close()
})

test('nothing outside its folder can be read', async () => {
  for (const url of [
    '/console/../door.ts',
    '/console/%2e%2e/door.ts',
    '/console/..%2fdoor.ts',
    '/console/',
    '/console/index.html',
  ]) {
    expect((await app.inject(url)).statusCode).toBe(404)
  }
})
