/**
 * A Redis of the node's own, memory only, for when no other is given and a redis-server is on PATH. It keeps nothing that
 * is not in the database too.
 *
 * It listens on a socket in `<data folder>/redis`, a folder closed to other accounts; where that path is too long for a
 * socket, on 127.0.0.1 with a random password. Its process-id file is named for the node that started it: a server whose
 * parent is no longer that node is an orphan of a killed one, and is ended.
 */
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { type ServerSpec, type SystemUser, startServer, unprivilegedUser } from './child-server.js'
import { commandPath } from './config.js'
import { messageOf, NodeError } from './errors.js'
import { freePort } from './free-port.js'
import { findProcess } from './process-facts.js'

export interface PrivateRedisOptions {
  readonly dataFolder: string
  readonly log?: (line: string) => void
  /** Where redis-server is looked for. Default: PATH. */
  readonly searchPath?: string
}

export interface PrivateRedis {
  readonly url: string
  /** Process id of the server now; undefined while it is being started again. */
  pid(): number | undefined
  stop(): Promise<void>
}

/** A socket's path may have 107 bytes on Linux, 103 on macOS (unix(7), unix(4)). */
const MAX_SOCKET_PATH_BYTES = 103
const READY_WITHIN_MS = 10_000
const STOP_STEP_MS = 2_000
const PID_FILE = /^(\d+)\.pid$/

/** undefined: there is no redis-server. @throws NodeError `internal` when there is one and it does not start. */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis | undefined> {
  const searchPath = options.searchPath ?? commandPath()
  const program = await findProgram('redis-server', searchPath)
  if (program === undefined || process.platform === 'win32') return undefined
  const { folder, user } = await openFolder(options.dataFolder)
  await endOrphans(folder)
  const address = await chooseAddress(folder)
  const server = await startServer(serverSpec({ ...options, program, folder, user, address }))
  return {
    url: address.url,
    pid: server.pid,
    stop: async () => {
      await server.stop()
      for (const name of [pidFileOf(process.pid), socketOf(process.pid)])
        await rm(path.join(folder, name), { force: true })
    },
  }
}

async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(path.delimiter)) {
    const file = path.join(folder, name)
    if (folder !== '' && (await stat(file).catch(() => undefined))?.isFile()) return file
  }
  return undefined
}

async function openFolder(dataFolder: string): Promise<{ folder: string; user: SystemUser | undefined }> {
  const folder = path.join(path.resolve(dataFolder), 'redis')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const user = unprivilegedUser()
    if (user) await chown(folder, user.uid, user.gid)
    return { folder: realpathSync(folder), user }
  } catch (error) {
    throw new NodeError(
      'internal',
      `Cannot use the data folder ${folder}: ${messageOf(error)}. Set JIEXI_DATA to a folder that this account can write.`,
      { cause: error },
    )
  }
}

async function endOrphans(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = Number(PID_FILE.exec(name)?.[1])
    if (Number.isNaN(owner)) continue
    const pid = Number.parseInt(await readFile(path.join(folder, name), 'utf8').catch(() => ''), 10)
    const facts = findProcess(pid)
    const isServerHere = facts?.command.includes('redis-server') && (facts.folder ?? folder) === folder
    if (facts && isServerHere && facts.parentPid === owner) continue
    // It holds nothing that would be lost.
    if (isServerHere) process.kill(pid, 'SIGKILL')
    for (const left of [name, socketOf(owner)]) await rm(path.join(folder, left), { force: true })
  }
}

interface Address {
  readonly url: string
  readonly settings: Readonly<Record<string, string>>
}

async function chooseAddress(folder: string): Promise<Address> {
  const socket = path.join(folder, socketOf(process.pid))
  if (Buffer.byteLength(socket) <= MAX_SOCKET_PATH_BYTES) {
    const url = `unix://${socket.split('/').map(encodeURIComponent).join('/')}`
    return { url, settings: { port: '0', unixsocket: socketOf(process.pid), unixsocketperm: '700' } }
  }
  const [port, password] = [await freePort(), randomBytes(24).toString('base64url')]
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    settings: { port: String(port), bind: '127.0.0.1', requirepass: password },
  }
}

interface Start extends PrivateRedisOptions {
  readonly program: string
  readonly folder: string
  readonly user: SystemUser | undefined
  readonly address: Address
}

function serverSpec({ program, folder, user, address, log }: Start): ServerSpec {
  const settings: Readonly<Record<string, string>> = {
    ...address.settings,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    databases: '1',
    maxmemory: '256mb',
    'maxmemory-policy': 'allkeys-lru',
    'lazyfree-lazy-eviction': 'yes',
    logfile: '',
    // The words that tell it is ready are a notice.
    loglevel: 'notice',
    // Relative: its account may be unable to see the folders above.
    pidfile: pidFileOf(process.pid),
  }
  return {
    name: 'redis-server',
    program,
    args: ['-'],
    folder,
    user,
    input: Object.entries(settings)
      .map(([name, value]) => `${name} ${JSON.stringify(value)}\n`)
      .join(''),
    readyLine: /ready to accept connections/i,
    readyWithinMs: READY_WITHIN_MS,
    stopSignals: ['SIGTERM', 'SIGKILL'],
    stopStepMs: STOP_STEP_MS,
    log,
  }
}

function pidFileOf(owner: number): string {
  return `${owner}.pid`
}

function socketOf(owner: number): string {
  return `${owner}.sock`
}
