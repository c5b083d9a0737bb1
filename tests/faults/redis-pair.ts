/**
 * Two Redis servers: the primary, and one that took a copy of it some seconds ago and follows no longer. Failing over to
 * the second is a rollback: what was written since is gone, what was deleted since is back.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../src/platform/free-port.js'
import { type TestRedis, testRedis } from '../support/redis.js'
import { askRedis, type RespCommand, type RespReply } from './resp-line.js'

export interface RedisServer {
  readonly process: TestRedis
  readonly socketPath: string
  readonly port: number
  ask(...commands: readonly RespCommand[]): Promise<RespReply[]>
}

export interface RedisPair {
  readonly primary: RedisServer
  readonly replica: RedisServer
  /** The replica takes a new copy, if primary and replica are well. */
  refreshReplica(): Promise<void>
  /** They change places. */
  swap(): void
  stop(): Promise<void>
}

const COPY_WITHIN_MS = 2_000
const POLL_MS = 25

export async function startRedisPair(): Promise<RedisPair> {
  const servers = await Promise.all([startServer(), startServer()])
  let [primary, replica] = servers
  const endWithUs = () => {
    for (const server of servers) void server.process.signal('SIGKILL')
  }
  process.once('exit', endWithUs)
  return {
    get primary() {
      return primary
    },
    get replica() {
      return replica
    },
    refreshReplica: () => copy(primary, replica).catch(ignoreFault),
    swap() {
      ;[primary, replica] = [replica, primary]
    },
    stop: async () => {
      process.off('exit', endWithUs)
      await Promise.all(servers.map((server) => server.process.stop()))
    },
  }
}

async function startServer(): Promise<RedisServer> {
  const port = await freePort()
  const server = await testRedis({
    port: String(port),
    bind: '127.0.0.1',
    'repl-diskless-sync': 'yes',
    'repl-diskless-sync-delay': '0',
  })
  const socketPath = server.url.replace('unix://', '')
  return { process: server, socketPath, port, ask: (...commands) => askRedis(socketPath, commands) }
}

async function copy(from: RedisServer, to: RedisServer): Promise<void> {
  await to.ask(['REPLICAOF', '127.0.0.1', from.port])
  const giveUpAtMs = performance.now() + COPY_WITHIN_MS
  try {
    while (performance.now() < giveUpAtMs) {
      const [state] = await to.ask(['INFO', 'replication'])
      if (String(state).includes('master_link_status:up')) return
      await delay(POLL_MS)
    }
  } finally {
    await to.ask(['REPLICAOF', 'NO', 'ONE'])
  }
}

function ignoreFault(): void {
  // One of them is stopped, dead or full at the moment: the copy stays as old as it is.
}
