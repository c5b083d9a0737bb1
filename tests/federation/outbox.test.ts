/** The side that tells, against the side that is told, each on a database of its own, with what can go wrong in between. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LEASE_SECONDS, registerUpward, unregisterUpward } from '../../src/federation/upward/outbox-store.js'
import type { Answered, Parent } from '../../src/federation/upward/parent.js'
import { upwardReceiver } from '../../src/federation/upward/receive.js'
import { type UpwardSync, upwardSync } from '../../src/federation/upward/upward-sync.js'
import { systemClock } from '../../src/platform/clock.js'
import { messageOf } from '../../src/platform/errors.js'
import type { UpwardBatch } from '../../src/protocols/rest/upward.js'
import { findSettledTransaction } from '../../src/registry/acknowledged-waits.js'
import { writeIdentifiers } from '../../src/registry/identifiers.js'
import { findPropagationStatus, listRefused, upwardPropagation } from '../../src/registry/propagation.js'
import { pruneChanges } from '../../src/registry/prune-changes.js'
import { feedSettled, type RegistryFixture, registration, registryFixture } from '../registry/fixture.js'

vi.setConfig({ testTimeout: 120_000 })
const PATIENT = { timeout: 60_000, interval: 10 }

let below: RegistryFixture
let above: RegistryFixture
let syncs: UpwardSync[]
let log: string[]

beforeEach(async () => {
  ;[below, above] = await Promise.all([registryFixture(), registryFixture()])
  syncs = []
  log = []
})
afterEach(async () => {
  for (const sync of syncs) await sync.stop()
  await Promise.all([below.close(), above.close()])
})

interface ScriptedParent extends Parent {
  readonly batches: UpwardBatch[]
}

/** The real receiver; `interfere` may answer in its place, before it or after it has taken a batch. */
function parent(
  interfere: Partial<Record<'before' | 'after', (batch: UpwardBatch) => Answered | undefined>> = {},
): ScriptedParent {
  const receiver = upwardReceiver(above.registry)
  const batches: UpwardBatch[] = []
  return {
    batches,
    position: () => receiver.position(above.acme),
    async tell(batch) {
      const instead = interfere.before?.(batch)
      if (instead !== undefined) return instead
      batches.push(batch)
      try {
        const outcome = await receiver.receive(above.acme, batch)
        return interfere.after?.(batch) ?? { kind: 'taken', outcome }
      } catch (error) {
        const { code } = error as { code?: string }
        return { kind: code === 'sequence-gap' ? 'gap' : 'failed', reason: messageOf(error) }
      }
    },
  }
}

async function startTelling(to: Parent, keepHours = 1): Promise<UpwardSync> {
  await registerUpward(below.db)
  const note = (line: string | object) => void log.push(String(line))
  const sync = upwardSync({
    db: below.db,
    clock: systemClock,
    parent: to,
    keepHours,
    log: { info: note, warn: note },
    retry: { leastMs: 20, mostMs: 200 },
  })
  sync.start()
  syncs.push(sync)
  return sync
}

async function write(...names: readonly string[]): Promise<number> {
  const items = names.map((name) => registration(`88.118.8/${name}`, `https://example.com/${name}`))
  const outcomes = await writeIdentifiers(below.registry, below.acme, items)
  return Math.max(...outcomes.map((one) => (one.ok ? Number(one.receipt.token) : Number.NaN)))
}

async function untilSettled(xid: number): Promise<void> {
  const isSettled = async () => ((await findSettledTransaction(below.db)) ?? 0) >= xid
  await vi.waitUntil(isSettled, PATIENT)
}

const states = async (...names: readonly string[]) => {
  const found = await upwardPropagation(below.db).ofIdentifiers(names.map((name) => `88.118.8/${name}`))
  return names.map((name) => found.get(`88.118.8/${name}`)?.state)
}
const nodes = () => upwardReceiver(above.registry).nodes(above.admin)

test('the state of a record follows from where the telling stands', async () => {
  await write('old')
  let isAway = true
  const away = () => (isAway ? ({ kind: 'failed', reason: 'away' } as const) : undefined)
  await startTelling(parent({ before: away }))
  await vi.waitFor(async () => expect(await states('old', 'nowhere')).toEqual(['sent', undefined]), PATIENT)
  const xid = await write('new')
  expect(await states('old', 'new')).toEqual(['sent', 'queued'])
  isAway = false
  await untilSettled(xid)
  expect(await states('old', 'new')).toEqual(['acknowledged', 'acknowledged'])
  expect(await upwardPropagation(below.db).ofPrefix('88.118.8')).toEqual({ state: 'acknowledged' })
})

test('an answer that is lost leads to a second telling, and to no second effect', async () => {
  let lost = 0
  const loseSome = () => (lost++ % 2 === 0 ? ({ kind: 'failed', reason: 'the answer was lost' } as const) : undefined)
  const to = parent({ after: loseSome })
  await startTelling(to)
  for (let round = 0; round < 3; round += 1) await untilSettled(await write(`a${round}`, `b${round}`))
  expect(to.batches.length).toBeGreaterThan(3)
  // Two prefixes, of which one is not the other node's, and six identifiers.
  expect(await nodes()).toMatchObject([{ registered: 6, repeated: expect.any(Number) }])
  const [row] = await above.db.query<{ count: number }>('select count(*) as count from delegate_identifier')
  expect((await nodes())[0]!.applied).toBe(row!.count + 2)
})

test('of several processes one tells, and when it stops another goes on', async () => {
  const [one, two] = [parent(), parent()]
  const first = await startTelling(one)
  await untilSettled(await write('a'))
  await startTelling(two)
  await untilSettled(await write('b'))
  expect(two.batches).toEqual([])
  await first.stop()
  await untilSettled(await write('c'))
  expect(two.batches.length).toBeGreaterThan(0)
  expect(await nodes()).toMatchObject([{ registered: 3 }])
})

test('a process that died with the lease is replaced when it lapses, and moves nothing any more', async () => {
  await registerUpward(below.db)
  await below.db.query(
    `update propagation set lease = gen_random_uuid(), lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})`,
  )
  const to = parent()
  await startTelling(to)
  const xid = await write('a')
  expect(await findSettledTransaction(below.db)).toBeUndefined()
  await untilSettled(xid)
  // As if another had thought this one dead.
  await below.db.query(
    `update propagation set lease = gen_random_uuid(), lease_until = clock_timestamp() + make_interval(secs => 600)`,
  )
  const told = to.batches.length
  await write('b')
  await vi.waitFor(async () => expect(await states('b')).toEqual(['queued']), PATIENT)
  expect(to.batches.length).toBeLessThanOrEqual(told + 1)
})

test('a batch that is refused whole is narrowed down to the change it is about, and the others are told', async () => {
  const isPoisoned = ({ changes }: UpwardBatch) =>
    changes.some((change) => (change as { key?: string }).key === '88.118.8/n15-poison')
  const refuse = (batch: UpwardBatch) =>
    isPoisoned(batch) ? ({ kind: 'refused', code: 'too-large', reason: 'Not like this.' } as const) : undefined
  await startTelling(parent({ before: refuse }))
  await untilSettled(await write('first'))
  const names = Array.from({ length: 30 }, (_, place) => `n${place}`)
  // The feed has them by name: others come before and behind it.
  await untilSettled(await write(...names, 'n15-poison'))
  expect(await states('n0', 'n15-poison', 'n29')).toEqual(['acknowledged', 'refused', 'acknowledged'])
  expect(await listRefused(below.db, { limit: 10, prefixes: ['88.118.8'] })).toMatchObject([
    { name: '88.118.8/n15-poison', code: 'too-large', reason: 'Not like this.', tries: 1 },
  ])
  expect(await nodes()).toMatchObject([{ registered: 31 }])
})

test('a record that was refused is told again when it changes', async () => {
  let isRefused = true
  const refuse = (batch: UpwardBatch) =>
    isRefused && batch.changes.some((change) => (change as { key?: string }).key === '88.118.8/x')
      ? ({ kind: 'refused', code: 'record-invalid', reason: 'No.' } as const)
      : undefined
  await startTelling(parent({ before: refuse }))
  await untilSettled(await write('x'))
  expect(await states('x')).toEqual(['refused'])
  isRefused = false
  const changed = registration('88.118.8/x', 'https://example.com/changed')
  const [outcome] = await writeIdentifiers(below.registry, below.acme, [changed])
  await untilSettled(outcome?.ok ? Number(outcome.receipt.token) : Number.NaN)
  expect(await states('x')).toEqual(['acknowledged'])
  expect(await listRefused(below.db, { limit: 10, prefixes: ['88.118.8'] })).toEqual([])
})

test('the feed is kept for what is not acknowledged; what waits too long is told anew instead, and nothing is lost', async () => {
  let isAway = false
  const away = () => (isAway ? ({ kind: 'failed', reason: 'away for weeks' } as const) : undefined)
  await startTelling(parent({ before: away }), 24)
  await untilSettled(await write('before'))
  isAway = true
  await write('kept')
  const isAwayFor = { failing: { reason: 'away for weeks' } }
  await vi.waitFor(async () => expect(await findPropagationStatus(below.db)).toMatchObject(isAwayFor), PATIENT)
  await below.db.query(`update change set at = clock_timestamp() - interval '20 hours'`)
  await pruneChanges(below.db, 1)
  expect(await findPropagationStatus(below.db)).toMatchObject({ backlog: 1, oldestSeconds: expect.any(Number) })
  expect(await states('kept')).toEqual(['sent'])

  await below.db.query(`update change set at = clock_timestamp() - interval '25 hours'`)
  const isAnew = { walk: '', backlog: 0 }
  await vi.waitFor(async () => expect(await findPropagationStatus(below.db)).toMatchObject(isAnew), PATIENT)
  expect(log.filter((line) => /more than 24 hours/.test(line))).toHaveLength(1)
  isAway = false
  await untilSettled(await write('after'))
  expect(await states('before', 'kept', 'after')).toEqual(['acknowledged', 'acknowledged', 'acknowledged'])
  expect(await nodes()).toMatchObject([{ registered: 3 }])
})

test('everything is told in parts of bounded size, each of which is a place to go on from', async () => {
  const names = Array.from({ length: 2_100 }, (_, place) => `many-${String(place).padStart(5, '0')}`)
  await write(...names.slice(0, 2_000))
  await write(...names.slice(2_000))
  const to = parent()
  await startTelling(to)
  await vi.waitUntil(() => to.batches.some(({ walk }) => walk?.through === null), { timeout: 60_000, interval: 10 })
  await untilSettled(await write('last'))
  const walked = to.batches.filter(({ walk }) => walk !== undefined)
  expect(walked.map(({ walk, changes }) => [walk!.after, walk!.through, changes.length])).toEqual([
    ['', 'i:88.118.8/many-01999', 2_000],
    ['i:88.118.8/many-01999', 'p:', 100],
    ['p:', null, 3],
  ])
  expect(await nodes()).toMatchObject([{ registered: 2_101 }])
})

test('a failure that is over is shown to be over, also when there is nothing to tell', async () => {
  const first = await startTelling(parent())
  await untilSettled(await write('a'))
  await first.stop()
  await below.db.query(`update propagation set failing_since = clock_timestamp(), failure = 'away'`)
  expect(await findPropagationStatus(below.db)).toMatchObject({ failing: { reason: 'away' } })
  const to = parent()
  await startTelling(to)
  const isOver = async () => (await findPropagationStatus(below.db))?.failing === undefined
  await vi.waitUntil(isOver, PATIENT)
  expect(to.batches.every(({ changes }) => changes.length === 0)).toBe(true)
})

test('a node whose feed has nothing settled any more tells everything, and then what changes', async () => {
  const old = await write('old')
  await feedSettled(below.db)
  await below.db.query('delete from change')
  await below.db.query('update change_horizon set xid = $1', [old])
  await startTelling(parent())
  await untilSettled(await write('new'))
  expect(await states('old', 'new')).toEqual(['acknowledged', 'acknowledged'])
})

test('changes that are no longer kept, though they were not told, lead to a telling of everything', async () => {
  const first = await startTelling(parent())
  await untilSettled(await write('told'))
  await first.stop()
  const lost = await write('lost')
  await feedSettled(below.db)
  await below.db.query('delete from change where xid < $1', [lost])
  await below.db.query('update change_horizon set xid = $1', [lost])
  await startTelling(parent())
  await untilSettled(await write('new'))
  expect(await states('told', 'lost', 'new')).toEqual(['acknowledged', 'acknowledged', 'acknowledged'])
  expect(log.filter((line) => /no longer kept here/.test(line))).toHaveLength(1)
})

test('without a node above nothing is kept for one', async () => {
  await registerUpward(below.db)
  await registerUpward(below.db)
  expect(await findPropagationStatus(below.db)).toMatchObject({ walk: '', refused: 0 })
  await unregisterUpward(below.db)
  await unregisterUpward(below.db)
  expect(await findPropagationStatus(below.db)).toBeUndefined()
  expect(await below.db.query('select from change_consumer')).toEqual([])
  expect(await below.db.query('select from propagation_refusal')).toEqual([])
})
