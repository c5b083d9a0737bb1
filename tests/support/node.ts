/** A whole node in this process, on a database of its own, over real HTTP. */
import { type RunningNode, startNode } from '../../src/app.js'
import { systemClock } from '../../src/platform/clock.js'
import { readConfig } from '../../src/platform/config.js'
import { logger } from '../../src/platform/logger.js'
import { openDatabase } from '../../src/platform/postgres.js'
import { testDatabase } from './database.js'

export interface TestNode extends RunningNode {
  readonly adminKey: string
  readonly databaseUrl: string
  /** What it logged so far, a line each. */
  readonly logLines: readonly string[]
  close(): Promise<void>
}

export interface TestNodeOptions {
  /** On top of, or instead of, the settings below. With `DATABASE_URL` that database is used and left alone. */
  readonly environment?: Readonly<Record<string, string>>
}

const ADMIN_KEY = 'administrator-of-the-tests'

export async function testNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const given = options.environment?.['DATABASE_URL']
  const database = given === undefined ? await testDatabase({ migrated: false }) : undefined
  const databaseUrl = given ?? database!.url
  const config = readConfig({
    PORT: '0',
    JIEXI_HANDLE_PORT: 'none',
    JIEXI_HANDLE_HTTP_PORT: 'none',
    DATABASE_URL: databaseUrl,
    REDIS_URL: 'none',
    JIEXI_ADMIN_KEY: ADMIN_KEY,
    JIEXI_MEMORY_CACHE_BYTES: '16MiB',
    JIEXI_DRAIN_SECONDS: '0',
    ...options.environment,
  })
  const logLines: string[] = []
  const log = logger({ level: 'debug', clock: systemClock, write: (lines) => logLines.push(...lines.split(/(?<=\n)/)) })
  const node = await startNode(config, log)
  return {
    ...node,
    adminKey: config.adminKey ?? ADMIN_KEY,
    databaseUrl,
    logLines,
    close: async () => {
      await node.stop()
      await database?.close()
    },
  }
}

/** Somewhere that requests can be sent to. */
type Addressed = Pick<RunningNode, 'url'>
type Administered = Addressed & Pick<TestNode, 'adminKey'>

export interface Enterprise {
  readonly apiKey: string
  readonly prefix: string
}

/** An enterprise with one prefix and one key. */
export async function makeEnterprise(node: Administered, name: { id: string; prefix: string }): Promise<Enterprise> {
  const post = async (path: string, body: unknown) => {
    const response = await fetch(node.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${node.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { apiKey?: string }
  }
  await post('/v1/enterprises', { id: name.id, name: name.id })
  await post('/v1/prefixes', { prefix: name.prefix, enterpriseId: name.id })
  const { apiKey } = await post(`/v1/enterprises/${name.id}/keys`, { scopes: ['read', 'write', 'keys'] })
  return { apiKey: apiKey!, prefix: name.prefix }
}

export function put(
  node: Addressed,
  apiKey: string,
  registration: { identifier: string; name: string; wait?: 'visible' },
): Promise<Response> {
  const query = registration.wait === undefined ? '' : `?wait=${registration.wait}`
  return fetch(`${node.url}/v1/identifiers/${registration.identifier}${query}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      template: 'part',
      attributes: { partNumber: registration.identifier.split('/')[1], name: registration.name },
    }),
  })
}

/** Parts with these identifiers, each named by its own. */
export async function registerMany(node: Addressed, apiKey: string, identifiers: readonly string[]): Promise<void> {
  const items = identifiers.map((identifier) => ({
    identifier,
    template: 'part',
    attributes: { partNumber: identifier.split('/')[1], name: identifier },
  }))
  const response = await fetch(`${node.url}/v1/identifiers:batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ items }),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
}

export function get(node: Addressed, identifier: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${node.url}/v1/identifiers/${identifier}`, { headers })
}

/** Of the node's database, behind its back. */
export async function inDatabase<Row extends object>(
  { databaseUrl }: Pick<TestNode, 'databaseUrl'>,
  sql: string,
): Promise<Row[]> {
  const db = openDatabase({ url: databaseUrl, maxConnections: 1, statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 })
  try {
    return await db.query<Row>(sql)
  } finally {
    await db.close()
  }
}
