/**
 * Ways to the responsible servers that the client keeps: found once for all who want them, used on while nobody can tell new ones, and
 * left when whoever told them says otherwise.
 */
import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import type { HandleClient } from '../../../../src/protocols/handle/client/client.js'
import type { ClientLimits } from '../../../../src/protocols/handle/client/limits.js'
import type { HandleValue } from '../../../../src/protocols/handle/codec-value.js'
import { RC } from '../../../../src/protocols/handle/codes.js'
import { clientAt, clientOf, started } from './closing.js'
import { answerTo, handleIn, refusalTo, signedBy, siteOctets, value, valuesTo } from './replies.js'
import { type Script, type ScriptedServer, tcpServer } from './scripted-server.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])
const gone = { messages: [], closes: true }
const PATIENT = { timeout: 15_000, interval: 20 }

const site = ({ address }: ScriptedServer, more: Partial<HandleValue> = {}) => ({
  ...value(1, 'HS_SITE', siteOctets({ addresses: [address] })),
  ...more,
})
const referral = (request: Buffer, values: readonly HandleValue[], handle = '') =>
  answerTo(request, { kind: 'referral', handle, values }, { header: { responseCode: RC.serviceReferral } })
const asked = ({ requests }: ScriptedServer) => requests.map(handleIn)

/** A server whose script changes under way. */
async function changing(script: Script) {
  const said = { script }
  const server = await started(tcpServer((...request) => said.script(...request)))
  const says = (next: Script) => {
    said.script = next
  }
  return Object.assign(server, { says })
}

const rootedAt = (root: ScriptedServer, limits: Partial<ClientLimits> = {}) =>
  clientOf({ start: { kind: 'root', servers: [root.address] }, limits })

/** What each look-up comes to: its kind, or the reason why there is none. */
const outcome = (client: HandleClient, handle: string, more = {}) =>
  client.resolve(handle, more).then(
    ({ kind }) => kind as string,
    ({ reason }) => reason as string,
  )

describe('many first look-ups of a prefix at once', () => {
  test('ask the root for it once', async () => {
    const node = await changing(right)
    const root = await changing(async (request) => {
      await delay(100)
      return valuesTo(request, [site(node)])
    })
    const client = rootedAt(root)
    const all = Array.from({ length: 200 }, (_, place) => outcome(client, `88.1/${place}`))
    expect(new Set(await Promise.all(all))).toEqual(new Set(['found']))
    expect(asked(root)).toEqual(['0.NA/88.1'])
  })

  test('fail together when it fails, and whoever comes later asks anew', async () => {
    const node = await changing(right)
    const root = await changing((request) => refusalTo(request, RC.error))
    const client = rootedAt(root)
    const all = await Promise.all(Array.from({ length: 20 }, (_, place) => outcome(client, `88.1/${place}`)))
    expect([new Set(all), root.requests.length]).toEqual([new Set(['refused']), 1])
    root.says((request) => valuesTo(request, [site(node)]))
    expect(await outcome(client, '88.1/x')).toBe('found')
  })

  test('wait each for its own time, and outlive the one that asked', async () => {
    const node = await changing(right)
    const root = await changing(async (request, place) => {
      if (place === 0) return undefined
      await delay(300)
      return valuesTo(request, [site(node)])
    })
    const client = rootedAt(root)
    const hurried = outcome(client, '88.1/a', { timeoutMs: 1_500 })
    const patient = [outcome(client, '88.1/b'), outcome(client, '88.1/c')]
    const alsoHurried = outcome(client, '88.1/d', { timeoutMs: 500 })
    expect(await Promise.all([hurried, alsoHurried, ...patient])).toEqual(['timed-out', 'timed-out', 'found', 'found'])
    expect(root.requests.length).toBe(2)
  })

  test('are refused beyond what may wait', async () => {
    const node = await changing(right)
    const root = await changing(async (request) => {
      await delay(200)
      return valuesTo(request, [site(node)])
    })
    const client = rootedAt(root, { maxWaiting: 5 })
    const all = await Promise.all(Array.from({ length: 10 }, (_, place) => outcome(client, `88.1/${place}`)))
    expect(all.filter((one) => one === 'overloaded').length).toBe(4)
    expect(all.filter((one) => one === 'found').length).toBe(6)
  })

  test('of prefixes that lead to each other do not wait for each other', async () => {
    const root = await changing(async (request) => {
      await delay(50)
      const other = handleIn(request) === '0.NA/88.1' ? '88.2/s' : '88.1/s'
      return valuesTo(request, [value(1, 'HS_SERV', other)])
    })
    const client = rootedAt(root)
    const startedMs = performance.now()
    const all = ['88.1/x', '88.2/x', '88.1/y'].map((handle) => outcome(client, handle))
    expect(await Promise.all(all)).toEqual(['referral-loop', 'referral-loop', 'referral-loop'])
    expect(performance.now() - startedMs).toBeLessThan(10_000)
  })
})

describe('while the root cannot be asked', () => {
  const SHORT = { maxSiteAgeMs: 100 }

  async function known(limits: Partial<ClientLimits> = SHORT) {
    const [node, other] = [await changing(right), await changing(right)]
    const root = await changing((request) => valuesTo(request, [site(node)]))
    const client = rootedAt(root, limits)
    expect(await outcome(client, '88.1/x')).toBe('found')
    return { node, other, root, client }
  }

  test('a prefix that is known is found past its time, and nobody waits for the root again and again', async () => {
    const { client, root, node } = await known()
    root.says(() => gone)
    await delay(150)
    for (let place = 0; place < 50; place++) expect(await outcome(client, `88.1/${place}`)).toBe('found')
    expect(node.requests.length).toBe(51)
    // One found out, and after each pause perhaps another; each may be sent twice.
    expect(root.requests.length).toBeLessThanOrEqual(25)
    expect(await outcome(client, '88.9/x')).toBe('cut-off')
  })

  test('a silent root costs the first half of its time, and the others none', async () => {
    const { client, root } = await known()
    root.says(() => undefined)
    await delay(150)
    expect(await outcome(client, '88.1/x', { timeoutMs: 4_000 })).toBe('found')
    const startedMs = performance.now()
    for (let place = 0; place < 10; place++) expect(await outcome(client, `88.1/${place}`)).toBe('found')
    expect(performance.now() - startedMs).toBeLessThan(4_000)
  })

  test('it is tried for again, and what it then says counts', async () => {
    const { client, root, node, other } = await known()
    root.says(() => gone)
    await delay(150)
    expect(await outcome(client, '88.1/x')).toBe('found')
    root.says((request) => valuesTo(request, [site(other)]))
    await vi.waitUntil(async () => {
      expect(await outcome(client, '88.1/x')).toBe('found')
      return other.requests.length > 0
    }, PATIENT)
    const before = node.requests.length
    expect(await outcome(client, '88.1/x')).toBe('found')
    expect(node.requests.length).toBe(before)
  })

  test('it is so for as long as is allowed, and no longer', async () => {
    const { client, root } = await known({ ...SHORT, maxStaleSiteAgeMs: 3_000 })
    root.says(() => gone)
    await delay(150)
    expect(await outcome(client, '88.1/x')).toBe('found')
    await vi.waitUntil(async () => (await outcome(client, '88.1/x')) === 'cut-off', PATIENT)
  })

  test('nothing is changed by what is old', async () => {
    const { client, root, node } = await known()
    root.says(() => gone)
    await delay(150)
    await expect(client.delete('88.1/x')).rejects.toMatchObject({ reason: 'cut-off' })
    expect(node.requests.length).toBe(1)
  })

  test('a root that says that nobody is responsible ends it at once', async () => {
    const { client, root, node } = await known()
    root.says((request) => refusalTo(request, RC.handleNotFound))
    await delay(150)
    expect(await outcome(client, '88.1/x')).toBe('nobody-responsible')
    root.says(() => gone)
    expect(await outcome(client, '88.1/x')).toBe('cut-off')
    expect(node.requests.length).toBe(1)
  })

  test('a look-up that is certified uses what was certified, and tells of a forged root', async () => {
    const [rootKey, nodeKey, forger] = [1, 2, 3].map(() => generateKeyPairSync('ed25519'))
    const node = await changing((request) => signedBy(nodeKey!.privateKey, valuesTo(request, [url])))
    const octets = siteOctets({ addresses: [node.address], publicKey: nodeKey!.publicKey })
    const answer = (request: Buffer) => valuesTo(request, [value(1, 'HS_SITE', octets)])
    const root = await changing((request) => signedBy(rootKey!.privateKey, answer(request)))
    const start = { kind: 'root' as const, servers: [root.address], publicKey: rootKey!.publicKey }
    const client = clientOf({ start, limits: SHORT })
    expect(await outcome(client, '88.1/x')).toBe('found')
    root.says(() => gone)
    expect(await outcome(client, '88.1/x', { isCertified: true })).toBe('cut-off')
    root.says((request) => signedBy(rootKey!.privateKey, answer(request)))
    expect(await outcome(client, '88.1/x', { isCertified: true })).toBe('found')
    await delay(150)
    root.says((request) => signedBy(forger!.privateKey, answer(request)))
    expect(await outcome(client, '88.1/x', { isCertified: true })).toBe('signature-invalid')
    root.says(() => gone)
    expect(await outcome(client, '88.1/x', { isCertified: true })).toBe('found')
  })
})

describe('where a referral led', () => {
  /** A server of 88.1 that refers to another for 88.1.2. */
  async function referring(more: { readonly limits?: Partial<ClientLimits>; readonly ttl?: number } = {}) {
    const child = await changing(right)
    const parent = await changing((request) => referral(request, [site(child, { ttl: more.ttl ?? 3_600 })]))
    return { child, parent, client: clientAt(parent.address, { limits: more.limits ?? {} }) }
  }

  test('is asked at once for all below the prefix, also while the server that referred is stopped', async () => {
    const { child, parent, client } = await referring()
    for (const handle of ['88.1.2/a', '88.1.2/b']) expect(await outcome(client, handle)).toBe('found')
    expect([asked(parent), asked(child)]).toEqual([['88.1.2/a'], ['88.1.2/a', '88.1.2/b']])
    parent.says(() => gone)
    expect(await outcome(client, '88.1.2/c')).toBe('found')
    expect(await outcome(client, '88.1.3/c')).toBe('cut-off')
  })

  test('is asked past its time only while the server that referred cannot be asked', async () => {
    const { parent, client } = await referring({ limits: { maxSiteAgeMs: 100 } })
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    await delay(150)
    expect(await outcome(client, '88.1.2/b')).toBe('found')
    expect(parent.requests.length).toBe(2)
    parent.says(() => gone)
    await delay(150)
    for (let place = 0; place < 20; place++) expect(await outcome(client, `88.1.2/${place}`)).toBe('found')
    expect(parent.requests.length).toBeLessThanOrEqual(15)
  })

  test('is used no more after the server that referred says otherwise', async () => {
    const { child, parent, client } = await referring({ limits: { maxSiteAgeMs: 100 } })
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    await delay(150)
    parent.says((request) => refusalTo(request, RC.handleNotFound))
    expect(await outcome(client, '88.1.2/b')).toBe('absent')
    parent.says(() => gone)
    expect(await outcome(client, '88.1.2/c')).toBe('cut-off')
    expect(asked(child)).toEqual(['88.1.2/a'])
  })

  test('nor after it refers to another, though that one is away', async () => {
    const { child, parent, client } = await referring({ limits: { maxSiteAgeMs: 100 } })
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    await delay(150)
    const away = await changing(() => gone)
    parent.says((request) => referral(request, [site(away)]))
    expect(await outcome(client, '88.1.2/b')).toBe('cut-off')
    parent.says(() => gone)
    expect(await outcome(client, '88.1.2/c')).toBe('cut-off')
    expect(asked(child)).toEqual(['88.1.2/a'])
  })

  test('does not prolong its own life by referring to itself', async () => {
    const ghost = await changing(right)
    const child = await changing((request) => referral(request, [site(ghost)]))
    const parent = await changing((request) => referral(request, [site(child)]))
    const client = clientAt(parent.address, { limits: { maxSiteAgeMs: 400 } })
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    ghost.says((request) => referral(request, [site(child)]))
    child.says(right)
    expect(await outcome(client, '88.1.2/b')).toBe('found')
    ghost.says(right)
    child.says((request) => referral(request, [site(ghost)]))
    parent.says((request) => refusalTo(request, RC.handleNotFound))
    const until = performance.now() + 15_000
    while (performance.now() < until && (await outcome(client, '88.1.2/c')) === 'found') await delay(20)
    expect(await outcome(client, '88.1.2/c')).toBe('absent')
  })

  test('is left for the server that referred when it is away, or is responsible no more', async () => {
    const { child, parent, client } = await referring()
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    const other = await changing(right)
    parent.says((request) => referral(request, [site(other)]))
    child.says((request) => refusalTo(request, RC.notResponsible))
    expect(await outcome(client, '88.1.2/b')).toBe('found')
    expect(await outcome(client, '88.1.2/c')).toBe('found')
    expect([asked(other), parent.requests.length]).toEqual([['88.1.2/b', '88.1.2/c'], 2])
  })

  test('by the record of the prefix itself is remembered', async () => {
    const child = await changing(right)
    const parent = await changing((request) =>
      handleIn(request) === '0.NA/88.1.2' ? valuesTo(request, [site(child)]) : referral(request, [], '0.NA/88.1.2'),
    )
    const client = clientAt(parent.address)
    for (const handle of ['88.1.2/a', '88.1.2/b']) expect(await outcome(client, handle)).toBe('found')
    expect(asked(parent)).toEqual(['88.1.2/a', '0.NA/88.1.2'])
  })

  test.each([
    ['0.SERV/anywhere', 'a service', 1],
    ['0.NA/88.2', 'a prefix beside its own', 2],
    ['0.NA/88', 'a prefix above its own', 2],
  ])('by the record %s, of %s, is followed: whoever referred is asked %i times', async (service, _what, times) => {
    const [child, parent] = [await changing(right), await changing((request) => referral(request, [], service))]
    const root = await changing((request) => valuesTo(request, [site(handleIn(request) === service ? child : parent)]))
    const client = rootedAt(root)
    for (const handle of ['88.1.2/a', '88.1.2/b']) expect(await outcome(client, handle)).toBe('found')
    expect(parent.requests.length).toBe(times)
  })

  test('for a prefix that is called like a certified one changes nothing of that', async () => {
    const key = generateKeyPairSync('ed25519')
    const node = await changing((request) => signedBy(key.privateKey, valuesTo(request, [url])))
    const octets = siteOctets({ addresses: [node.address], publicKey: key.publicKey })
    const root = await changing((request) => valuesTo(request, [value(1, 'HS_SITE', octets)]))
    const start = { kind: 'root' as const, servers: [root.address], publicKey: key.publicKey }
    const client = clientOf({ start })
    expect(await outcome(client, 'certified 88.1/x')).toBe('found')
    expect(await outcome(client, '88.1/x', { isCertified: true })).toBe('signature-invalid')
  })

  test('by what nobody has signed is not followed by a look-up that is certified', async () => {
    const key = generateKeyPairSync('ed25519')
    const child = await changing((request) => signedBy(key.privateKey, valuesTo(request, [url])))
    const octets = siteOctets({ addresses: [child.address], publicKey: key.publicKey })
    const parent = await changing((request) => referral(request, [value(1, 'HS_SITE', octets)]))
    const start = { kind: 'servers' as const, servers: [parent.address], publicKey: key.publicKey }
    const client = clientOf({ start })
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    expect(await outcome(client, '88.1.2/a', { isCertified: true })).toBe('signature-invalid')
    expect(child.requests.length).toBe(1)
  })

  test('is told to whoever follows none, and not asked by him', async () => {
    const { client } = await referring()
    expect(await outcome(client, '88.1.2/a')).toBe('found')
    expect(await outcome(client, '88.1.2/a', { follows: false })).toBe('referral')
  })
})
