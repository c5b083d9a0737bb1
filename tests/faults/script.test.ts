import { expect, test } from 'vitest'
import { FAULT_KINDS } from './fault-kinds.js'
import { seededRandom } from './random.js'
import { ALL_KINDS, randomScript } from './schedule.js'
import { parseScript } from './script.js'

test('a line says when, what and for how long', () => {
  expect(parseScript('at 3s redis.stop for 2s')).toEqual([
    { atMs: 3_000, name: 'redis.stop', node: undefined, amount: 0, forMs: 2_000, text: 'redis.stop for 2s' },
  ])
})

test('nodes, proxies and amounts', () => {
  const script = `
    at 1.5s node2.kill            # it comes back by itself
    at 2s proxy.node3.postgres.latency 80ms for 250ms; at 1min proxy.all.redis.cut`
  expect(parseScript(script)).toMatchObject([
    { atMs: 1_500, name: 'node.kill', node: 1, forMs: 300 },
    { atMs: 2_000, name: 'proxy.postgres.latency', node: 2, amount: 80, forMs: 250 },
    { atMs: 60_000, name: 'proxy.redis.cut', node: undefined, forMs: 1_000 },
  ])
})

test('rates, offsets and factors', () => {
  const script = `
    at 1s proxy.all.redis.rate 20kB for 2s; at 2s node1.clock -400d for 3s; at 3s node3.clock +1.5h
    at 4s node2.clock-rate x5; at 5s proxy.node2.both.hang; at 6s net.swizzle`
  expect(parseScript(script)).toMatchObject([
    { name: 'proxy.redis.rate', node: undefined, amount: 20_000, forMs: 2_000 },
    { name: 'node.clock', node: 0, amount: -400 * 86_400_000, forMs: 3_000 },
    { name: 'node.clock', node: 2, amount: 5_400_000 },
    { name: 'node.clock-rate', node: 1, amount: 5 },
    { name: 'proxy.both.hang', node: 1, amount: 0 },
    { name: 'net.swizzle', node: undefined },
  ])
})

test('faults come in the order of time', () => {
  expect(parseScript('at 9s redis.flush\nat 200ms redis.attack').map(({ name }) => name)).toEqual([
    'redis.attack',
    'redis.flush',
  ])
})

test.each([
  ['redis.stop for 2s', 'write "at 3s redis.stop for 2s"'],
  ['at 3 redis.stop', '"3" is no time: write 250ms, 3s or 1.5min'],
  ['at 3s redis.stop for ever', '"ever" is no time'],
  ['at 3s redis.explode', 'there is no fault "redis.explode"; there are redis.stop, '],
  ['at 3s node4.kill', 'there is no fault "node4.kill"'],
  ['at 3s node.kill', 'there is no fault "node.kill"'],
  ['at 3s proxy.node1.postgres.corrupt', 'there is no fault "proxy.node1.postgres.corrupt"'],
  ['at 3s redis.flush for 2s', 'redis.flush happens at once: leave out "for"'],
  [
    'at 3s proxy.all.redis.latency',
    'proxy.redis.latency needs an amount, such as "proxy.all.redis.latency 80ms for 1s"',
  ],
  ['at 3s proxy.all.redis.rate 80ms', '"80ms" is no rate: write 800B, 20kB or 1MB'],
  ['at 3s node1.clock 1h', '"1h" is no offset: write +500ms, -2s, +1h or -400d'],
  ['at 3s node1.clock-rate 5', '"5" is no factor: write x5'],
  ['at 3s proxy.node1.both.latency 80ms', 'there is no fault "proxy.node1.both.latency"'],
  ['at 3s redis.stop 80ms', 'redis.stop takes no amount ("80ms")'],
])('%s is refused with a reason', (line, reason) => {
  expect(() => parseScript(line)).toThrow(reason)
})

test('all faults of a script are told, each with its line', () => {
  expect(() => parseScript('at 3s redis.stop\nat x node1.kill\nat 5s nothing')).toThrow(/line 2, .*\nline 3, /)
})

test('the same seed gives the same storm, another seed another one', () => {
  const storm = (seed: number) => randomScript({ durationMs: 60_000, random: seededRandom(seed) })
  expect(storm(7)).toBe(storm(7))
  expect(storm(7)).not.toBe(storm(8))
})

test('a random storm can be parsed, keeps within its time, and knows every kind of fault', () => {
  const storm = parseScript(randomScript({ durationMs: 300_000, random: seededRandom(1) }))
  expect(new Set(storm.map(({ name }) => name))).toEqual(new Set(Object.keys(FAULT_KINDS)))
  expect(Math.max(...storm.map(({ atMs, forMs }) => atMs + forMs))).toBeLessThanOrEqual(300_000)
})

test('a storm of some kinds has no others', () => {
  const kinds = ['redis.stop', 'node.clock'] as const
  const storm = parseScript(randomScript({ durationMs: 60_000, random: seededRandom(1), kinds }))
  expect(new Set(storm.map(({ name }) => name))).toEqual(new Set(kinds))
})

test('without overlap no fault begins before the one before is over, but for one that does little by itself', () => {
  const kinds = ALL_KINDS.filter((name) => name !== 'postgres.hold')
  const storm = parseScript(randomScript({ durationMs: 300_000, random: seededRandom(3), kinds }))
  for (const [at, { atMs }] of storm.slice(1).entries()) {
    expect(atMs).toBeGreaterThan(storm[at]!.atMs + storm[at]!.forMs)
  }
})

test('while a transaction is held open, others come', () => {
  const storm = parseScript(randomScript({ durationMs: 300_000, random: seededRandom(3) }))
  const at = storm.findIndex(({ name }) => name === 'postgres.hold')
  expect(storm[at + 1]!.atMs).toBeLessThan(storm[at]!.atMs + storm[at]!.forMs)
})
