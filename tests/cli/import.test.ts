import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/platform/postgres.js'
import { retryLostRaces } from '../../src/registry/retries.js'
import { testDatabase } from '../support/database.js'
import { type Enterprise, makeEnterprise, type TestNode, testNode } from '../support/node.js'
import { jiexi, type Run, startJiexi } from './run.js'

const PREFIX = '88.118.8'
const HEADER = 'identifier,name\n'
const MANY = 60_000

const root = mkdtempSync(path.join(os.tmpdir(), 'jiexi-cli-import-'))
let databaseUrl: string
let closeDatabase: () => Promise<void>
let db: Database
let node: TestNode
let maker: Enterprise
let folder: string

beforeAll(async () => {
  const database = await testDatabase()
  databaseUrl = database.url
  closeDatabase = database.close
  db = openDatabase({ url: databaseUrl, statementTimeoutMs: 10_000 })
  node = await nodeAt('0')
  maker = await makeEnterprise(node, { id: 'maker', prefix: PREFIX })
})
afterAll(async () => {
  await node.close()
  await db.close()
  await closeDatabase()
  rmSync(root, { recursive: true, force: true })
})
beforeEach(async () => {
  // The node's own housekeeping may be at the same tables.
  await retryLostRaces(() => db.query('truncate identifier, identifier_version, import, import_error, import_trial'))
  folder = mkdtempSync(path.join(root, 'case-'))
})

describe('a file', () => {
  test('is registered; nothing is left beside it', async () => {
    const file = write('products.csv', HEADER + rows(3))
    const run = await importing(file, '--template', 'product')
    expect(run).toEqual({ code: 0, out: '3 rows: 3 created\n', err: '' })
    expect(await importing(file, '--template', 'product')).toMatchObject({ code: 0, out: '3 rows: 3 unchanged\n' })
    expect(existsSync(`${file}.jiexi-import.json`)).toBe(false)
    expect(existsSync(`${file}.errors.csv`)).toBe(false)
  })

  test('rows that cannot be registered are in a file, the others are registered, the exit code is 1', async () => {
    const file = write('bad.csv', `${HEADER}${PREFIX}/a,A\nbad,B\n${PREFIX}/c,\n`)
    const run = await importing(file, '--template', 'product')
    expect(run).toMatchObject({ code: 1, out: '3 rows: 1 created, 2 failed\n' })
    expect(run.err).toContain(`What was wrong with 2 rows is in ${file}.errors.csv`)
    const errors = parse(readFileSync(`${file}.errors.csv`), { columns: true }) as Record<string, string>[]
    expect(errors.map(({ row, line, field }) => [row, line, field])).toEqual([
      ['2', '3', 'identifier'],
      ['3', '4', 'name'],
    ])
  })

  test('dry run, mode, mapping, suffixes, another file of errors, JSON', async () => {
    const file = write('export.tsv', 'GTIN\tTitle\tRemark\n06901234567892\tTea\tx\nbad\tTea\ty\n')
    const options = ['--template', 'product', '--prefix', PREFIX, '--suffix-column', 'GTIN', '--columns', 'GTIN=gtin']
    const mapped = [...options, '--columns', 'Title=name', '--columns', 'Remark=', '--mode', 'upsert']
    const errors = path.join(folder, 'wrong.csv')
    const tried = await importing(file, ...mapped, '--dry-run', '--errors', errors)
    expect(tried).toMatchObject({ code: 1, out: '2 rows: 1 created, 1 failed (dry run: nothing was registered)\n' })
    expect(await db.query(`select from identifier where not starts_with(key, '0.na/')`)).toEqual([])
    const done = await importing(file, ...mapped, '--errors', errors, '--json')
    expect(JSON.parse(done.out)).toMatchObject({ state: 'finished', mode: 'upsert', rows: { created: 1, failed: 1 } })
    expect(await db.query(`select key from identifier where not starts_with(key, '0.na/')`)).toEqual([
      { key: `${PREFIX}/06901234567892` },
    ])
    expect(existsSync(errors)).toBe(true)
  })

  test('one that cannot be meant is refused at once, naming the nearest column', async () => {
    const file = write('wrong.csv', 'identifer,Name\nx,y\n')
    const run = await importing(file, '--template', 'product')
    expect(run.code).toBe(1)
    expect(run.err).toContain('the nearest that is there: "identifer"')
    expect(run.err).toContain('the nearest that is there: "Name"')
  })

  test('a header that is all wrong: the message is short and names the file, and nothing is remembered', async () => {
    const columns = Array.from({ length: 100_000 }, (_, index) => `unknown column ${index}`)
    const file = write('wide.csv', `identifier,name,${columns}\n`)
    // Too long for one record as well: whichever is told, it is bounded.
    const wide = await importing(file, '--template', 'product')
    expect(wide).toMatchObject({ code: 1, err: expect.stringContaining(`The import of ${file} was stopped`) })
    const many = write('many.csv', `identifier,name,${Array.from({ length: 5_000 }, (_, index) => `c${index}`)}\n`)
    const run = await importing(many, '--template', 'product')
    expect(run.code).toBe(1)
    expect(run.err).toContain(`The import of ${many} was stopped: The header of the file does not fit`)
    expect(run.err).toContain('5002 columns, and 1000 are the most')
    for (const name of [file, many]) expect(existsSync(`${name}.jiexi-import.json`)).toBe(false)
    const list = await fetch(`${node.url}/v1/imports`, { headers: { authorization: `Bearer ${maker.apiKey}` } })
    expect((await list.text()).length).toBeLessThan(20_000)
  })

  test('what cannot be opened leaves nothing to go on with', async () => {
    const file = write('untold.csv', HEADER)
    expect(await importing(file)).toMatchObject({ code: 1, err: expect.stringContaining('template is needed') })
    expect(existsSync(`${file}.jiexi-import.json`)).toBe(false)
  })

  test('a directory is none: nothing is opened or remembered', async () => {
    const directory = path.join(folder, 'deliveries.csv')
    mkdirSync(directory)
    const run = await importing(directory, '--template', 'product')
    expect(run).toEqual({ code: 1, out: '', err: `${directory} is a directory. Name a file in it.\n` })
    expect(existsSync(`${directory}.jiexi-import.json`)).toBe(false)
    expect(await db.query('select from import')).toEqual([])
  })

  test('from standard input', async () => {
    const run = await jiexi(['import', '-', '--format', 'csv', '--template', 'product'], {
      ...asMaker(),
      input: HEADER + rows(2_000),
    })
    expect(run).toMatchObject({ code: 0, out: '2000 rows: 2000 created\n' })
  })

  test.each<[string, string[], number, RegExp]>([
    ['no file', ['nothing.csv'], 1, /cannot be read/],
    ['an ending that tells nothing', ['data.txt'], 2, /--format/],
    ['standard input without a format', ['-'], 2, /--format/],
    ['a mapping that is none', ['data.csv', '--columns', 'name'], 2, /column=attribute/],
    ['a mode that is not known', ['data.csv', '--mode', 'replace'], 2, /upsert/],
    ['no template', ['data.csv'], 1, /template is needed for csv/],
  ])('%s', async (_name, [file = '', ...options], code, message) => {
    write('data.csv', HEADER)
    write('data.txt', HEADER)
    const run = await importing(file === '-' ? file : path.join(folder, file), ...options)
    expect(run.code).toBe(code)
    expect(run.err).toMatch(message)
  })
})

describe('a break', () => {
  // Each chunk takes a moment, so that an import is under way when it is broken off, however fast the machine.
  beforeAll(async () => {
    await db.query(
      `create function take_a_moment() returns trigger language plpgsql as $$ begin perform pg_sleep(0.15); return new; end $$`,
    )
    await db.query(
      'create trigger slow_import before update of rows_done on import for each row execute function take_a_moment()',
    )
  })
  afterAll(() => db.query('drop function take_a_moment cascade'))

  test('of the client, by kill -9: the same command goes on where it was', async () => {
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product'], asMaker())
    await someRows()
    run.kill('SIGKILL')
    await run.ended
    expect(existsSync(`${file}.jiexi-import.json`)).toBe(true)
    const again = await importing(file, '--template', 'product')
    expect(again).toMatchObject({ code: 0, out: `${MANY} rows: ${MANY} created\n` })
    expect(again.err).toMatch(/Going on with import \w+ after row \d+/)
    await expectEachRowOnce()
  }, 60_000)

  test('by Ctrl-C: it says how to go on', async () => {
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product'], asMaker())
    await someRows()
    run.kill('SIGINT')
    const stopped = await run.ended
    expect(stopped.code).toBe(1)
    expect(stopped.err).toMatch(/Nothing that was done is lost: run the same command again/)
    const again = await importing(file, '--template', 'product')
    expect(again).toMatchObject({ code: 0 })
    expect(again.err).not.toContain('Another upload')
    expect(again.err.split('still finishing').length).toBeLessThanOrEqual(2)
    await expectEachRowOnce()
  }, 60_000)

  test('while another upload holds the import: it says so once and goes on when its turn comes', async () => {
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product'], asMaker())
    await someRows()
    run.kill('SIGKILL')
    await run.ended
    const leaseUntil = (moment: string) =>
      db.query(`update import set lease = gen_random_uuid(), lease_until = ${moment} where state = 'running'`)
    await leaseUntil("clock_timestamp() + interval '1 h'")
    const waiting = startJiexi(['import', file, '--template', 'product'], asMaker())
    while (!waiting.said().includes('still finishing')) await setTimeout(20)
    await leaseUntil('clock_timestamp()')
    const again = await waiting.ended
    expect(again).toMatchObject({ code: 0, out: `${MANY} rows: ${MANY} created\n` })
    expect(again.err.match(/still finishing what it received; going on by itself/g)).toHaveLength(1)
    expect(again.err).not.toContain('Another upload')
    await expectEachRowOnce()
  }, 60_000)

  test('of the node: the client waits and goes on by itself', async () => {
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product'], asMaker())
    await someRows()
    const { port } = new URL(node.url)
    await node.stop()
    await setTimeout(300)
    node = await nodeAt(port)
    const done = await run.ended
    expect(done).toMatchObject({ code: 0, out: `${MANY} rows: ${MANY} created\n` })
    expect(done.err).toContain('Trying again in')
    await expectEachRowOnce()
  }, 60_000)

  test('another file or other options in the meantime: a new import, and the file says so', async () => {
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product'], asMaker())
    await someRows()
    run.kill('SIGKILL')
    await run.ended
    write('many.csv', HEADER + rows(5))
    const again = await importing(file, '--template', 'product')
    expect(again.err).toContain('have changed since the last time')
    expect(again).toMatchObject({ code: 0, out: '5 rows: 5 unchanged\n' })
  }, 60_000)

  test('with no node at all it gives up in time, and says what to do', async () => {
    const file = write('few.csv', HEADER + rows(3))
    const run = await jiexi(['import', file, '--template', 'product', '--retry-for', '0'], {
      node: 'http://127.0.0.1:9',
      apiKey: 'jx_any',
    })
    expect(run).toMatchObject({ code: 1, out: '' })
    expect(run.err).toContain('nothing listens there')
  })

  test('an import can be remembered elsewhere', async () => {
    const state = path.join(folder, 'state', 'deep')
    const file = write('many.csv', HEADER + rows(MANY))
    const run = startJiexi(['import', file, '--template', 'product', '--state-folder', state], asMaker())
    await someRows()
    run.kill('SIGKILL')
    await run.ended
    expect(existsSync(path.join(state, 'many.csv.jiexi-import.json'))).toBe(true)
    const again = await importing(file, '--template', 'product', '--state-folder', state)
    expect(again).toMatchObject({ code: 0, out: `${MANY} rows: ${MANY} created\n` })
    expect(existsSync(path.join(state, 'many.csv.jiexi-import.json'))).toBe(false)
  }, 60_000)
})

async function expectEachRowOnce(): Promise<void> {
  const [found] = await db.query(
    `select count(*) as count, max(version) as newest from identifier where not starts_with(key, '0.na/')`,
  )
  expect(found).toEqual({ count: MANY, newest: 1 })
}

/** Resolves once some rows are committed, which a big file is far from done with. */
async function someRows(): Promise<void> {
  for (;;) {
    const [found] = await db.query<{ rows: number }>('select coalesce(max(rows_done), 0) as rows from import')
    if (found!.rows > 0) return
    await setTimeout(5)
  }
}

function nodeAt(port: string): Promise<TestNode> {
  return testNode({ environment: { DATABASE_URL: databaseUrl, PORT: port } })
}

function asMaker() {
  return { node: node.url, apiKey: maker.apiKey }
}

function importing(file: string, ...options: string[]): Promise<Run> {
  return jiexi(['import', file, ...options], asMaker())
}

function write(name: string, content: string): string {
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}

function rows(count: number): string {
  return Array.from({ length: count }, (_, index) => `${PREFIX}/item-${index},Pump ${index}\n`).join('')
}
