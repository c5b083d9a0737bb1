/**
 * A little country on one machine: each node a process, started as its users start it, with a database of its own.
 *
 *   national       top-level   knows whose prefixes are whose; holds 88.100 itself
 *   heilongjiang   secondary   88.118
 *   guangdong      secondary   88.119
 *   works          enterprise  88.119.7, which guangdong delegates to it
 *   recursive      recursive   holds nothing: it asks the national node who answers, and then those
 *
 * Nobody is told where the secondary nodes are: they say it themselves to the national node, with the changes they tell of.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Enterprise, makeEnterprise } from '../support/node.js'
import { freePorts, type RestartableNode, restartableNode } from '../support/restartable-node.js'

export type PlaceName = 'national' | 'heilongjiang' | 'guangdong' | 'works' | 'recursive'

export interface Place {
  readonly name: PlaceName
  readonly role: string
  readonly node: RestartableNode
  /** Who registers there; undefined: nobody can. */
  readonly holder?: Enterprise
}

export interface Country {
  readonly places: readonly Place[]
  end(): Promise<void>
}

export interface CountryOptions {
  /** Gives the address of a new, empty database. */
  readonly database: () => Promise<string>
  readonly say?: (line: string) => void
}

const PATIENCE_MS = 60_000

export async function startCountry(options: CountryOptions): Promise<Country> {
  const { say = () => undefined } = options
  const nodes = await allNodes(options)
  const { national, heilongjiang, guangdong, works, recursive } = nodes
  const end = async () => void (await Promise.all(Object.values(nodes).map(({ node }) => node.kill())))
  try {
    await national.start()
    const institute = await makeEnterprise(national.node, { id: 'institute', prefix: '88.100' })
    const keys = await Promise.all([
      makeEnterprise(national.node, { id: 'heilongjiang', prefix: '88.118' }),
      makeEnterprise(national.node, { id: 'guangdong', prefix: '88.119' }),
    ])
    say('The national node is up; the secondary nodes and the recursive one start.')
    await Promise.all([
      heilongjiang.start({ JIEXI_PARENT: addressesOf(national), JIEXI_PARENT_API_KEY: keys[0].apiKey }),
      guangdong.start({ JIEXI_PARENT: addressesOf(national), JIEXI_PARENT_API_KEY: keys[1].apiKey }),
      recursive.start({ JIEXI_PARENT: nativeAddressOf(national) }),
    ])
    const trader = await makeEnterprise(heilongjiang.node, { id: 'trader', prefix: '88.118.1' })
    const exporter = await makeEnterprise(guangdong.node, { id: 'exporter', prefix: '88.119.1' })
    const delegated = await makeEnterprise(guangdong.node, { id: 'works', prefix: '88.119.7' })
    await delegate(guangdong.node, '88.119.7', works.node.handlePort)
    say('The enterprise node starts.')
    await works.start({ JIEXI_PARENT: addressesOf(guangdong), JIEXI_PARENT_API_KEY: delegated.apiKey })
    const own = { prefix: '88.119.7', apiKey: await keyFor(works.node, 'own') }
    for (const prefix of ['88.118', '88.119']) await untilAnsweredElsewhere(national.node, prefix)
    return {
      places: [
        { ...national, holder: institute },
        { ...heilongjiang, holder: trader },
        { ...guangdong, holder: exporter },
        { ...works, holder: own },
        recursive,
      ],
      end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

interface Planned extends Omit<Place, 'holder'> {
  start(more?: Readonly<Record<string, string>>): Promise<void>
}

const ROLES: Readonly<Record<PlaceName, Readonly<Record<string, string>>>> = {
  national: { JIEXI_ROLE: 'top-level', JIEXI_NODE_PREFIX: '88' },
  heilongjiang: { JIEXI_ROLE: 'secondary', JIEXI_NODE_PREFIX: '88.118' },
  guangdong: { JIEXI_ROLE: 'secondary', JIEXI_NODE_PREFIX: '88.119' },
  works: { JIEXI_ROLE: 'enterprise', JIEXI_NODE_PREFIX: '88.119.7' },
  recursive: { JIEXI_ROLE: 'recursive' },
}

async function allNodes({ database }: CountryOptions): Promise<Readonly<Record<PlaceName, Planned>>> {
  const names = Object.keys(ROLES) as PlaceName[]
  const ports = await Promise.all(names.map(freePorts))
  const urls = await Promise.all(names.map(database))
  const peers = ['parent', '88.118', '88.119', '88.119.7']
  // All of them are on this machine, which no node would ask without being told that it may.
  const networks = peers.flatMap((peer) => ports.map(({ handlePort }) => `${peer}=127.0.0.1/32:${handlePort}`)).join()
  const planned = names.map((name, at): [PlaceName, Planned] => {
    const environment: Record<string, string> = {
      JIEXI_NODE_NAME: name,
      JIEXI_PEER_NETWORKS: networks,
      JIEXI_PROXIED_PREFIXES: 'all',
      JIEXI_PROBE_SECONDS: '5',
      JIEXI_MEMORY_CACHE_BYTES: '32MiB',
      ...ROLES[name],
    }
    const node = restartableNode({ ...ports[at]!, databaseUrl: urls[at]!, environment })
    const start = (more: Readonly<Record<string, string>> = {}) => {
      Object.assign(environment, more)
      return node.start()
    }
    return [name, { name, role: ROLES[name]['JIEXI_ROLE']!, node, start }]
  })
  return Object.fromEntries(planned) as Record<PlaceName, Planned>
}

function nativeAddressOf({ node }: Planned): string {
  return `tcp://127.0.0.1:${node.handlePort}`
}

/** To be asked by the native protocol, and told by the API. */
function addressesOf(planned: Planned): string {
  return `${nativeAddressOf(planned)},${planned.node.url}`
}

async function administer(node: RestartableNode, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(node.url + path, {
    method,
    headers: { authorization: `Bearer ${node.adminKey}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

async function delegate(node: RestartableNode, prefix: string, port: number): Promise<void> {
  await administer(node, 'PATCH', `/v1/prefixes/${prefix}?wait=visible`, {
    service: 'self-built',
    sites: [{ address: '127.0.0.1', port }],
  })
}

async function keyFor(node: RestartableNode, enterprise: string): Promise<string> {
  const issued = await administer(node, 'POST', `/v1/enterprises/${enterprise}/keys`, { scopes: ['read', 'write'] })
  return (issued as { apiKey: string }).apiKey
}

async function untilAnsweredElsewhere(node: RestartableNode, prefix: string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (performance.now() < deadlineMs) {
    const found = (await administer(node, 'GET', `/v1/prefixes/${prefix}`)) as { service: string }
    if (found.service === 'self-built') return
    await delay(100)
  }
  throw new Error(`${node.url} was not told within ${PATIENCE_MS / 1000} s where ${prefix} is answered.`)
}
