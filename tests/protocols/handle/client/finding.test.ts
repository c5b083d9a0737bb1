/** The way to the responsible server: prefixes at a root, services, referrals, other servers and transports; and where it must end. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../../../src/platform/free-port.js'
import type { HandleValue } from '../../../../src/protocols/handle/codec-value.js'
import { OP, RC } from '../../../../src/protocols/handle/codes.js'
import { serverPlace } from '../../../../src/protocols/handle/site-hash.js'
import { decodeSite } from '../../../../src/record/value-types/hs-site.js'
import { mustDecode } from '../whole-messages.js'
import { clientAt, clientOf, started } from './closing.js'
import { answerTo, handleIn, refusalTo, signedBy, siteOctets, value, valuesTo } from './replies.js'
import { httpServer, type Script, type ScriptedServer, tcpServer, udpServer } from './scripted-server.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])

/** A server of records by handle; others are not found. */
function holding(records: Readonly<Record<string, readonly HandleValue[]>>): Script {
  return (request) => {
    const values = records[handleIn(request).toLowerCase()]
    const { body } = mustDecode(request)
    if (values === undefined) return refusalTo(request, RC.handleNotFound)
    const types = body.kind === 'query' ? body.types : []
    return valuesTo(request, types.length === 0 ? values : values.filter(({ type }) => types.includes(type)))
  }
}

const referral = (
  request: Buffer,
  handle: string,
  values: readonly HandleValue[] = [],
  responseCode: number = RC.prefixReferral,
) => answerTo(request, { kind: 'referral', handle, values }, { header: { responseCode } })

const site = (server: ScriptedServer, index = 1, type = 'HS_SITE') =>
  value(index, type, siteOctets({ addresses: [server.address] }))
const handlesAsked = ({ requests }: ScriptedServer) => requests.map(handleIn)

async function rooted(script: Script, limits = {}) {
  const root = await started(udpServer(script))
  return { root, client: clientOf({ start: { kind: 'root', servers: [root.address] }, limits }) }
}

describe('with a root', () => {
  test('a prefix is looked up there, once for many handles, and its site is asked', async () => {
    const node = await started(tcpServer(right))
    const { root, client } = await rooted(holding({ '0.na/88.1': [site(node)] }))
    for (const handle of ['88.1/a', '88.1/b', '88.1/c'])
      expect(await client.resolve(handle)).toMatchObject({ kind: 'found', handle })
    expect(handlesAsked(root)).toEqual(['0.NA/88.1'])
    expect(handlesAsked(node)).toEqual(['88.1/a', '88.1/b', '88.1/c'])
    const { body } = mustDecode(root.requests[0]!)
    expect(body).toMatchObject({ types: ['HS_SITE', 'HS_SITE.6', 'HS_SERV', 'HS_NAMESPACE'] })
  })

  test('a prefix may name a service, and that another, whose site it is', async () => {
    const node = await started(tcpServer(right))
    const { root, client } = await rooted(
      holding({
        '0.na/88.1': [value(1, 'HS_SERV', '0.SERV/one')],
        '0.serv/one': [value(1, 'HS_SERV', '0.SERV/two')],
        '0.serv/two': [site(node, 1, 'HS_SITE.6')],
      }),
    )
    expect(await client.resolve('88.1/x')).toMatchObject({ kind: 'found' })
    expect(handlesAsked(root)).toEqual(['0.NA/88.1', '0.SERV/one', '0.SERV/two'])
  })

  test('services that name each other are a circle', async () => {
    const { client } = await rooted(
      holding({ '0.na/88.1': [value(1, 'HS_SERV', '0.SERV/a')], '0.serv/a': [value(1, 'HS_SERV', '0.NA/88.1')] }),
    )
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ reason: 'referral-loop' })
  })

  test('a prefix that the root does not know has nobody, which is no "not found"', async () => {
    const { client } = await rooted(holding({ '0.na/88.2': [url] }))
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({
      reason: 'nobody-responsible',
      code: 'prefix-not-served',
    })
    await expect(client.resolve('88.2/x')).rejects.toMatchObject({ reason: 'nobody-responsible' })
  })

  test('prefixes themselves are asked for at the root, which may refer below', async () => {
    const node = await started(tcpServer(holding({ '0.na/88.1.2': [url] })))
    const { root, client } = await rooted((request) => referral(request, '', [site(node, 1, 'HS_SITE.PREFIX')]))
    expect(await client.resolve('0.NA/88.1.2')).toMatchObject({ kind: 'found', values: [url] })
    expect([root.requests.length, node.requests.length]).toEqual([1, 1])
  })

  test('of a site’s servers the one that the hash says is asked, and for lists all of them', async () => {
    const script: Script = (request) =>
      mustDecode(request).header.opCode === OP.listHandles
        ? answerTo(request, { kind: 'handles', handles: [`88.1/at-${request.readUInt32BE(8)}`] })
        : valuesTo(request, [url])
    const nodes = [await started(tcpServer(script)), await started(tcpServer(script)), await started(tcpServer(script))]
    const octets = siteOctets({ addresses: nodes.map(({ address }) => address) })
    const { client } = await rooted(holding({ '0.na/88.1': [value(1, 'HS_SITE', octets)] }))
    const handles = Array.from({ length: 12 }, (_, place) => `88.1/${place}`)
    for (const handle of handles) await client.resolve(handle)
    const { hashOption } = (decodeSite(octets) as { value: { hashOption: number } }).value
    for (const [place, node] of nodes.entries())
      expect(handlesAsked(node)).toEqual(handles.filter((handle) => serverPlace(handle, hashOption, 3) === place))
    const listed: string[] = []
    for await (const handle of client.listHandles('0.NA/88.1')) listed.push(handle)
    expect(listed.length).toBe(3)
  })

  test('changes go to the primary site only, and never by UDP', async () => {
    const [mirror, primary, udp] = [
      await started(tcpServer(right)),
      await started(tcpServer((request) => answerTo(request, { kind: 'empty' }))),
      await started(udpServer(right)),
    ]
    const { client } = await rooted(
      holding({
        '0.na/88.1': [
          value(1, 'HS_SITE', siteOctets({ addresses: [mirror.address], flags: 0 })),
          value(2, 'HS_SITE', siteOctets({ addresses: [primary.address] })),
        ],
        '0.na/88.2': [value(1, 'HS_SITE', siteOctets({ addresses: [udp.address] }))],
      }),
    )
    await client.delete('88.1/x')
    expect([mirror.requests.length, primary.requests.length]).toEqual([0, 1])
    await expect(client.delete('88.2/x')).rejects.toMatchObject({ reason: 'nobody-responsible' })
    expect(await client.resolve('88.2/x')).toMatchObject({ kind: 'found' })
  })

  test('a certified look-up verifies every step with the key of the step before', async () => {
    const [rootKey, nodeKey] = [generateKeyPairSync('rsa', { modulusLength: 2048 }), generateKeyPairSync('ed25519')]
    const forging = { isOn: false }
    const node = await started(
      tcpServer((request) => {
        const answer = valuesTo(request, [url])
        return forging.isOn ? signedBy(rootKey.privateKey, answer) : signedBy(nodeKey.privateKey, answer)
      }),
    )
    const octets = siteOctets({ addresses: [node.address], publicKey: nodeKey.publicKey })
    const root = await started(
      udpServer((request) => signedBy(rootKey.privateKey, valuesTo(request, [value(1, 'HS_SITE', octets)]))),
    )
    const start = { kind: 'root' as const, servers: [root.address], publicKey: rootKey.publicKey }
    const client = clientOf({ start })
    expect(await client.resolve('88.1/x', { isCertified: true })).toMatchObject({ kind: 'found' })
    forging.isOn = true
    await expect(client.resolve('88.1/x', { isCertified: true })).rejects.toMatchObject({ reason: 'signature-invalid' })
    const wrong = { ...start, publicKey: nodeKey.publicKey }
    await expect(clientOf({ start: wrong }).resolve('88.1/x', { isCertified: true })).rejects.toMatchObject({
      reason: 'signature-invalid',
    })
  })

  test('what was found uncertified is not believed by a look-up that is certified', async () => {
    const [rootKey, nodeKey] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
    const node = await started(tcpServer((request) => signedBy(nodeKey.privateKey, valuesTo(request, [url]))))
    const octets = siteOctets({ addresses: [node.address], publicKey: nodeKey.publicKey })
    const root = await started(udpServer((request) => valuesTo(request, [value(1, 'HS_SITE', octets)])))
    const client = clientOf({ start: { kind: 'root', servers: [root.address], publicKey: rootKey.publicKey } })
    expect(await client.resolve('88.1/x')).toMatchObject({ kind: 'found' })
    await expect(client.resolve('88.1/x', { isCertified: true })).rejects.toMatchObject({ reason: 'signature-invalid' })
    const careful = clientOf({
      start: { kind: 'root', servers: [root.address], publicKey: rootKey.publicKey },
      isCertified: true,
    })
    await expect(careful.delete('88.1/x')).rejects.toMatchObject({ reason: 'signature-invalid' })
    expect(node.requests.length).toBe(1)
  })

  test('a root that answers for another prefix is not believed', async () => {
    const node = await started(tcpServer(right))
    const { client } = await rooted((request) =>
      answerTo(request, { kind: 'handle-values', handle: '0.NA/88.2', values: [site(node)] }),
    )
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ reason: 'invalid-answer' })
    expect(node.requests.length).toBe(0)
  })

  test('a site is asked for again when its time is over, however often it was of use', async () => {
    const node = await started(tcpServer(right))
    const { root, client } = await rooted(holding({ '0.na/88.1': [site(node)] }), { maxSiteAgeMs: 300 })
    const until = performance.now() + 30_000
    while (root.requests.length < 3 && performance.now() < until) await client.resolve('88.1/x')
    expect(root.requests.length).toBe(3)
    expect(node.requests.length).toBeGreaterThan(3)
  })
})

describe('referrals', () => {
  test.each([RC.serviceReferral, RC.prefixReferral])('%i leads to the sites that it holds', async (code) => {
    const node = await started(tcpServer(right))
    const first = await started(udpServer((request) => referral(request, '', [site(node)], code)))
    expect(await clientAt(first.address).resolve('88.1/x')).toMatchObject({
      kind: 'found',
      server: { address: node.address },
    })
  })

  test('lead by a handle to the sites of its record', async () => {
    const node = await started(tcpServer(right))
    const records = holding({ '0.serv/s': [site(node)] })
    const first = await started(
      udpServer((request, place, send) =>
        handleIn(request) === '88.1/x' ? referral(request, '0.SERV/s') : records(request, place, send),
      ),
    )
    expect(await clientAt(first.address).resolve('88.1/x')).toMatchObject({ kind: 'found' })
  })

  test('are an answer to whoever does not follow them, and servers are told so', async () => {
    const first = await started(udpServer((request) => referral(request, '0.SERV/s')))
    const answer = await clientAt(first.address).resolve('88.1/x', { follows: false })
    expect(answer).toMatchObject({ kind: 'referral', handle: '0.SERV/s' })
    expect(mustDecode(first.requests[0]!).header.opFlags & 0x0010_0000).not.toBe(0)
  })

  test('to nowhere are a fault', async () => {
    const first = await started(udpServer((request) => referral(request, '', [value(1, 'HS_SITE', 'no site'), url])))
    await expect(clientAt(first.address).resolve('88.1/x')).rejects.toMatchObject({
      reason: 'invalid-answer',
      message: expect.stringContaining('nowhere'),
    })
  })

  test('in a circle end', async () => {
    const first: ScriptedServer = await started(udpServer((request) => referral(request, '', [site(second)])))
    const second: ScriptedServer = await started(udpServer((request) => referral(request, '', [site(first)])))
    await expect(clientAt(first.address).resolve('88.1/x')).rejects.toMatchObject({ reason: 'referral-loop' })
    expect(first.requests.length + second.requests.length).toBeLessThan(6)
  })

  test('that always lead on end after so many', async () => {
    let hops = 0
    // Each names another site: the same server under ever another first address.
    const first: ScriptedServer = await started(
      tcpServer((request) => {
        const elsewhere = { transport: 'tcp' as const, host: '127.0.0.1', port: first.address.port }
        const octets = siteOctets({ addresses: [{ ...elsewhere, host: `127.1.${hops++}.1` }] })
        return referral(request, '', [value(1, 'HS_SITE', octets)])
      }, '0.0.0.0'),
    )
    const client = clientAt(first.address, { limits: { maxHops: 7 } })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ reason: 'too-many-hops' })
    expect(hops).toBe(8)
  })

  test('to addresses that the guard forbids are not followed', async () => {
    const node = await started(tcpServer(right))
    const first = await started(udpServer((request) => referral(request, '', [site(node)])))
    const seen: unknown[] = []
    const client = clientAt(first.address, {
      guard: (address) => {
        seen.push(address)
        return 'it is on this machine'
      },
    })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({
      reason: 'address-forbidden',
      code: 'not-permitted',
      message: expect.stringContaining('it is on this machine'),
    })
    expect(seen).toEqual([node.address])
    expect(node.requests.length).toBe(0)
  })
})

describe('site information that is out of date', () => {
  test('is fetched anew, and the request sent once more', async () => {
    const script: Script = (request) => {
      const { header } = mustDecode(request)
      if (header.opCode === OP.getSiteInfo)
        return answerTo(request, { kind: 'site', octets: siteOctets({ addresses: [server.address], serial: 7 }) })
      return header.siteSerial === 7 ? valuesTo(request, [url]) : refusalTo(request, RC.outOfDateSite)
    }
    const server: ScriptedServer = await started(tcpServer(script))
    const known = decodeSite(siteOctets({ addresses: [server.address], serial: 3 }))
    if (!known.ok) throw new Error(known.message)
    expect(await clientOf({ start: { kind: 'site', site: known.value } }).resolve('88.1/x')).toMatchObject({
      kind: 'found',
    })
    expect(await clientAt(server.address).resolve('88.1/x')).toMatchObject({ kind: 'found' })
  })

  test('is not fetched again and again', async () => {
    const server: ScriptedServer = await started(
      tcpServer((request) =>
        mustDecode(request).header.opCode === OP.getSiteInfo
          ? answerTo(request, { kind: 'site', octets: siteOctets({ addresses: [server.address] }) })
          : refusalTo(request, RC.outOfDateSite),
      ),
    )
    await expect(clientAt(server.address).resolve('88.1/x')).rejects.toMatchObject({ responseCode: RC.outOfDateSite })
    expect(server.requests.length).toBe(3)
  })
})

describe('of several ways to ask', () => {
  const limits = { udpRetryMs: [100] }

  test('the next is taken when one is silent, away, busy, or lies', async () => {
    const silent = await started(udpServer(() => undefined))
    const busy = await started(tcpServer((request) => refusalTo(request, RC.tooBusy)))
    const liar = await started(httpServer((request) => valuesTo(request, [url], { header: { opCode: 7 } })))
    const good = await started(tcpServer(right))
    const away = { transport: 'tcp' as const, host: '127.0.0.1', port: await freePort() }
    const servers = [silent.address, away, busy.address, liar.address, good.address]
    const client = clientOf({ start: { kind: 'servers', servers }, limits })
    expect(await client.resolve('88.1/x')).toMatchObject({ kind: 'found', server: { address: good.address } })
    for (const { requests } of [silent, busy, liar, good]) expect(requests.length).toBe(1)
  })

  test('a refusal is the answer, and nobody else is asked', async () => {
    const first = await started(tcpServer((request) => refusalTo(request, RC.notResponsible)))
    const second = await started(tcpServer(right))
    const client = clientOf({ start: { kind: 'servers', servers: [first.address, second.address] } })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ responseCode: RC.notResponsible })
    expect(second.requests.length).toBe(0)
  })

  test('a change that may have been made is not asked for again elsewhere', async () => {
    const cut = await started(tcpServer(() => ({ messages: [], closes: true })))
    const away = { transport: 'tcp' as const, host: '127.0.0.1', port: await freePort() }
    const good = await started(tcpServer((request) => answerTo(request, { kind: 'empty' })))
    const from = (...servers: ScriptedServer['address'][]) => clientOf({ start: { kind: 'servers', servers }, limits })
    await from(away, good.address).delete('88.1/x')
    await expect(from(cut.address, good.address).delete('88.1/x')).rejects.toMatchObject({ reason: 'cut-off' })
    expect(good.requests.length).toBe(1)
  })

  test('that all fail, a lie is told of rather than an absence', async () => {
    const liar = await started(tcpServer((request) => valuesTo(request, [url], { header: { opCode: 7 } })))
    const away = { transport: 'tcp' as const, host: '127.0.0.1', port: await freePort() }
    const client = clientOf({ start: { kind: 'servers', servers: [away, liar.address, away] } })
    await expect(client.resolve('88.1/x')).rejects.toMatchObject({ reason: 'invalid-answer' })
  })

  test('the time of the whole call is kept', async () => {
    const silent = [await started(udpServer(() => undefined)), await started(udpServer(() => undefined))]
    const servers = [0, 1, 0, 1, 0, 1].map((place) => silent[place]!.address)
    const client = clientOf({ start: { kind: 'servers', servers }, limits: { udpRetryMs: [10_000] } })
    await expect(client.resolve('88.1/x', { timeoutMs: 2_000 })).rejects.toMatchObject({ reason: 'timed-out' })
    expect(silent[0]!.requests.length + silent[1]!.requests.length).toBe(1)
  })

  test('what a timer that ends early leaves of that time is time for nobody', async () => {
    const silent = await started(udpServer(() => undefined))
    const client = clientOf({ start: { kind: 'servers', servers: [silent.address] } })
    await expect(client.resolve('88.1/x', { timeoutMs: 0.9 })).rejects.toMatchObject({ reason: 'timed-out' })
    expect(silent.requests.length).toBe(0)
  })
})
