/** Reads by keys, on the real server, also while it fails. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { KeyedReads } from '../../src/platform/keyed-reads.js'
import { type DatabaseOptions, openDatabase } from '../../src/platform/postgres.js'
import { testDatabase } from '../support/database.js'
import { PATIENT } from '../support/patience.js'
import { tcpProxy } from '../support/tcp-proxy.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

const ECHO = 'select key from unnest($1::text[]) with ordinality as wanted (key, place) order by place'
/** Each key is how many seconds to wait. */
const SLEEP = 'select key, pg_sleep(key::float8)::text from unnest($1::text[]) as wanted (key)'

describe('values', () => {
  test('keys go there and come back as they are, whatever characters they have', async () => {
    const { db } = await setUp()
    const keys = ['', ' ', '"', '\\', '{}', 'null', 'NULL', "a'b", 'ü', '中文/标识', '🧰', '\u0001', 'x'.repeat(10_000)]
    expect(await textsOf(db.keyedReads(ECHO, 1), keys)).toEqual(keys)
    expect(await textsOf(db.keyedReads(ECHO, 1), [])).toEqual([])
  })

  test('columns of every type we store are read in their order, null included', async () => {
    const { db } = await setUp()
    const reads = db.keyedReads(
      `select (-2)::smallint, (-3)::int, 9007199254740991::bigint, (-9007199254740991)::bigint, 'ü'::text, null::text,
         '\\x00ff'::bytea, null::bytea, '2026-01-01T00:00:00.1239Z'::timestamptz, '1969-12-31T23:59:59.9999Z'::timestamptz
       from unnest($1::text[])`,
      1,
    )
    const [row] = await reads.read(['one'])
    expect([row!.integer(), row!.integer(), row!.integer(), row!.integer()]).toEqual([
      -2,
      -3,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ])
    expect([row!.text(), row!.text(), row!.octets(), row!.octets()]).toEqual([
      'ü',
      undefined,
      Buffer.from([0, 255]),
      undefined,
    ])
    expect([row!.timeMs(), row!.timeMs()]).toEqual([Date.parse('2026-01-01T00:00:00.123Z'), -1])
    expect(() => row!.text()).toThrow('fewer columns')
  })

  test('a reply of megabytes comes in one piece', async () => {
    const { db } = await setUp()
    const reads = db.keyedReads('select repeat(key, 100000) from unnest($1::text[]) as wanted (key)', 1)
    const texts = await textsOf(reads, ['a', 'bc', 'def', 'ü'])
    expect(texts.map((text) => text!.length)).toEqual([100_000, 200_000, 300_000, 100_000])
    expect(new Set(texts[3])).toEqual(new Set(['ü']))
  })
})

describe('connections', () => {
  test('each serves one read at a time, no more are made than allowed, and none before the first read', async () => {
    const { db, backends } = await setUp()
    const reads = db.keyedReads(SLEEP, 2)
    expect(await backends()).toBe(0)
    await reads.read(['0'])
    expect(await backends()).toBe(1)
    const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => textsOf(reads, [`0.0${at}`])))
    expect(answers.flat()).toEqual(Array.from({ length: 12 }, (_, at) => `0.0${at}`))
    expect(await backends()).toBe(2)
  })

  test.each([true, false])('a statement is prepared once for each, or never (%s)', async (preparedStatements) => {
    const { db } = await setUp({ preparedStatements })
    const reads = db.keyedReads('select name from pg_prepared_statements, unnest($1::text[])', 1)
    await reads.read(['a'])
    expect(await textsOf(reads, ['a'])).toEqual(preparedStatements ? ['read'] : [])
  })

  test('closing ends them, and nothing is read any more', async () => {
    const { db, backends } = await setUp()
    const reads = db.keyedReads(ECHO, 2)
    await Promise.all([reads.read(['a']), reads.read(['b'])])
    await reads.close()
    await expect.poll(backends).toBe(0)
    await expect(reads.read(['a'])).rejects.toMatchObject({ code: 'authority-unavailable' })
  })
})

describe('errors', () => {
  test('one that the server reports keeps its state, and costs no connection', async () => {
    const { db } = await setUp()
    const reads = db.keyedReads('select key, pg_backend_pid()::text, 1 / key::int from unnest($1::text[]) w (key)', 1)
    const before = await textsOf(reads, ['1'], 1)
    await expect(reads.read(['0'])).rejects.toMatchObject({ code: '22012', message: 'division by zero' })
    expect(await textsOf(reads, ['1'], 1)).toEqual(before)
  })

  test('a statement that takes too long is given up on both sides, and the connection is kept', async () => {
    const { db } = await setUp({ statementTimeoutMs: 500 })
    const reads = db.keyedReads(
      `select pg_backend_pid()::text, pg_sleep(key::float8)::text from unnest($1::text[]) w (key)`,
      1,
    )
    const isKept = async () => {
      const before = await textsOf(reads, ['0'])
      await expect(reads.read(['30'])).rejects.toMatchObject({ code: 'authority-unavailable', retryAfterSeconds: 1 })
      // Ours may have come first, after a pause of the machine: it costs the connection, and may look like an outage.
      return (await textsOf(reads, ['0']).catch(() => [])).join() === before.join()
    }
    await vi.waitUntil(() => isKept().catch(() => false), PATIENT)
  })

  test('a prepared statement whose table changed is prepared anew, and nobody is told', async () => {
    const { db } = await setUp()
    await db.query('create table shape (a text)')
    await db.query("insert into shape values ('x')")
    const reads = db.keyedReads('select shape.* from shape join unnest($1::text[]) w (key) on a::text = key', 1)
    expect(await textsOf(reads, ['x'])).toEqual(['x'])
    await db.query("alter table shape add b text default 'b'")
    expect(await textsOf(reads, ['x'], 1)).toEqual(['b'])
  })

  test('a statement that cannot be prepared fails each time, and says why', async () => {
    const { db } = await setUp()
    const reads = db.keyedReads('select nothing from unnest($1::text[])', 1)
    await expect(reads.read(['x'])).rejects.toMatchObject({ code: '42703' })
    await expect(reads.read(['x'])).rejects.toMatchObject({ code: '42703' })
  })

  test('a connection lost under a read or while idle is made anew, and nobody is told', async () => {
    const { db, killAll } = await setUp()
    const reads = db.keyedReads(SLEEP, 2)
    await Promise.all([reads.read(['0']), reads.read(['0'])])
    const running = Promise.all([textsOf(reads, ['0.5']), textsOf(reads, ['0.6'])])
    await vi.waitFor(async () => expect(await killAll()).toBe(2), PATIENT)
    expect(await running).toEqual([['0.5'], ['0.6']])

    await killAll()
    expect(await Promise.all([textsOf(reads, ['0']), textsOf(reads, ['0'])])).toEqual([['0'], ['0']])
  })

  test('lost again and again, it is an error', async () => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const reads = opened({ url: proxy.url, statementTimeoutMs: 60_000, connectTimeoutMs: 10_000 }).keyedReads(SLEEP, 1)
    await reads.read(['0'])
    const running = reads.read(['30'])
    running.catch(() => undefined)
    proxy.cut()
    await expect(running).rejects.toMatchObject({ code: 'authority-unavailable' })
  })
})

describe('a server that hangs', () => {
  test('a read ends within its bound, a new connection too, and once the server goes on, so do we', async () => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const reads = opened({ url: proxy.url, statementTimeoutMs: 1_000, connectTimeoutMs: 2_000 }).keyedReads(ECHO, 1)
    await reads.read(['a'])
    proxy.hang()
    const startedAtMs = performance.now()
    await expect(reads.read(['a'])).rejects.toMatchObject({ code: 'authority-unavailable' })
    await expect(reads.read(['a'])).rejects.toMatchObject({ code: 'authority-unavailable' })
    expect(performance.now() - startedAtMs).toBeLessThan(15_000)

    proxy.restore()
    await vi.waitFor(async () => expect(await textsOf(reads, ['b'])).toEqual(['b']), { timeout: 30_000 })
  })

  test.each(['hang', 'cut'] as const)('%s: nobody waits any more once it is known to be away', async (fault) => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const timeoutMs = 3_000
    const db = opened({ url: proxy.url, statementTimeoutMs: timeoutMs, connectTimeoutMs: 3_000 })
    const reads = db.keyedReads(ECHO, 2)
    await Promise.all([reads.read(['a']), db.query('select 1')])
    proxy[fault]()
    await vi.waitFor(async () => expect(String(await failureOf(reads.read(['a'])))).toContain('left alone'), {
      timeout: 30_000,
    })

    const startedAtMs = performance.now()
    for (let count = 0; count < 500; count++) {
      expect(await failureOf(reads.read(['a']))).toMatchObject({ code: 'authority-unavailable' })
      expect(await failureOf(db.query('select 1'))).toMatchObject({ code: 'authority-unavailable' })
      expect(await failureOf(db.transaction((tx) => tx.query('select 1')))).toMatchObject({ retryAfterSeconds: 1 })
    }
    expect(performance.now() - startedAtMs).toBeLessThan(timeoutMs)

    proxy.restore()
    await vi.waitFor(async () => expect(await textsOf(reads, ['b'])).toEqual(['b']), { timeout: 30_000 })
    await vi.waitFor(async () => expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]), PATIENT)
  })

  test('what is no PostgreSQL costs the connection, not the process', async () => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const reads = opened({ url: proxy.url, statementTimeoutMs: 5_000, connectTimeoutMs: 10_000 }).keyedReads(ECHO, 1)
    await reads.read(['a'])
    proxy.inject(Buffer.from('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    await vi.waitFor(async () => expect(await textsOf(reads, ['b'])).toEqual(['b']), PATIENT)
    expect(await textsOf(reads, ['c'])).toEqual(['c'])
  })
})

async function setUp(options: Omit<DatabaseOptions, 'url'> = {}) {
  const { url, db: admin, close } = await testDatabase({ migrated: false })
  cleanUps.push(close)
  const db = opened({ statementTimeoutMs: 60_000, connectTimeoutMs: 10_000, ...options, url })
  const OURS = `from pg_stat_activity where datname = current_database() and query like '%unnest%' and pid <> pg_backend_pid()`
  const counted = async (text: string) => (await admin.query<{ count: number }>(text))[0]!.count
  return {
    url,
    db,
    backends: () => counted(`select count(*)::int as count ${OURS}`),
    killAll: () => counted(`select count(pg_terminate_backend(pid))::int as count ${OURS}`),
  }
}

function opened(options: DatabaseOptions) {
  const db = openDatabase(options)
  cleanUps.push(() => db.close())
  return db
}

async function proxyTo(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const proxy = await tcpProxy({ host: target.hostname, port: Number(target.port) })
  cleanUps.push(() => proxy.close())
  const url = new URL(databaseUrl)
  url.port = String(proxy.port)
  return { ...proxy, url: url.href }
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** The text column at this place, row by row; those before it are text too. */
async function textsOf(reads: KeyedReads, keys: readonly string[], place = 0): Promise<(string | undefined)[]> {
  const rows = await reads.read(keys)
  return rows.map((row) => {
    for (let before = 0; before < place; before++) row.text()
    return row.text()
  })
}
