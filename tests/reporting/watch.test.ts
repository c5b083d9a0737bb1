import { afterEach, beforeEach, expect, test } from 'vitest'
import { HandleFault } from '../../src/protocols/handle/client/faults.js'
import { pruneReports } from '../../src/reporting/duty/pruning.js'
import { endUnwatched } from '../../src/reporting/watch/node-events.js'
import { failing } from './failing-database.js'
import { hosted, START_MS, selfBuilt, type WatchFixture, watchFixture } from './watch-fixture.js'

const DOWN = ['no answer', 'no answer', 'no answer']
const UP = [5, 5, 5]

let at: WatchFixture
beforeEach(async () => {
  at = await watchFixture()
})
afterEach(() => at.close())

test('a node that fails three times in a row is abnormal since the first, and its recovery names that event', async () => {
  const one = at.process()
  one.find([5, 'no answer', 'no answer', 5])
  await one.store()
  expect(await at.events()).toEqual([])
  one.find(DOWN)
  one.find(UP, { prefix: '88.118.9' })
  await one.store()
  one.find(['no answer'])
  await one.store()
  const [abnormal] = await at.events()
  expect(await at.events()).toMatchObject([
    { subject: 'acme', prefix: '88.118.8', state: 'abnormal', second: 120, type: 1, ends: null },
  ])
  expect(abnormal!.cause).toBe('The node of 88.118.8 does not answer: no answer')
  one.find([5, 5])
  await one.store()
  expect(await at.events()).toHaveLength(1)
  one.find([5])
  await one.store()
  await one.store()
  expect((await at.events()).slice(1)).toMatchObject([
    { subject: 'acme', prefix: '88.118.8', state: 'recovered', ends: abnormal!.number, second: 330 },
  ])
  await one.stop()
})

test('one that answers what it should not is another kind of abnormal', async () => {
  const one = at.process()
  one.find(Array.from({ length: 3 }, () => new HandleFault('invalid-answer', 'it sends\0garbage')))
  await one.stop()
  expect(await at.events()).toMatchObject([{ type: 2, cause: expect.stringContaining('it sendsgarbage') }])
})

test('an outage that began and ended while nothing could be stored is told with its end', async () => {
  const one = at.process(failing(at.db, { times: 3, afterCommit: false }))
  one.find([...UP, ...DOWN])
  await expect(one.store()).rejects.toMatchObject({ code: 'authority-unavailable' })
  one.find([...UP, ...DOWN, ...UP])
  await expect(one.store()).rejects.toMatchObject({ code: 'authority-unavailable' })
  await one.store()
  expect((await at.events()).map(({ state, second }) => [state, second])).toEqual([
    ['abnormal', 90],
    ['recovered', 360],
  ])
  expect(await at.counted()).toEqual({ probes: 15, answered: 9 })
  await one.stop()
})

test('a batch whose commit was not heard of counts once', async () => {
  const one = at.process(failing(at.db, { times: 2, afterCommit: true }))
  one.find(DOWN)
  for (let round = 0; round < 3; round++) await one.store().catch(() => undefined)
  await one.stop()
  expect(await at.counted()).toEqual({ probes: 3, answered: 0 })
  expect(await at.events()).toHaveLength(1)
})

test('every process probes, one of them counts and tells; when it stops another does', async () => {
  const one = at.process()
  one.find(UP)
  await one.store()
  const other = at.process()
  other.find(UP)
  await other.store()
  expect(await at.counted()).toEqual({ probes: 3, answered: 3 })
  // Only the other finds it down: it may be its own line.
  other.find(DOWN)
  one.find(UP)
  await Promise.all([other.store(), one.store()])
  expect(await at.events()).toEqual([])
  expect(await at.counted()).toEqual({ probes: 6, answered: 6 })
  await one.stop()
  other.find(['no answer'])
  await other.store()
  expect(await at.events()).toMatchObject([{ state: 'abnormal', second: 180 }])
  await other.stop()
})

test('many that store at the same time count as one', async () => {
  const processes = Array.from({ length: 6 }, () => at.process())
  for (let round = 0; round < 4; round++) {
    for (const process of processes) process.find([round % 2 === 0 ? 'no answer' : 5], { everyMs: 0 })
    at.clock.advanceMs(30_000)
    await Promise.all(processes.map((process) => process.store()))
  }
  expect(await at.counted()).toEqual({ probes: 4, answered: 2 })
  await Promise.all(processes.map((process) => process.stop()))
})

test('a process that dies is replaced when its lease has run out; time that it may have counted counts once', async () => {
  const [dead, other] = [at.process(), at.process()]
  dead.find(UP)
  await dead.store()
  other.find(UP)
  await other.store()
  other.find(UP)
  await at.db.query('update probe_watch set lease_until = $1', [new Date(at.clock.nowMs() - 45_000)])
  await other.store()
  expect(await at.counted()).toEqual({ probes: 3, answered: 3 })
  other.find(UP)
  await other.store()
  expect(await at.counted()).toEqual({ probes: 6, answered: 6 })
  await other.stop()
  // Whoever begins after the end of the one before misses nothing.
  await at.db.query('update probe_watch set lease_until = $1', [new Date(at.clock.nowMs())])
  const next = at.process()
  next.find(UP)
  await next.stop()
  expect(await at.counted()).toEqual({ probes: 9, answered: 9 })
})

test('a restart during an outage tells it once, and its end', async () => {
  const before = at.process()
  before.find(DOWN)
  await before.stop()
  const during = at.process()
  during.find(DOWN)
  await during.stop()
  const after = at.process()
  after.find(UP)
  await after.stop()
  const [abnormal, recovered, ...more] = await at.events()
  expect([abnormal!.state, recovered!.state, recovered!.ends]).toEqual(['abnormal', 'recovered', abnormal!.number])
  expect(more).toEqual([])
})

test('a node that comes and goes has to be steady for longer each time, and is abnormal meanwhile', async () => {
  const one = at.process()
  // Half a day of outages, every five minutes.
  for (let round = 0; round < 144; round++) {
    one.find([...DOWN, 5, 5, 5, 5, 5, 5, 5])
    await one.store()
  }
  const states = (await at.events()).map(({ state }) => state)
  expect(states.filter((state) => state === 'abnormal')).toHaveLength(5)
  expect(states.at(-1)).toBe('abnormal')
  one.find(Array.from({ length: 20 }, () => 5))
  await one.store()
  expect((await at.events()).at(-1)).toMatchObject({ state: 'recovered' })
  await one.stop()
})

test('what is not watched any more has no open event: another service, a suspension, no probes at all', async () => {
  const one = at.process()
  const end = (isProbing = true) => endUnwatched(at.db, { nowMs: at.clock.nowMs(), isProbing })
  one.find(DOWN)
  one.find(DOWN, { prefix: '88.118.9' })
  await one.store()
  await end()
  expect(await at.events()).toHaveLength(2)
  await hosted(at.db, '88.118.8')
  await end()
  await end()
  const [acme, globex, ended] = await at.events()
  expect(ended).toMatchObject({ ends: acme!.number, cause: expect.stringContaining('is not watched any more') })
  // What it found before is stored only now.
  one.find(['no answer'])
  await one.store()
  expect(await at.events()).toHaveLength(3)
  await selfBuilt(at.db, '88.118.8')
  const watchedAgain = (at.clock.nowMs() - START_MS) / 1_000
  one.find(['no answer'])
  await one.store()
  expect((await at.events()).slice(3)).toMatchObject([{ state: 'abnormal', second: watchedAgain }])
  await end(false)
  const all = await at.events()
  expect(all.slice(4).map(({ ends }) => ends)).toEqual([globex!.number, all[3]!.number])
  await one.stop()
})

test('whoever takes over and has found it down all the time tells nothing of before its recovery', async () => {
  const [one, other] = [at.process(), at.process()]
  one.find(DOWN, { everyMs: 0 })
  await one.store()
  other.find(DOWN)
  one.find(UP)
  await one.stop()
  const overSinceSecond = (at.clock.nowMs() - START_MS) / 1_000
  other.find(['no answer'])
  await other.stop()
  expect((await at.events()).map(({ state, second }) => [state, second])).toEqual([
    ['abnormal', 0],
    ['recovered', 90],
    ['abnormal', overSinceSecond],
  ])
})

test('what is watched no more is not over before it began, whatever the clocks of two processes say', async () => {
  const one = at.process()
  one.find(DOWN)
  await one.stop()
  await endUnwatched(at.db, { nowMs: START_MS - 60_000, isProbing: false })
  expect((await at.events()).map(({ state, second }) => [state, second])).toEqual([
    ['abnormal', 0],
    ['recovered', 0],
  ])
})

test('events and counts are forgotten in their time, an open event never', async () => {
  const one = at.process()
  one.find([...DOWN, ...UP])
  one.find(DOWN, { prefix: '88.118.9' })
  await one.stop()
  await pruneReports(at.db, START_MS + 200 * 86_400_000)
  expect(await at.counted()).toEqual({ probes: 0, answered: 0 })
  expect(await at.events()).toHaveLength(3)
  await pruneReports(at.db, START_MS + 399 * 86_400_000)
  expect(await at.events()).toMatchObject([{ prefix: '88.118.9', state: 'abnormal' }])
})
