/** What probes of the servers of self-built prefixes tell, of servers on real sockets. */
import { expect, test, vi } from 'vitest'
import { isWrongAnswer, type NodeProbe, type Probed } from '../../src/federation/probed.js'
import { answerTo, refusalTo, siteOctets } from '../protocols/handle/client/replies.js'
import { type Script, tcpServer } from '../protocols/handle/client/scripted-server.js'
import { cleanUps, looking } from './set-up.js'

async function server(script: Script) {
  const made = await tcpServer(script)
  cleanUps.push(() => made.close())
  return made.address
}

const right = () => server((request) => answerTo(request, { kind: 'site', octets: SITE }))
const SITE = siteOctets({ addresses: [{ transport: 'tcp', host: '127.0.0.1', port: 2641 }] })

async function closed() {
  const made = await tcpServer(() => undefined)
  await made.close()
  return made.address
}

type Address = Awaited<ReturnType<typeof server>>

/** Probes of each prefix at its sites, a server each. */
function probing(services: Readonly<Record<string, readonly Address[]>>, allowed = Object.keys(services)) {
  const probes: NodeProbe[] = []
  const looks = looking(
    {
      JIEXI_PROBE_SECONDS: '1',
      JIEXI_PEER_NETWORKS: allowed
        .flatMap((prefix) => services[prefix]!.map(({ port }) => `${prefix}=127.0.0.1:${port}`))
        .join(','),
    },
    { onProbed: (probe) => void probes.push(probe) },
  )
  for (const [prefix, addresses] of Object.entries(services)) {
    const sites = addresses.map((address) => siteOctets({ addresses: [address] }))
    looks.routes.set(prefix, {
      prefix,
      state: 'active',
      selfBuilt: { service: { handle: '', sites }, version: 1 },
    })
  }
  looks.others.start()
  const of = (name: string) => probes.filter(({ prefix }) => prefix === name).map(({ probed }) => probed)
  /** A probe of that kind. A busy machine may lose one. */
  const until = (name: string, isIt: (probed: Probed) => boolean) =>
    vi.waitUntil(() => of(name).find(isIt), { timeout: 30_000, interval: 20 })
  return { ...looks, of, until }
}

const isUp = (probed: Probed) => probed.isUp
const isWrong = (probed: Probed) => !probed.isUp && isWrongAnswer(probed.error)
const isSilent = (probed: Probed) => !probed.isUp && !isWrongAnswer(probed.error)

test('a server that answers is told with the time it took, one that does not with why', async () => {
  const { until, of, others } = probing({
    '88.118.1': [await right()],
    '88.118.2': [await closed()],
    '88.118.3': [await server((request) => refusalTo(request, 2, 'broken'))],
  })
  expect(await until('88.118.1', isUp)).toEqual({ isUp: true, tookMs: expect.any(Number) })
  await until('88.118.3', isWrong)
  await until('88.118.2', isSilent)
  // Left alone by look-ups after three failures: probes go on.
  await vi.waitUntil(() => of('88.118.2').length >= 5, { timeout: 30_000 })
  expect(of('88.118.2').filter(isSilent)).toEqual(of('88.118.2'))
  expect(others.peers().find(({ prefixes }) => prefixes.includes('88.118.2'))).toMatchObject({ refused: 0 })
}, 60_000)

test('a service is there as long as one of its sites is', async () => {
  const { until } = probing({
    '88.118.1': [await closed(), await right()],
    '88.118.2': [await closed(), await closed()],
  })
  await until('88.118.1', isUp)
  await until('88.118.2', isSilent)
}, 60_000)

test('a server that this node must not ask is not told to be away', async () => {
  const { of } = probing({ '88.118.1': [await right()], '88.118.2': [await right()] }, ['88.118.1'])
  await vi.waitUntil(() => of('88.118.1').length >= 3, { timeout: 30_000 })
  expect(of('88.118.2')).toEqual([])
}, 60_000)
