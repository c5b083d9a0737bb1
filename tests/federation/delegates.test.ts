/** Prefixes of this node whose holders have servers of their own, asked from here. */
import { describe, expect, test } from 'vitest'
import { RC } from '../../src/protocols/handle/codes.js'
import { PUBLIC_VALUE } from '../../src/record/record.js'
import { handleIn, refusalTo, siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import { tcpServer } from '../protocols/handle/client/scripted-server.js'
import { cleanUps, looking, OWN_PREFIX } from './set-up.js'

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

test('a look-up that is under way by a delegation that has ended is joined by none that comes after', async () => {
  const second = await holderOf('88.118.8', 'https://two.example')
  const silent = await tcpServer(() => undefined)
  cleanUps.push(() => silent.close())
  const { ask, routes } = looking({
    JIEXI_PROXIED_PREFIXES: 'all',
    JIEXI_PEER_NETWORKS: `88.118.8=127.0.0.1:${silent.address.port},${second.allowed}`,
  })
  const service = { handle: '', sites: [siteOctets({ addresses: [silent.address] })] }
  routes.set('88.118.8', { prefix: '88.118.8', state: 'active', selfBuilt: { service, version: 1 } })
  const before = expect(ask('88.118.8/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
  routes.set('88.118.8', second.route(2))
  expect(await ask('88.118.8/x')).toMatchObject({ record: { values: [{ data: 'https://two.example' }] } })
  await before
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

describe('of what lies below a prefix further down', () => {
  const url = [value(1, 'URL', 'https://example.com/a')]

  test('the holder says who answers, who is asked on while the holder is away', async () => {
    const child = await holderOf('88.118.8.1', 'https://child.example')
    const site = [value(1, 'HS_SITE', siteOctets({ addresses: [child.server.address] }))]
    let isThere = true
    const holder = await tcpServer((request) => (isThere ? valuesTo(request, site) : { messages: [], closes: true }))
    cleanUps.push(() => holder.close())
    const { ask, routes } = looking({
      JIEXI_PROXIED_PREFIXES: 'all',
      JIEXI_PEER_NETWORKS: `88.118.8=127.0.0.1:${holder.address.port},88.118.8=127.0.0.1:${child.server.address.port}`,
    })
    const service = { handle: '', sites: [siteOctets({ addresses: [holder.address] })] }
    routes.set('88.118.8', { prefix: '88.118.8', state: 'active', selfBuilt: { service, version: 1 } })
    await ask('88.118.8.1/a')
    isThere = false
    expect(await ask('88.118.8.1/b')).toMatchObject({ record: { values: [{ data: 'https://child.example' }] } })
    expect(holder.requests.map(handleIn)).toEqual(['0.NA/88.118.8.1'])
  })

  test.each(['knows nobody', 'names whom this node does not go to'])(
    'the holder is asked itself where he %s',
    async (how) => {
      const elsewhere = siteOctets({ addresses: [{ transport: 'tcp', host: '127.0.0.1', port: 1 }] })
      const holder = await tcpServer((request) => {
        if (!/^0\.na/i.test(handleIn(request))) return valuesTo(request, url)
        return how === 'knows nobody'
          ? refusalTo(request, RC.handleNotFound)
          : valuesTo(request, [value(1, 'HS_SITE', elsewhere)])
      })
      cleanUps.push(() => holder.close())
      const { ask, routes } = looking({
        JIEXI_PROXIED_PREFIXES: 'all',
        JIEXI_PEER_NETWORKS: `88.118.8=127.0.0.1:${holder.address.port}`,
      })
      const service = { handle: '', sites: [siteOctets({ addresses: [holder.address] })] }
      routes.set('88.118.8', { prefix: '88.118.8', state: 'active', selfBuilt: { service, version: 1 } })
      for (const name of ['a', 'b', 'c']) expect(await ask(`88.118.8.1/${name}`)).toMatchObject({ kind: 'found' })
      expect(holder.requests.map(handleIn)).toEqual(['0.NA/88.118.8.1', '88.118.8.1/a', '88.118.8.1/b', '88.118.8.1/c'])
    },
  )
})

describe('a holder that is known by a handle alone', () => {
  const SERVICE = `${OWN_PREFIX}/service`
  const named = (handle: string) => ({
    prefix: '88.118.8',
    state: 'active' as const,
    selfBuilt: { service: { handle, sites: [] }, version: 1 },
  })
  const own = (type: string, data: string | Uint8Array) => [
    { ...PUBLIC_VALUE, index: 1, type, data, timestampSeconds: 0 },
  ]
  const siteOf = ({ server }: Awaited<ReturnType<typeof holderOf>>) => siteOctets({ addresses: [server.address] })

  test('is found by the record of the handle, which is remembered', async () => {
    const holder = await holderOf('88.118.8', 'https://example.com/a')
    const records = {
      [SERVICE]: own('HS_SERV', `${OWN_PREFIX}/next`),
      [`${OWN_PREFIX}/next`]: own('HS_SITE', siteOf(holder)),
    }
    const environment = { JIEXI_PROXIED_PREFIXES: 'all', JIEXI_PEER_NETWORKS: holder.allowed }
    const { ask, routes, local } = looking(environment, { records })
    routes.set('88.118.8', named(SERVICE))
    const all = await Promise.all(['88.118.8/a', '88.118.8/b', '88.118.8/c'].map((handle) => ask(handle)))
    expect(all.map(({ kind, tier }) => [kind, tier])).toEqual(Array(3).fill(['found', 'upstream']))
    await ask('88.118.8/d')
    expect([local(), holder.server.requests.length]).toEqual([2, 4])
  })

  test('is found where the handle is another node’s, or another holder’s', async () => {
    const holder = await holderOf('88.118.8', 'https://example.com/a')
    const other = await tcpServer((request) => valuesTo(request, [value(1, 'HS_SITE', siteOf(holder))]))
    cleanUps.push(() => other.close())
    const allowed = ['parent', '88.118.7'].map((peer) => `${peer}=127.0.0.1:${other.address.port}`)
    const { ask, routes, local } = looking({
      JIEXI_PROXIED_PREFIXES: '88.118.8',
      JIEXI_PARENT: `tcp://127.0.0.1:${other.address.port}`,
      JIEXI_PEER_NETWORKS: [holder.allowed, ...allowed].join(','),
    })
    routes.set('88.118.8', named('0.SERV/pumps'))
    expect(await ask('88.118.8/a')).toMatchObject({ kind: 'found' })
    const service = { handle: '', sites: [siteOctets({ addresses: [other.address] })] }
    routes.set('88.118.7', { prefix: '88.118.7', state: 'active', selfBuilt: { service, version: 1 } })
    routes.set('88.118.8', {
      ...named('88.118.7/service'),
      selfBuilt: { ...named('88.118.7/service').selfBuilt, version: 2 },
    })
    expect(await ask('88.118.8/b')).toMatchObject({ kind: 'found' })
    expect([local(), other.requests.map(handleIn)]).toEqual([0, ['0.serv/pumps', '88.118.7/service']])
  })

  test('is asked on where its record led while that cannot be looked up', async () => {
    const holder = await holderOf('88.118.8', 'https://example.com/a')
    const site = { ...value(1, 'HS_SITE', siteOf(holder)), ttl: 0 }
    let isThere = true
    const parent = await tcpServer((request) => (isThere ? valuesTo(request, [site]) : { messages: [], closes: true }))
    cleanUps.push(() => parent.close())
    const { ask, routes } = looking({
      JIEXI_PROXIED_PREFIXES: 'all',
      JIEXI_PARENT: `tcp://127.0.0.1:${parent.address.port}`,
      JIEXI_PEER_NETWORKS: `${holder.allowed},parent=127.0.0.1:${parent.address.port}`,
    })
    routes.set('88.118.8', named('0.SERV/pumps'))
    expect(await ask('88.118.8/a')).toMatchObject({ kind: 'found' })
    isThere = false
    expect(await ask('88.118.8/b')).toMatchObject({ kind: 'found' })
  })

  test.each<[string, Record<string, ReturnType<typeof own>>, string, string]>([
    ['has no record', {}, SERVICE, 'prefix-not-served'],
    ['names no site', { [SERVICE]: own('URL', 'https://example.com') }, SERVICE, 'prefix-not-served'],
    ['names itself', { [SERVICE]: own('HS_SERV', SERVICE) }, SERVICE, 'authority-unavailable'],
    ['lies below the prefix itself', {}, '88.118.8/service', 'authority-unavailable'],
    ['is of another node, and none is known', {}, '99.1/service', 'authority-unavailable'],
  ])('cannot be asked where the handle %s', async (_what, records, handle, code) => {
    const { ask, routes } = looking({ JIEXI_PROXIED_PREFIXES: 'all' }, { records })
    routes.set('88.118.8', named(handle))
    await expect(ask('88.118.8/x')).rejects.toMatchObject({ code })
  })

  test('is asked within the networks of its own prefix only', async () => {
    const holder = await holderOf('88.118.8', 'https://example.com/a')
    const records = { [SERVICE]: own('HS_SITE', siteOf(holder)) }
    const allowed = `parent=127.0.0.1:1-65535,${OWN_PREFIX}=127.0.0.1:1-65535`
    const environment = { JIEXI_PROXIED_PREFIXES: 'all', JIEXI_PEER_NETWORKS: allowed }
    const { ask, routes, suspicions } = looking(environment, { records })
    routes.set('88.118.8', named(SERVICE))
    await expect(ask('88.118.8/x')).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect([holder.server.requests.length, suspicions.length]).toEqual([0, 1])
  })

  test('is referred to where the operator does not want it asked', async () => {
    const { ask, routes, local } = looking({ JIEXI_PROXIED_PREFIXES: '88.118.7' })
    routes.set('88.118.8', named(SERVICE))
    await ask('88.118.8/x')
    expect(local()).toBe(1)
  })
})
