import { expect, test } from 'vitest'
import { Budget } from '../../src/federation/budget.js'
import { LOOKUP_MS, MAX_HOPS, MAX_SENDS, readPassage } from '../../src/resolution/passage.js'
import { manualClock } from '../support/manual-clock.js'

const clock = manualClock()
const passed = (from: Budget) => readPassage(from.handOn())!

test('a look-up has two seconds, or what its caller gives it', () => {
  expect(new Budget({ clock, self: 'a' }).timeLeftMs()).toBe(LOOKUP_MS)
  const short = new Budget({ clock, self: 'a', deadlineMs: clock.monotonicMs() + 300 })
  expect(short.timeLeftMs()).toBe(300)
  clock.advanceMs(299)
  expect(() => short.timeLeftMs()).toThrow('its time is over')
})

test('requests to other nodes are counted over all that is tried', () => {
  const budget = new Budget({ clock, self: 'a' })
  for (let sends = 0; sends < MAX_SENDS; sends++) budget.spend(1)
  expect(() => budget.spend(1)).toThrow('enough for one look-up')
})

test('what is handed on grows less at every node, and ends', () => {
  let budget = new Budget({ clock, self: 'node-0' })
  let nodes = 1
  for (; nodes < 100; nodes++) {
    const before = budget
    clock.advanceMs(1)
    const passage = passed(before)
    try {
      budget = new Budget({
        clock,
        self: `node-${nodes}`,
        passage,
        deadlineMs: clock.monotonicMs() + passage.timeLeftMs,
      })
    } catch (error) {
      expect((error as Error).message).toContain(`passed ${MAX_HOPS} nodes`)
      break
    }
    expect(budget.timeLeftMs()).toBeLessThan(before.timeLeftMs() + 1)
  }
  expect(nodes).toBe(MAX_HOPS)
})

test('however a tree of nodes spends, it is no more than one look-up may cause', () => {
  let sent = 0
  const visit = (budget: Budget, depth: number) => {
    for (let child = 0; ; child++) {
      try {
        budget.spend(1)
        sent += 1
        const passage = passed(budget)
        visit(new Budget({ clock, self: `${depth}-${child}-${sent}`, passage }), depth + 1)
      } catch {
        return
      }
    }
  }
  visit(new Budget({ clock, self: 'root' }), 0)
  expect(sent).toBeGreaterThan(MAX_SENDS / 2)
  expect(sent).toBeLessThanOrEqual(MAX_SENDS)
})

test('a look-up that comes back is known by its way', () => {
  const first = new Budget({ clock, self: 'a' })
  const second = new Budget({ clock, self: 'b', passage: passed(first) })
  expect(() => new Budget({ clock, self: 'a', passage: passed(second) })).toThrow('in a circle: a → b → a')
})

test.each<[Readonly<Record<string, string>>, string]>([
  [{ 'jiexi-via': 'a' }, 'nothing is left where nothing is said'],
  [{ 'jiexi-via': 'a b', 'jiexi-hops': '8', 'jiexi-sends': '32' }, 'a name that is none'],
  [{ 'jiexi-via': 'a', 'jiexi-hops': '-1', 'jiexi-sends': '32' }, 'less than none'],
  [{ 'jiexi-via': Array.from({ length: 17 }, () => 'a').join(), 'jiexi-hops': '8' }, 'too many names'],
])('%o is used up: %s', (headers, _why) => {
  expect(() => new Budget({ clock, self: 'z', passage: readPassage(headers)! })).toThrow('has passed')
})

test('nobody gets more than a look-up has, whatever he says', () => {
  const headers = {
    'jiexi-via': 'a',
    'jiexi-hops': '999999999',
    'jiexi-sends': '999999999',
    'jiexi-deadline-ms': '999999999',
  }
  const budget = new Budget({ clock, self: 'b', passage: readPassage(headers)! })
  expect(budget.handOn()).toMatchObject({ 'jiexi-hops': String(MAX_HOPS - 1), 'jiexi-sends': String(MAX_SENDS / 2) })
  expect(budget.timeLeftMs()).toBe(LOOKUP_MS)
})

test('a look-up without a way comes from no node', () => expect(readPassage({})).toBeUndefined())
