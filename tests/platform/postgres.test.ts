import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { freePort } from '../../src/platform/free-port.js'
import { type Database, type DatabaseOptions, openDatabase, sqlStateOf } from '../../src/platform/postgres.js'
import { testDatabase } from '../support/database.js'
import { PATIENT } from '../support/patience.js'
import { tcpProxy } from '../support/tcp-proxy.js'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (let cleanUp = cleanUps.pop(); cleanUp; cleanUp = cleanUps.pop()) await cleanUp()
})

describe('values', () => {
  test('bigint comes as a number, alone and in arrays, bytea as Buffer, time as Date', async () => {
    const { db } = await setUp()
    const [row] = await db.query(
      `select 9007199254740991::bigint as big, array[1, null, 3]::bigint[] as bigs, '{}'::bigint[] as none,
              '\\x00ff'::bytea as bytes, '2026-01-01T00:00:00Z'::timestamptz as time`,
    )
    expect(row).toEqual({
      big: Number.MAX_SAFE_INTEGER,
      bigs: [1, null, 3],
      none: [],
      bytes: Buffer.from([0, 255]),
      time: new Date('2026-01-01T00:00:00Z'),
    })
  })

  test.each([true, false])('parameters work with prepared statements (%s)', async (preparedStatements) => {
    const { db } = await setUp({ preparedStatements })
    const text = 'select $1::text[] as texts, $2::int as number'
    for (const number of [1, 2]) {
      expect(await db.query(text, [['a', 'ü'], number])).toEqual([{ texts: ['a', 'ü'], number }])
    }
    const prepared = await db.query('select from pg_prepared_statements where statement = $1', [text])
    expect(prepared).toHaveLength(preparedStatements ? 1 : 0)
  })
})

describe('transactions', () => {
  test('one that ends well is kept, one that throws leaves no trace', async () => {
    const { db } = await setUp()
    await db.transaction((tx) => tx.query('insert into kept values ($1)', [1]))
    const failure = new Error('changed my mind')
    const failing = db.transaction(async (tx) => {
      await tx.query('insert into kept values ($1)', [2])
      throw failure
    })
    await expect(failing).rejects.toBe(failure)
    expect(await keptIn(db)).toEqual([1])
  })

  test('a failure that was swallowed is no success: the server rolls back, and we say so', async () => {
    const { db } = await setUp()
    const swallowing = db.transaction(async (tx) => {
      await tx.query('insert into kept values ($1)', [1])
      await tx.query('select 1/0').catch(() => undefined)
    })
    await expect(swallowing).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('nothing was written'),
    })
    expect(await keptIn(db)).toEqual([])
  })

  test('an SQL error keeps its state, and costs no connection', async () => {
    const { db } = await setUp({ maxConnections: 1 })
    const before = await backendOf(db)
    await db.query('insert into kept values ($1)', [1])
    const twice = db.query('insert into kept values ($1)', [1])
    expect(sqlStateOf(await twice.catch((error: unknown) => error))).toBe('23505')
    await expect(db.transaction((tx) => tx.query('select 1/0'))).rejects.toMatchObject({ code: '22012' })
    expect(await backendOf(db)).toBe(before)
  })

  test('a prepared statement whose table changed fails once, and then works', async () => {
    const { db } = await setUp({ maxConnections: 1 })
    await db.query('create table shape (a int)')
    const ask = () => db.query('select * from shape where a > $1', [0])
    await ask()
    await db.query('alter table shape add b text')
    expect(await ask().catch(sqlStateOf)).toBe('0A000')
    expect(await ask()).toEqual([])
  })

  test('its bound can be longer than a statement has otherwise, and counts', async () => {
    const { db } = await setUp({ statementTimeoutMs: 700 })
    const sleep = (seconds: number, timeoutMs?: number) =>
      db.transaction((tx) => tx.query('select pg_sleep($1)', [seconds]), timeoutMs === undefined ? {} : { timeoutMs })
    await sleep(1.2, 10_000)
    await expect(sleep(5)).rejects.toMatchObject({ code: 'authority-unavailable' })
    await expect(sleep(5, 200)).rejects.toMatchObject({ code: 'authority-unavailable' })
  })
})

describe('COPY', () => {
  const COPY = 'copy kept from stdin'

  test('lines are taken, from lists and from streams', async () => {
    const { db } = await setUp()
    await db.transaction((tx) => tx.copyIn(COPY, ['1\n2\n', Buffer.from('3\n')]))
    await db.transaction((tx) => tx.copyIn(COPY, numbered(4, 20_000)))
    expect(await db.query('select count(*), max(number) from kept')).toEqual([{ count: 20_000, max: 20_000 }])
  })

  test('it may take longer than a statement has otherwise', async () => {
    const { db } = await setUp({ statementTimeoutMs: 700 })
    async function* slowly() {
      yield '1\n'
      await delay(1_200)
      yield '2\n'
    }
    await db.transaction((tx) => tx.copyIn(COPY, slowly()), { timeoutMs: 10_000 })
    expect(await keptIn(db)).toEqual([1, 2])
  })

  test('what goes wrong in making the lines is told as it is; nothing is kept, the connection stays', async () => {
    const { db } = await setUp({ maxConnections: 1 })
    const before = await backendOf(db)
    const failure = new Error('line 2 is damaged')
    async function* damaged() {
      yield '1\n'
      throw failure
    }
    await expect(db.transaction((tx) => tx.copyIn(COPY, damaged()))).rejects.toBe(failure)
    expect(await keptIn(db)).toEqual([])
    expect(await backendOf(db)).toBe(before)
  })

  test('what the server refuses is told with its state; nothing is kept', async () => {
    const { db } = await setUp()
    await expect(db.transaction((tx) => tx.copyIn(COPY, ['1\n', 'two\n']))).rejects.toMatchObject({ code: '22P02' })
    await expect(db.transaction((tx) => tx.copyIn('copy nothing from stdin', ['1\n']))).rejects.toMatchObject({
      code: '42P01',
    })
    expect(await keptIn(db)).toEqual([])
  })

  test('a connection lost on the way is an error, not a hang', async () => {
    const { db, killAll } = await setUp()
    async function* cut() {
      yield '1\n'
      await killAll()
      yield* numbered(2, 100_000)
    }
    await expect(db.transaction((tx) => tx.copyIn(COPY, cut()))).rejects.toMatchObject({
      code: 'authority-unavailable',
    })
    expect(await keptIn(db)).toEqual([])
  })
})

describe('errors that a caller can act on', () => {
  test('a full disk, a full server, one that stops and one that became a replica are told apart; mistakes of ours stay', async () => {
    const { db } = await setUp()
    const codes = {
      53100: 'storage-full',
      53300: 'overloaded',
      '57P01': 'authority-unavailable',
      25006: 'authority-unavailable',
      58030: 'authority-unavailable',
      '08006': 'authority-unavailable',
      '08P01': '08P01',
      23505: '23505',
    }
    for (const [state, code] of Object.entries(codes)) {
      const raising = db.query(`do $$ begin raise exception using errcode = '${state}'; end $$`)
      await expect(raising, state).rejects.toMatchObject({ code })
    }
  })

  test('a statement that takes too long is given up on both sides', async () => {
    const { db } = await setUp({ statementTimeoutMs: 500, maxConnections: 1 })
    const isKept = async () => {
      const before = await backendOf(db)
      const startedAtMs = performance.now()
      await expect(db.query('select pg_sleep(30)')).rejects.toMatchObject({
        code: 'authority-unavailable',
        retryAfterSeconds: 1,
      })
      expect(performance.now() - startedAtMs).toBeLessThan(10_000)
      return (await backendOf(db)) === before
    }
    // After a pause of the machine our bound may come before the server's word, and costs the connection.
    await vi.waitUntil(isKept, PATIENT)
  })

  test('connections lost under a statement, in a transaction and while idle: errors, then it works again', async () => {
    const { db, killAll } = await setUp()
    const running = db.query('select pg_sleep(30)')
    const inTransaction = db.transaction(async (tx) => {
      await tx.query('insert into kept values ($1)', [1])
      await killAll()
      await tx.query('insert into kept values ($1)', [2])
    })
    const lost = await Promise.allSettled([running, inTransaction])
    expect(lost.map((one) => one.status === 'rejected' && one.reason.code)).toEqual([
      'authority-unavailable',
      'authority-unavailable',
    ])
    expect(await keptIn(db)).toEqual([])

    await Promise.all([db.query('select 1'), db.query('select 2')])
    await killAll()
    // The news may still be on its way to the pool.
    await vi.waitFor(async () => expect(await db.query('select 3 as three')).toEqual([{ three: 3 }]), PATIENT)
  })

  test('nobody listens: an error at once', async () => {
    const db = opened({ url: `postgres://x@127.0.0.1:${await freePort()}/x` })
    for (const call of [db.query('select 1'), db.transaction((tx) => tx.query('select 1')), db.connect()]) {
      await expect(call).rejects.toMatchObject({ code: 'authority-unavailable' })
    }
  })

  test('all connections busy: an error in half a second', async () => {
    const { db } = await setUp({ maxConnections: 1, connectTimeoutMs: 500 })
    await db.transaction(async () => {
      const startedAtMs = performance.now()
      await expect(db.query('select 1')).rejects.toMatchObject({ code: 'authority-unavailable' })
      expect(performance.now() - startedAtMs).toBeLessThan(4_000)
    })
  })
})

describe('a server that hangs', () => {
  test('statements, transactions, new connections and closing all end within their bounds', async () => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const db = openDatabase({ url: proxy.url, statementTimeoutMs: 1_000, connectTimeoutMs: 2_000 })
    const follower = await db.connect()
    await Promise.all([db.query('select 1'), db.query('select 2')])
    proxy.hang()

    const startedAtMs = performance.now()
    const calls = [
      db.query('select 1'),
      db.transaction((tx) => tx.query('select 1')),
      db.query('select 1'),
      db.connect(),
      follower.query('select 1'),
    ]
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code)).toEqual(
      calls.map(() => 'authority-unavailable'),
    )
    expect(performance.now() - startedAtMs).toBeLessThan(15_000)

    const closingAtMs = performance.now()
    await Promise.all([follower.close(), db.close()])
    expect(performance.now() - closingAtMs).toBeLessThan(15_000)
  })

  test('once it goes on, so do we', async () => {
    const { url } = await setUp()
    const proxy = await proxyTo(url)
    const db = opened({ url: proxy.url, statementTimeoutMs: 700, connectTimeoutMs: 2_000 })
    await db.query('select 1')
    proxy.hang()
    await expect(db.query('select 1')).rejects.toMatchObject({ code: 'authority-unavailable' })
    proxy.restore()
    await vi.waitFor(async () => expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]), PATIENT)
  })
})

test('a server that has no connection left for a probe answers all the same: those that are open go on', async () => {
  const { db: admin, url } = await setUp()
  const role = `limited_${randomBytes(6).toString('hex')}`
  await admin.query(`create role ${role} login password 'limited' connection limit 2`)
  cleanUps.push(() => admin.query(`drop role ${role}`))
  const limited = new URL(url)
  limited.username = role
  limited.password = 'limited'
  // Without the server's bound on a statement, a backend whose client has given up goes on, and keeps its connection.
  const db = opened({ url: limited.href, maxConnections: 2, statementTimeoutMs: 1_500, preparedStatements: false })
  await Promise.all([db.query('select pg_sleep(0.2)'), db.query('select pg_sleep(0.2)')])
  await expect(db.query('select pg_sleep(25)')).rejects.toMatchObject({ code: 'authority-unavailable' })
  const answered = async () => (await db.query<{ one: number }>('select 1 as one').catch(() => []))[0]?.one
  await expect.poll(answered).toBe(1)
})

describe('a connection of its own', () => {
  test('it is told when it is lost, late listeners too, and says so when used', async () => {
    const { db, killAll } = await setUp()
    const connection = await db.connect()
    const lost = new Promise<Error>((resolve) => connection.onLost(resolve))
    await killAll()
    expect(await lost).toBeInstanceOf(Error)
    expect(await new Promise<Error>((resolve) => connection.onLost(resolve))).toBeInstanceOf(Error)
    await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'authority-unavailable' })
    await connection.close()
  })

  test('it hears notices on the channel it asked for', async () => {
    const { db } = await setUp()
    const connection = await db.connect()
    let others = 0
    await connection.onNotice('other', () => others++)
    const heard = new Promise<string>((resolve) => {
      void connection.onNotice('wake', resolve).then(() => db.query(`notify wake, 'early'`))
    })
    expect([await heard, others]).toEqual(['early', 0])
    await connection.close()
  })
})

async function setUp(options: Omit<DatabaseOptions, 'url'> = {}) {
  const { url, db: admin, close } = await testDatabase({ migrated: false })
  cleanUps.push(close)
  await admin.query('create table kept (number int primary key)')
  const killAll = () =>
    admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
  return { url, killAll, db: opened({ statementTimeoutMs: 10_000, connectTimeoutMs: 10_000, ...options, url }) }
}

function opened(options: DatabaseOptions): Database {
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

async function keptIn(db: Database): Promise<readonly number[]> {
  return (await db.query<{ number: number }>('select number from kept order by number')).map(({ number }) => number)
}

async function backendOf(db: Database): Promise<unknown> {
  return (await db.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid
}

function* numbered(first: number, last: number): Generator<string> {
  for (let number = first; number <= last; number++) yield `${number}\n`
}
