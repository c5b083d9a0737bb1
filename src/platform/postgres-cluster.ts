/**
 * The files of the embedded PostgreSQL: `<data folder>/postgres/cluster` and, beside it, the password.
 *
 * Linux, started by root: the server runs as an account without rights (nobody), which may be unable to reach the data
 * folder. So the folder is handed over as an open descriptor, and the programs are told `/proc/self/fd/3`: following
 * that link asks for no right on the folders above. Elsewhere the path itself is used.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { access, chown, constants, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { runProgram, type SystemUser, unprivilegedUser } from './child-server.js'
import { messageOf, NodeError } from './errors.js'
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js'
import { isAlive } from './process-facts.js'

export interface Cluster {
  /** Holds the folder `cluster` and the file `password`. Free of symbolic links. */
  readonly folder: string
  readonly binaries: PostgresBinaries
  readonly user: SystemUser | undefined
}

export const ROLE = 'jiexi'

export function clusterFolder(dataFolder: string): string {
  return path.join(path.resolve(dataFolder), 'postgres')
}

/** The folder, made when it is missing, and the programs to run on it. */
export async function openClusterFolder(dataFolder: string): Promise<Cluster> {
  const wanted = clusterFolder(dataFolder)
  try {
    await mkdir(wanted, { recursive: true, mode: 0o700 })
    await access(wanted, constants.R_OK | constants.W_OK | constants.X_OK)
    const user = await ownerOf(wanted)
    const folder = realpathSync(wanted)
    await sweep(folder)
    return { folder, user, binaries: await findPostgresBinaries(user) }
  } catch (error) {
    if (error instanceof NodeError) throw error
    throw new NodeError(
      'internal',
      `Cannot use the data folder ${wanted}: ${messageOf(error)}. Set JIEXI_DATA to a folder that this account can write.`,
      { cause: error },
    )
  }
}

/** Started by root, the server runs as whoever owns the folder already; a new folder is given away first. */
async function ownerOf(folder: string): Promise<SystemUser | undefined> {
  const user = unprivilegedUser()
  if (!user) return undefined
  const { uid, gid } = await stat(folder)
  if (uid !== 0) return { uid, gid }
  await chown(folder, user.uid, user.gid)
  return user
}

/** Makes the cluster when there is none. Returns its password. */
export async function prepareCluster(cluster: Cluster, durable: boolean): Promise<string> {
  const password = await readOrCreatePassword(cluster)
  if (!existsSync(path.join(cluster.folder, 'cluster'))) await createCluster(cluster, durable)
  await requireSameMajor(cluster)
  return password
}

/** How the server's programs see the folder. */
export function handOver({ folder, user }: Cluster): { seenAs: string; openFolder: string | undefined } {
  const byDescriptor = user !== undefined && process.platform === 'linux'
  return byDescriptor ? { seenAs: '/proc/self/fd/3', openFolder: folder } : { seenAs: folder, openFolder: undefined }
}

/** Leftovers of nodes that were killed while they made a cluster or a password. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const maker = /-(\d+)\.new$/.exec(name)?.[1]
    if (maker === undefined || isAlive(Number(maker))) continue
    await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Kept beside the cluster; whoever can read it could read the cluster too. */
async function readOrCreatePassword({ folder, user }: Cluster): Promise<string> {
  const file = path.join(folder, 'password')
  if (!existsSync(file)) {
    if (existsSync(path.join(folder, 'cluster'))) {
      throw new NodeError(
        'internal',
        `The file ${file} is gone, and with it the way into the database beside it. Restore it.`,
      )
    }
    const fresh = path.join(folder, `password-${process.pid}.new`)
    await writeFile(fresh, randomBytes(24).toString('base64url'), { mode: 0o600 })
    if (user) await chown(fresh, user.uid, user.gid)
    // Whole or not at all; of two nodes that start at once, one makes it.
    await link(fresh, file).catch(ignoreExisting)
    await rm(fresh)
  }
  return readFile(file, 'utf8')
}

/** Made beside its final name, so that a node killed meanwhile leaves no half of a cluster. */
async function createCluster(cluster: Cluster, durable: boolean): Promise<void> {
  const { folder, binaries, user } = cluster
  const fresh = `cluster-${process.pid}.new`
  const { seenAs, openFolder } = handOver(cluster)
  await runProgram({
    name: 'initdb',
    program: binaries.initdb,
    args: [
      ...['-D', `${seenAs}/${fresh}`, '-U', ROLE, `--pwfile=${seenAs}/password`, '-A', 'scram-sha-256'],
      ...['--locale=C', '--encoding=UTF8', '--data-checksums', '--no-instructions'],
      ...(durable ? [] : ['--no-sync']),
    ],
    user,
    openFolder,
  })
  await rename(path.join(folder, fresh), path.join(folder, 'cluster')).catch(ignoreExisting)
}

async function requireSameMajor({ folder, binaries }: Cluster): Promise<void> {
  const held = (await readFile(path.join(folder, 'cluster', 'PG_VERSION'), 'utf8')).trim()
  const [ours] = binaries.version.split('.')
  if (held === ours) return
  throw new NodeError(
    'internal',
    `The data in ${folder} is of PostgreSQL ${held}, this node brings ${binaries.version}. Dump it with the old one and ` +
      'restore it into the new one, or set DATABASE_URL to a server of that version.',
  )
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'ENOTEMPTY') throw error
}
