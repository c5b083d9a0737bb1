/** The fault lab: a real Postgres, two real Redis servers, three real nodes behind proxies, and an enterprise that writes. */
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { type NodeProcess, nodeProcess } from './node-process.js'
import { type PostgresServer, startPostgres } from './postgres-server.js'
import type { Random } from './random.js'
import { type RedisPair, startRedisPair } from './redis-pair.js'

export interface Lab {
  readonly postgres: PostgresServer
  readonly redis: RedisPair
  readonly nodes: readonly NodeProcess[]
  readonly apiKey: string
  readonly random: Random
  stop(): Promise<void>
}

export const NODES = 3
export const PREFIX = '88.300.1'
export const IMPORT_PREFIX = '88.300.2'
/** Of what is written over and over while bulk loads come in. */
export const REWRITTEN_PREFIX = '88.300.3'
const ADMIN_KEY = 'administrator-of-the-fault-lab'
const ROOT = path.resolve(import.meta.dirname, '../..')

/** Whatever was started is stopped again when the rest does not start. */
export async function startLab(random: Random): Promise<Lab> {
  build()
  const closers: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    const postgres = await startPostgres()
    closers.push(postgres.stop)
    const redis = await startRedisPair()
    closers.push(redis.stop)
    const nodes: NodeProcess[] = []
    closers.push(() => Promise.all(nodes.map((node) => node.stop())))
    for (let at = 1; at <= NODES; at += 1) {
      nodes.push(
        await nodeProcess({
          name: `node${at}`,
          databaseUrl: postgres.url,
          redisSocketPath: redis.primary.socketPath,
          adminKey: ADMIN_KEY,
        }),
      )
    }
    await Promise.all(nodes.map((node) => node.start()))
    return { postgres, redis, nodes, random, apiKey: await makeEnterprise(nodes[0]!.port), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The nodes run what `npm run build` makes; what has not changed is not made again. */
function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
}

async function makeEnterprise(port: number): Promise<string> {
  const post = async (where: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}${where}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { apiKey?: string }
  }
  await post('/v1/enterprises', { id: 'storm', name: 'Storm' })
  for (const prefix of [PREFIX, IMPORT_PREFIX, REWRITTEN_PREFIX])
    await post('/v1/prefixes', { prefix, enterpriseId: 'storm' })
  const { apiKey } = await post('/v1/enterprises/storm/keys', { scopes: ['read', 'write'] })
  return apiKey!
}
