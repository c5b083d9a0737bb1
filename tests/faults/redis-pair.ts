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
  /** The replica follows the primary while `work` lasts, then stands by itself again. @throws Error when it cannot */
  whileFollowing(work: () => Promise<unknown>): Promise<void>
  /** The primary takes over what the replica has, and refuses writes until `promote`. */
  demote(): Promise<void>
  promote(): Promise<void>
  /** They change places. */
  swap(): void
  stop(): Promise<void>
}

const COPY_WITHIN_MS = 2_000
const POLL_MS = 25
const STAND_ALONE: RespCommand = ['REPLICAOF', 'NO', 'ONE']

export async function startRedisPair(): Promise<RedisPair> {
  const servers = await Promise.all([startServer(), startServer()])
  let [primary, replica] = servers
  let isDemoted = false
  const inTurn = oneAtATime()
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
    // One of them may be stopped, dead or full at the moment: then the copy stays as old as it is.
    refreshReplica: () => inTurn(() => (isDemoted ? Promise.resolve() : following(replica, primary).catch(ignore))),
    whileFollowing: (work) => inTurn(() => following(replica, primary, work)),
    demote: () =>
      inTurn(async () => {
        isDemoted = true
        await primary.ask(['REPLICAOF', '127.0.0.1', replica.port])
      }),
    promote: () =>
      inTurn(async () => {
        await primary.ask(STAND_ALONE)
        isDemoted = false
      }),
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

/** Each would be in the other's way: a server that follows its own follower loses everything. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve()
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work)
    last = result.catch(ignore)
    return result
  }
}

async function following(
  follower: RedisServer,
  leader: RedisServer,
  work: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  await follower.ask(['REPLICAOF', '127.0.0.1', leader.port])
  try {
    await untilLinked(follower)
    await work()
  } finally {
    await follower.ask(STAND_ALONE)
  }
}

async function untilLinked(follower: RedisServer): Promise<void> {
  for (const giveUpAtMs = performance.now() + COPY_WITHIN_MS; ; await delay(POLL_MS)) {
    const [state] = await follower.ask(['INFO', 'replication'])
    if (String(state).includes('master_link_status:up')) return
    if (performance.now() > giveUpAtMs)
      throw new Error(`the replica of Redis has no copy after ${COPY_WITHIN_MS} ms:\n${state}`)
  }
}

function ignore(): void {
  // Whoever waits for it is told.
}
