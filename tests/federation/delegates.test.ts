/** Prefixes of this node whose holders have servers of their own, asked from here. */
import { expect, test } from 'vitest'
import { siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import { tcpServer } from '../protocols/handle/client/scripted-server.js'
import { cleanUps, looking } from './set-up.js'

async function holderOf(prefix: string, data: string) {
  const server = await tcpServer((request) => valuesTo(request, [value(1, 'URL', data)]))
  cleanUps.push(() => server.close())
  const service = { handle: '', sites: [siteOctets({ addresses: [server.address] })] }
  const route = (version: number) => ({ prefix, state: 'active' as const, selfBuilt: { service, version } })
  return { server, route, allowed: `${prefix}=127.0.0.1:${server.address.port}` }
}

test('is asked where the operator wants it, and referred to where not', async () => {
  const holder = await holderOf('88.118.8', 'https://example.com/a')
  const { ask, routes, local } = looking({
    JIEXI_PROXIED_PREFIXES: '88.118.8',
    JIEXI_PEER_NETWORKS: holder.allowed,
  })
  routes.set('88.118.8', holder.route(1))
  routes.set('88.118.9', { ...holder.route(1), prefix: '88.118.9' })
  expect(await ask('88.118.8/x')).toMatchObject({ kind: 'found', tier: 'upstream' })
  await ask('88.118.9/x')
  expect([local(), holder.server.requests.length]).toEqual([1, 1])
})

test('a delegation that changes or ends is not used any more, at the next look-up', async () => {
  const [first, second] = [
    await holderOf('88.118.8', 'https://one.example'),
    await holderOf('88.118.8', 'https://two.example'),
  ]
  const { ask, routes, local } = looking({
    JIEXI_PROXIED_PREFIXES: 'all',
    JIEXI_PEER_NETWORKS: `${first.allowed},${second.allowed}`,
  })
  routes.set('88.118.8', first.route(1))
  expect(await ask('88.118.8/x')).toMatchObject({ record: { values: [{ data: 'https://one.example' }] } })
  routes.set('88.118.8', second.route(2))
  expect(await ask('88.118.8/x')).toMatchObject({ record: { values: [{ data: 'https://two.example' }] } })
  routes.set('88.118.8', { prefix: '88.118.8', state: 'suspended' })
  await ask('88.118.8/x')
  routes.set('88.118.8', { prefix: '88.118.8', state: 'active' })
  await ask('88.118.8/x')
  expect([local(), first.server.requests.length, second.server.requests.length]).toEqual([2, 1, 1])
})

test('a private network that is allowed for one holder is not allowed for another', async () => {
  const holder = await holderOf('88.118.8', 'https://example.com')
  const { ask, routes, suspicions } = looking({ JIEXI_PROXIED_PREFIXES: 'all', JIEXI_PEER_NETWORKS: holder.allowed })
  routes.set('88.118.9', { ...holder.route(1), prefix: '88.118.9' })
  await expect(ask('88.118.9/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  expect(holder.server.requests.length).toBe(0)
  expect(suspicions.join()).toContain('not a public address')
})

test('the record of the prefix itself is this node’s own', async () => {
  const holder = await holderOf('88.118.8', 'https://example.com')
  const { ask, routes, local } = looking({ JIEXI_PROXIED_PREFIXES: 'all', JIEXI_PEER_NETWORKS: holder.allowed })
  routes.set('88.118.8', holder.route(1))
  await ask('0.NA/88.118.8')
  expect([local(), holder.server.requests.length]).toEqual([1, 0])
})

test('one whose record has the sites is referred to', async () => {
  const { ask, routes, local } = looking({ JIEXI_PROXIED_PREFIXES: 'all' })
  const service = { handle: '88.118/service', sites: [] }
  routes.set('88.118.8', { prefix: '88.118.8', state: 'active', selfBuilt: { service, version: 1 } })
  await ask('88.118.8/x')
  expect(local()).toBe(1)
})
