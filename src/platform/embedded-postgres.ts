/**
 * A PostgreSQL server of the node's own, for when no other is given: real PostgreSQL from npm, its data in
 * `<data folder>/postgres`. It listens on 127.0.0.1 alone, on a free port, and asks for a random password.
 *
 * Whose server is it? Its command line names the node that started it (`cluster_name`). While that node is its parent
 * it is taken; when the node was killed, it is an orphan: it is stopped, and a new one started over the same data.
 */
import { execFile } from 'node:child_process'
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ChildServer, type ServerSpec, startServer } from './child-server.js'
import { NodeError } from './errors.js'
import { freePort } from './free-port.js'
import { type Cluster, clusterFolder, handOver, openClusterFolder, prepareCluster, ROLE } from './postgres-cluster.js'
import { findProcess, isAlive } from './process-facts.js'

export interface EmbeddedPostgresOptions {
  readonly dataFolder: string
  readonly log?: (line: string) => void
  /** Replace the settings below. `fsync: 'off'` also makes a cluster without waiting for the disk: for tests. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface EmbeddedPostgres {
  readonly url: string
  readonly version: string
  /** Process id of the server now; undefined while it is being started again. */
  pid(): number | undefined
  stop(): Promise<void>
}

const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  maintenance_work_mem: '128MB',
  // Room for a bulk import between checkpoints.
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  synchronous_commit: 'on',
  fsync: 'on',
  // Every statement of ours is short: compiling it takes longer than running it.
  jit: 'off',
  random_page_cost: '1.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // The server says when it is ready in words that startServer looks for.
  lc_messages: 'C',
  logging_collector: 'off',
}

const OWNER = 'jiexi-node-'
const READY_WITHIN_MS = 300_000
const STOP_STEP_MS = 15_000
const ORPHAN_POLL_MS = 10
const RETRY_FOR_MS = 10_000
const RETRY_MS = 200

/** @throws NodeError `already-exists` when a living node uses the folder, `internal` when PostgreSQL does not start. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const settings = { ...SETTINGS, ...options.settings }
  const cluster = await openClusterFolder(options.dataFolder)
  await stopOrphan(options.dataFolder)
  const password = await prepareCluster(cluster, settings.fsync !== 'off')
  const { server, port } = await startOnFreePort(cluster, { settings, log: options.log })
  return {
    url: `postgres://${ROLE}:${password}@127.0.0.1:${port}/postgres`,
    version: cluster.binaries.version,
    pid: server.pid,
    stop: async () => {
      // Windows knows no signals: this asks the server through a channel of its own.
      if (process.platform === 'win32') await stopByPgCtl(cluster).catch(() => undefined)
      await server.stop()
    },
  }
}

interface Start {
  readonly settings: Readonly<Record<string, string>>
  readonly log: ((line: string) => void) | undefined
}

/** Tries again for a while: the port may be taken meanwhile, and processes of a killed server take a moment to go. */
async function startOnFreePort(cluster: Cluster, start: Start): Promise<{ server: ChildServer; port: number }> {
  const giveUpAtMs = performance.now() + RETRY_FOR_MS
  for (;;) {
    const port = await freePort()
    try {
      return { port, server: await startServer(serverSpec(cluster, port, start)) }
    } catch (error) {
      requireFree(cluster.folder)
      if (performance.now() > giveUpAtMs) throw error
      await delay(RETRY_MS)
    }
  }
}

function serverSpec(cluster: Cluster, port: number, start: Start): ServerSpec {
  const { seenAs, openFolder } = handOver(cluster)
  const settings = { ...start.settings, port: String(port), cluster_name: `${OWNER}${process.pid}` }
  return {
    name: 'PostgreSQL',
    program: cluster.binaries.postgres,
    args: [
      '-D',
      `${seenAs}/cluster`,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    user: cluster.user,
    openFolder,
    readyLine: /database system is ready to accept connections/,
    readyWithinMs: READY_WITHIN_MS,
    // Fast, then immediate (recovers at the next start), then none.
    stopSignals: ['SIGINT', 'SIGQUIT', 'SIGKILL'],
    stopStepMs: STOP_STEP_MS,
    log: start.log,
  }
}

/** The server that runs on this folder, and the node that owns it if that node still lives. */
function findServer(folder: string): { pid: number; owner: number | undefined } | undefined {
  const cluster = path.join(folder, 'cluster')
  const pid = lockPid(folder)
  const facts = findProcess(pid)
  if (!facts?.command.includes('postgres')) return undefined
  if (facts.folder !== undefined ? facts.folder !== cluster : !facts.command.includes(cluster)) return undefined
  const named = Number(new RegExp(`${OWNER}(\\d+)`).exec(facts.command)?.[1])
  return { pid, owner: named === facts.parentPid ? named : undefined }
}

function requireFree(folder: string): void {
  const owner = findServer(folder)?.owner
  if (owner === undefined) return
  throw new NodeError(
    'already-exists',
    `Another node (process ${owner}) runs on the data folder ${path.dirname(folder)}. Stop it, or give this one a folder of its own with JIEXI_DATA.`,
  )
}

/** Ends the server of a node that was killed. What it had acknowledged is on disk; the next server recovers from that. */
export async function stopOrphan(dataFolder: string): Promise<void> {
  const folder = realpathSync(clusterFolder(dataFolder))
  requireFree(folder)
  dropForeignLock(folder)
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    const server = findServer(folder)
    if (server === undefined) return
    process.kill(server.pid, signal)
    const giveUpAtMs = performance.now() + STOP_STEP_MS
    while (isAlive(server.pid) && performance.now() < giveUpAtMs) await delay(ORPHAN_POLL_MS)
  }
}

/** After a restart of the machine the number in the lock file may be some other process's: PostgreSQL would not start. */
function dropForeignLock(folder: string): void {
  const pid = lockPid(folder)
  const facts = findProcess(pid)
  if (facts?.folder !== undefined && findServer(folder) === undefined) rmSync(lockFile(folder), { force: true })
}

function lockFile(folder: string): string {
  return path.join(folder, 'cluster', 'postmaster.pid')
}

/** NaN when there is none. */
function lockPid(folder: string): number {
  try {
    return Number.parseInt(readFileSync(lockFile(folder), 'utf8'), 10)
  } catch {
    return Number.NaN
  }
}

async function stopByPgCtl({ folder, binaries }: Cluster): Promise<void> {
  await promisify(execFile)(binaries.pgCtl, ['stop', '-m', 'fast', '-w', '-D', path.join(folder, 'cluster')])
}
