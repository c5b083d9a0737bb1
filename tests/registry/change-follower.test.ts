import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/platform/clock.js'
import type { Connection, Queryable, Transaction } from '../../src/platform/postgres.js'
import { appendChange } from '../../src/registry/append-change.js'
import { changeAnnouncer } from '../../src/registry/change-announcer.js'
import { type ChangeFollower, changeFollower } from '../../src/registry/change-follower.js'
import { MOST_FOLLOWED, MOST_LOOKED_BACK } from '../../src/registry/feed-poll.js'
import { writeIdentifier } from '../../src/registry/identifiers.js'
import { type ChangeKnowledge, changeKnowledge, type Poll } from '../../src/resolution/change-knowledge.js'
import { feedSettled, type RegistryFixture, registration, registryFixture } from './fixture.js'

let fixture: RegistryFixture
let followers: ChangeFollower[] = []
beforeEach(async () => {
  fixture = await registryFixture()
  await feedSettled(fixture.db)
})
afterEach(async () => {
  await Promise.all(followers.map((follower) => follower.stop()))
  followers = []
  await fixture.close()
})

const HOUR_MS = 3_600_000

test('the first poll gives a mark, an epoch and all there is when all of it is recent', async () => {
  const { knowledge, polls, follower } = follow()
  await follower.start()
  expect(knowledge).toMatchObject({ epoch: expect.stringMatching(/^\d+-[\dA-F]{8}-\d+$/) })
  expect(knowledge.mark).toBeGreaterThan(1)
  expect(knowledge.isFresh()).toBe(true)
  expect(polls[0]).toMatchObject({ floor: 0, reset: true })
  expect(polls[0]!.rows).toHaveLength(await countRows())
})

test('the first poll looks back ten minutes, but always has the row that gives the mark', async () => {
  const { db, registry, acme } = fixture
  await db.query(`update change set at = at - interval '11 minutes'`)
  const [oldest] = await db.query<{ xid: number }>('select max(xid) as xid from change')
  const quiet = follow()
  await quiet.follower.start()
  expect(quiet.polls[0]!.rows).toMatchObject([{ xid: oldest!.xid }])
  expect(quiet.knowledge.mark).toBe(oldest!.xid + 1)

  const recent = await writeIdentifier(registry, acme, registration('88.118.8/recent', 'a'))
  await feedSettled(db)
  const busy = follow()
  await busy.follower.start()
  expect(busy.polls[0]).toMatchObject({ floor: oldest!.xid + 1, rows: [{ xid: Number(recent.token) }] })
})

test('a change is known soon after it is committed, at once when the follower is woken', async () => {
  const { registry, acme } = fixture
  const { knowledge, follower } = follow({ intervalMs: HOUR_MS })
  await follower.start()
  const before = knowledge.mark
  const receipt = await writeIdentifier(registry, acme, registration('88.118.8/woken', 'a'))
  expect(knowledge.covers(Number(receipt.token))).toBe(false)
  follower.wake()
  await until(() => knowledge.covers(Number(receipt.token)))
  expect(knowledge.isValid('i:88.118.8/woken', 0, before)).toBe(false)
  expect(knowledge.isValid('i:88.118.8/woken', 1, before)).toBe(true)
})

test('many calls to wake share one poll', async () => {
  const { polls, follower } = follow({ intervalMs: HOUR_MS })
  await follower.start()
  for (let call = 0; call < 100; call += 1) follower.wake()
  await until(() => polls.length === 2)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(polls).toHaveLength(2)
})

test('whoever catches up knows all that was committed before, by a poll that began after', async () => {
  const { registry, acme } = fixture
  const { knowledge, polls, follower } = follow({ intervalMs: HOUR_MS })
  await expect(follower.catchUp()).rejects.toMatchObject({ code: 'authority-unavailable' })
  await follower.start()
  for (let round = 1; round <= 20; round += 1) {
    const receipt = await writeIdentifier(registry, acme, registration(`88.118.8/caught-${round}`, 'a'))
    const before = polls.length
    await Promise.all(Array.from({ length: 50 }, () => follower.catchUp()))
    expect(knowledge.covers(Number(receipt.token))).toBe(true)
    expect(polls.length - before).toBeLessThanOrEqual(2)
  }
  expect(knowledge.settledBelow).toBeGreaterThan(0)
})

test('who calls while a poll is under way waits for the next one', async () => {
  let reached: () => void = () => undefined
  let release: () => void = () => undefined
  let isHeld = false
  const { follower, polls } = follow({
    intervalMs: HOUR_MS,
    connect: async () => {
      const connection = await fixture.db.connect()
      const query: Connection['query'] = async (text, parameters) => {
        const rows = await connection.query<never>(text, parameters)
        if (isHeld)
          await new Promise<void>((resolve) => {
            isHeld = false
            release = resolve
            reached()
          })
        return rows
      }
      return { ...connection, query }
    },
  })
  await follower.start()
  isHeld = true
  const underWay = new Promise<void>((resolve) => {
    reached = resolve
  })
  const first = follower.catchUp()
  await underWay
  let isSecondDone = false
  const second = follower.catchUp().then(() => {
    isSecondDone = true
  })
  release()
  await first
  expect([polls.length, isSecondDone]).toEqual([2, false])
  await second
  expect(polls).toHaveLength(3)
})

test('while the feed cannot be read nobody waits to catch up, and who waited is told', async () => {
  let down = false
  const { follower } = follow({
    intervalMs: HOUR_MS,
    connect: async () => {
      if (down) throw new Error('refused')
      const connection = await fixture.db.connect()
      const query: Connection['query'] = (text, parameters) =>
        down ? Promise.reject(new Error('lost')) : connection.query(text, parameters)
      return { ...connection, query }
    },
  })
  await follower.start()
  down = true
  const refused = { code: 'authority-unavailable', retryAfterSeconds: 1 }
  await expect(follower.catchUp()).rejects.toMatchObject(refused)
  await expect(follower.catchUp()).rejects.toMatchObject(refused)
  await expect(follower.catchUp()).rejects.toMatchObject(refused)
  down = false
  await vi.waitUntil(
    () =>
      follower
        .catchUp()
        .then(() => true)
        .catch(() => false),
    { timeout: 30_000, interval: 10 },
  )
  const last = follower.catchUp()
  const stopped = follower.stop()
  await last.catch((error) => expect(error).toMatchObject(refused))
  await stopped
  await expect(follower.catchUp()).rejects.toMatchObject(refused)
})

test('a commit of another process is heard of at once; an own one needs no second poll', async () => {
  const { db, registry, acme } = fixture
  const other = follow({ intervalMs: HOUR_MS, self: 'other' })
  const writer = follow({ intervalMs: HOUR_MS, self: 'writer' })
  await Promise.all([other.follower.start(), writer.follower.start()])
  const announcer = changeAnnouncer({ db, clock: systemClock, self: 'writer' })
  const announced = { ...registry, committed: () => announcer.announce() }
  for (let round = 1; round <= 5; round += 1) {
    const { token } = await writeIdentifier(announced, acme, registration(`88.118.8/heard-${round}`, 'a'))
    await until(() => other.knowledge.covers(Number(token)))
  }
  expect(writer.polls).toHaveLength(1)
})

test('a storm of commits makes notices and polls that keep their distance', async () => {
  const { follower, pollStartsMs } = follow({ intervalMs: HOUR_MS })
  await follower.start()
  const sentAtMs: number[] = []
  const query = async () => {
    sentAtMs.push(performance.now())
    follower.wake()
    return []
  }
  const announcer = changeAnnouncer({ db: { query } as unknown as Queryable, clock: systemClock, self: 'writer' })
  await until(() => {
    for (let commit = 0; commit < 100; commit += 1) announcer.announce()
    return pollStartsMs.length >= 10
  })
  // 5 ms and 20 ms between the moments at which they begin; one that is sent late is followed by one that is not.
  expect(sentAtMs.length - 2).toBeLessThanOrEqual((sentAtMs.at(-1)! - sentAtMs[0]!) / 5)
  expect(pollStartsMs.length - 2).toBeLessThanOrEqual((pollStartsMs.at(-1)! - pollStartsMs[0]!) / 19)
})

test('a follower that cannot listen polls at its pace all the same', async () => {
  const { knowledge, follower, log } = follow({
    intervalMs: 20,
    connect: async () => ({
      ...(await fixture.db.connect()),
      onNotice: () => Promise.reject(new Error('cannot listen here')),
    }),
  })
  await follower.start()
  const { token } = await writeIdentifier(fixture.registry, fixture.acme, registration('88.118.8/unheard', 'a'))
  await until(() => knowledge.covers(Number(token)))
  expect(log).toEqual([])
})

test('notices that cannot be sent are passed over, and later ones are sent', async () => {
  let sent = 0
  let fails = true
  const query = async () => {
    sent += 1
    if (fails) throw new Error('away')
    return []
  }
  const announcer = changeAnnouncer({ db: { query } as unknown as Queryable, clock: systemClock, self: 'writer' })
  announcer.announce()
  await until(() => sent === 1)
  fails = false
  announcer.announce()
  await until(() => sent === 2)
})

test('of transactions that commit in the opposite order of their ids, none is lost and each is new once', async () => {
  const { knowledge, follower } = follow({ intervalMs: 5 })
  await follower.start()
  const heard: string[] = []
  knowledge.onChange((key) => heard.push(key))

  const slow = heldTransaction('i:slow')
  await slow.begun
  for (const name of ['i:quick-1', 'i:quick-2']) await appendOwn(name)
  await until(() => heard.length === 2)
  expect(knowledge.mark).toBeLessThanOrEqual(slow.xid())
  await slow.commit()
  await until(() => heard.length === 3)
  await feedSettled(fixture.db)
  await until(() => knowledge.mark > slow.xid())
  expect(heard).toEqual(['i:quick-1', 'i:quick-2', 'i:slow'])
})

test('a transaction that is rolled back is never heard of', async () => {
  const { knowledge, follower } = follow({ intervalMs: 5 })
  await follower.start()
  const heard: string[] = []
  knowledge.onChange((key) => heard.push(key))
  const doomed = fixture.db.transaction(async (tx) => {
    await appendChange(tx, [{ key: 'i:doomed', version: 1 }])
    throw new Error('changed its mind')
  })
  await expect(doomed).rejects.toThrow()
  await appendOwn('i:after')
  await until(() => heard.length > 0)
  expect(heard).toEqual(['i:after'])
})

test('a mark before the pruning horizon starts anew, and so does a feed of another database', async () => {
  const { knowledge, polls, follower } = follow({ intervalMs: 5 })
  await follower.start()
  let resets = 0
  knowledge.onReset(() => {
    resets += 1
  })
  await appendOwn('i:kept')
  await feedSettled(fixture.db)
  await until(() => knowledge.isUnchanged('i:other', knowledge.mark))
  const [newest] = await fixture.db.query<{ xid: number }>('select max(xid) as xid from change')
  await until(() => knowledge.mark > newest!.xid)
  await follower.stop()

  // Meanwhile all that it had yet to read is pruned.
  await appendOwn('i:missed')
  await appendOwn('i:missed-too')
  await feedSettled(fixture.db)
  await fixture.db.query('update change_horizon set xid = (select max(xid) from change)')
  await fixture.db.query('delete from change where xid < (select xid from change_horizon)')
  await follower.start()
  await until(() => resets === 1)
  expect(polls.at(-1)).toMatchObject({ reset: true, rows: [{ keys: ['i:missed-too'] }] })

  const other = await registryFixture()
  try {
    const moved = follow({ knowledge, connect: () => other.db.connect() })
    await follower.stop()
    await moved.follower.start()
    expect(resets).toBe(2)
    await moved.follower.stop()
  } finally {
    await other.close()
  }
})

test('more rows than one poll takes are not read one by one: the follower starts anew with the newest', async () => {
  const { knowledge, polls, follower } = follow({ intervalMs: HOUR_MS })
  await follower.start()
  const mark = knowledge.mark
  await fixture.db.query(
    `insert into change (xid, keys, versions) select $1::bigint - n, '{i:x}', '{1}' from generate_series(0, $2::int) n`,
    [mark + MOST_FOLLOWED.rows + 5, MOST_FOLLOWED.rows + 4],
  )
  follower.wake()
  await until(() => polls.length === 2)
  expect(polls[1]).toMatchObject({ reset: true, floor: mark + 6 })
  expect(polls[1]!.rows).toHaveLength(MOST_LOOKED_BACK.rows)
})

test('a bulk load longer than a poll takes is not read key by key', async () => {
  const { knowledge, polls, follower } = follow({ intervalMs: HOUR_MS })
  await follower.start()
  await fixture.db.query(
    `insert into change (xid, keys, versions)
     select $1::bigint + n, array_fill('i:x'::text, array[1000]), array_fill(1, array[1000]) from generate_series(0, $2::int) n`,
    [knowledge.mark, MOST_FOLLOWED.keys / 1000],
  )
  follower.wake()
  await until(() => polls.length === 2)
  expect(polls[1]!.rows.flatMap(({ keys }) => keys)).toHaveLength(MOST_LOOKED_BACK.keys)
})

test('where a poll takes too long for what it brings, the next ones ask for less, until one comes through', async () => {
  const keys = Array.from({ length: 1_000 }, (_, at) => ({ key: `i:${at}`, version: 1 }))
  for (let row = 0; row < 10; row += 1) await fixture.db.transaction((tx) => appendChange(tx, keys))
  await feedSettled(fixture.db)
  const asked: number[] = []
  const { knowledge, polls, follower } = follow({
    intervalMs: 5,
    connect: async () => {
      const connection = await fixture.db.connect()
      const query: Connection['query'] = async (text, parameters) => {
        const rows = await connection.query<never>(text, parameters)
        asked.push(parameters!.at(-1) as number)
        if (rows.flatMap(({ keys: some }) => some ?? []).length > 2_000) throw new Error('took too long')
        return rows
      }
      return { ...connection, query }
    },
  })
  await follower.start()
  await until(() => polls.length > 1)
  const all = MOST_LOOKED_BACK.keys
  expect(asked.slice(0, 5)).toEqual([all, all / 4, all / 16, Math.ceil(all / 64), MOST_FOLLOWED.keys])
  expect(polls[0]!.rows.length).toBeGreaterThanOrEqual(1)
  expect(knowledge.isFresh()).toBe(true)
})

test('a lost connection is replaced, and what was committed meanwhile is caught up with', async () => {
  const connections: Connection[] = []
  const { knowledge, follower, log } = follow({
    intervalMs: 5,
    connect: async () => {
      const connection = await fixture.db.connect()
      connections.push(connection)
      return connection
    },
  })
  await follower.start()
  await fixture.db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query like '%pg_control_system%'`,
  )
  const receipt = await writeIdentifier(fixture.registry, fixture.acme, registration('88.118.8/meanwhile', 'a'))
  await until(() => knowledge.covers(Number(receipt.token)))
  expect(connections.length).toBeGreaterThan(1)
  expect(log.length).toBeLessThanOrEqual(2)
})

test('a database that cannot be reached is tried again with growing pauses; start does not wait for it', async () => {
  let attempts = 0
  let down = true
  const { knowledge, follower, log } = follow({
    intervalMs: 5,
    connect: () => {
      attempts += 1
      return down ? Promise.reject(new Error('refused')) : fixture.db.connect()
    },
  })
  await follower.start()
  expect(knowledge.epoch).toBeUndefined()
  await new Promise((resolve) => setTimeout(resolve, 400))
  expect(attempts).toBeLessThanOrEqual(5)
  down = false
  await until(() => knowledge.isFresh())
  expect(log).toEqual([expect.stringContaining('refused'), expect.stringContaining('again')])
})

test('a poll that gets no answer is given up, and its answer is not applied when it comes late', async () => {
  let answer!: () => void
  const gate = new Promise<void>((resolve) => {
    answer = resolve
  })
  let hang = true
  const { knowledge, polls, follower } = follow({
    connect: async () => {
      const connection = await fixture.db.connect()
      const query: Connection['query'] = async (text, parameters) => {
        const rows = await connection.query<never>(text, parameters)
        if (hang) await gate
        return rows
      }
      return { ...connection, query }
    },
  })
  const began = performance.now()
  await follower.start()
  expect(performance.now() - began).toBeGreaterThan(650)
  expect(performance.now() - began).toBeLessThan(15_000)
  expect(knowledge.epoch).toBeUndefined()
  hang = false
  await until(() => polls.length > 0)
  await follower.stop()
  const applied = polls.length
  answer()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(polls).toHaveLength(applied)
})

test('knowledge is as old as the moment a poll was sent', async () => {
  const delayMs = 200
  const { knowledge, follower } = follow({
    intervalMs: HOUR_MS,
    connect: async () => {
      const connection = await fixture.db.connect()
      const query: Connection['query'] = async (text, parameters) => {
        const rows = await connection.query<never>(text, parameters)
        await new Promise((resolve) => setTimeout(resolve, delayMs))
        return rows
      }
      return { ...connection, query }
    },
  })
  await follower.start()
  // Timers may end a millisecond early.
  expect(knowledge.ageMs()).toBeGreaterThanOrEqual(delayMs - 1)
})

interface Options {
  readonly intervalMs?: number
  readonly knowledge?: ChangeKnowledge
  readonly self?: string
  readonly connect?: () => Promise<Connection>
}

function follow(options: Options = {}) {
  const inner = options.knowledge ?? changeKnowledge({ clock: systemClock, boundMs: 1000 })
  const polls: Poll[] = []
  const pollStartsMs: number[] = []
  const knowledge = Object.create(inner, {
    apply: {
      value: (poll: Poll, startedAtMs: number) => {
        polls.push(poll)
        pollStartsMs.push(startedAtMs)
        inner.apply(poll, startedAtMs)
      },
    },
  }) as ChangeKnowledge
  const log: string[] = []
  const follower = changeFollower({
    connect: options.connect ?? (() => fixture.db.connect()),
    knowledge,
    clock: systemClock,
    intervalMs: options.intervalMs ?? 20,
    ...(options.self === undefined ? {} : { self: options.self }),
    log: { info: (line) => log.push(line), warn: (line) => log.push(line) },
  })
  followers.push(follower)
  return { knowledge, polls, pollStartsMs, follower, log }
}

function appendOwn(key: string) {
  return fixture.db.transaction((tx) => appendChange(tx, [{ key, version: 1 }]))
}

function heldTransaction(key: string) {
  let xid = 0
  let release!: () => void
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let begin!: () => void
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const done = fixture.db.transaction(async (tx: Transaction) => {
    xid = (await appendChange(tx, [{ key, version: 1 }]))!.xid
    begin()
    await held
  })
  const commit = () => {
    release()
    return done
  }
  return { begun, commit, xid: () => xid }
}

async function countRows(): Promise<number> {
  const [row] = await fixture.db.query<{ count: number }>('select count(*) from change')
  return row!.count
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come to that in 30 s')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
