import { expect, test } from 'vitest'
import { NodeError } from '../../src/platform/errors.js'
import { askedAnew, withToken } from '../../src/resolution/catching-up.js'
import { changeKnowledge } from '../../src/resolution/change-knowledge.js'
import { memoryCached } from '../../src/resolution/memory-cached.js'
import { memoryStore } from '../../src/resolution/memory-store.js'
import { compose } from '../../src/resolution/resolve.js'
import { writeTokens } from '../../src/resolution/write-token.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const PUMP = '88.100.1/pump-7'

test('with a token the write is seen, from whatever tier, at the cost of one poll', async () => {
  const { authority, resolve, polls } = setUp()
  authority.holds(PUMP, 'v1')
  await resolve(queryFor(PUMP, { authoritative: true }))
  const xid = authority.holds(PUMP, 'v2')
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 1, tier: 'memory' })
  const before = polls()
  expect(await resolve(queryFor(PUMP, { token: xid }))).toMatchObject({ version: 2 })
  expect(polls()).toBe(before + 1)
  expect(await resolve(queryFor(PUMP, { token: xid }))).toMatchObject({ version: 2, tier: 'memory' })
  expect(polls()).toBe(before + 1)
})

test('a token of several writes stands for those with lower ids that were committed later', async () => {
  const { resolve, knowledge, polls, clock } = setUp()
  const row = (xid: number) => ({ xid, keys: [`i:${PUMP}`], versions: [xid] })
  // 9 is seen, 8 still under way: the mark stays below both.
  knowledge.apply({ epoch: 'E1', xmin: 8, floor: 1, rows: [row(7), row(9)] }, clock.monotonicMs())
  expect([knowledge.covers(9), knowledge.mark]).toEqual([true, 8])
  const before = polls()
  await resolve(queryFor(PUMP, { token: 9 }))
  expect(polls()).toBe(before + 1)
})

test('a token of no transaction is refused; of one that changed nothing here it is not', async () => {
  const { authority, resolve, knowledge } = setUp()
  authority.holds(PUMP, 'v1')
  await resolve(queryFor(PUMP, { authoritative: true }))
  await expect(resolve(queryFor(PUMP, { token: knowledge.settledBelow }))).rejects.toMatchObject({
    code: 'token-unknown',
  })
  expect(await resolve(queryFor(PUMP, { token: knowledge.settledBelow - 1 }))).toMatchObject({ version: 1 })
})

test('while nobody can be asked, what is known already is answered with its token, marked, and nothing else', async () => {
  const { authority, clock, resolve, goDown } = setUp()
  const xid = authority.holds(PUMP, 'v1')
  await resolve(queryFor(PUMP, { token: xid }))
  const unknown = authority.holds(PUMP, 'v2')
  goDown()
  clock.advanceMs(2_000)
  expect(await resolve(queryFor(PUMP, { token: xid }))).toMatchObject({
    version: 1,
    stale: { asOfMs: expect.any(Number) },
  })
  await expect(resolve(queryFor(PUMP, { token: unknown }))).rejects.toMatchObject({ code: 'authority-unavailable' })
})

test('in the first moments of an outage a token gets no unmarked answer that may lack what it stands for', async () => {
  const { authority, clock, knowledge, resolve, goDown } = setUp()
  await resolve(queryFor(PUMP, { token: authority.holds(PUMP, 'v1') }))
  const { epoch, mark } = knowledge
  // The one after the next is seen, the next still under way: it may be this caller's too, and committed since.
  const row = { xid: mark + 1, keys: ['i:88.100.1/other'], versions: [1] }
  knowledge.apply({ epoch: epoch!, xmin: mark, floor: mark, rows: [row] }, clock.monotonicMs())
  goDown()
  expect(knowledge.isFresh()).toBe(true)
  await expect(resolve(queryFor(PUMP, { token: row.xid }))).rejects.toMatchObject({ code: 'authority-unavailable' })
  clock.advanceMs(2_000)
  expect(await resolve(queryFor(PUMP, { token: row.xid }))).toMatchObject({ version: 1, stale: expect.anything() })
})

test('who demands the answer of the authority is led there by routes that are as current', async () => {
  const { authority, resolve, polls } = setUp()
  authority.holds(PUMP, 'v1')
  for (const demand of [{ authoritative: true }, { minVersion: 5 }]) {
    const before = polls()
    await resolve(queryFor(PUMP, demand))
    expect(polls()).toBe(before + 1)
  }
  const before = polls()
  expect(await resolve(queryFor(PUMP, { minVersion: 1 }))).toMatchObject({ tier: 'memory' })
  await resolve(queryFor('88.100.1/other'))
  expect(polls()).toBe(before)
})

test('a token is bound to the history it was given in', async () => {
  const knowledge = { epoch: 'E1' as string | undefined }
  let heard = 'E1'
  const tokens = writeTokens({
    knowledge,
    catchUp: async () => {
      knowledge.epoch = heard
    },
  })
  const given = tokens.begin()(7)
  expect(given).toMatch(/^7-[\da-f]{8}$/)
  expect(tokens.read(given)).toBe(7)

  // Given by a process that has heard of the new history, read by one that has not yet.
  knowledge.epoch = 'E2'
  const newer = tokens.begin()(8)
  knowledge.epoch = 'E1'
  heard = 'E2'
  expect(await tokens.read(newer)).toBe(8)
  await expect(tokens.read(given)).rejects.toMatchObject({ code: 'token-unknown' })

  // A write under way while the history changes: nobody knows in which of the two it was.
  knowledge.epoch = 'E1'
  const tokenOf = tokens.begin()
  knowledge.epoch = 'E2'
  await expect(tokens.read(tokenOf(9))).rejects.toMatchObject({ code: 'token-unknown' })
})

function setUp() {
  const clock = manualClock()
  const knowledge = changeKnowledge({ clock, boundMs: 1000 })
  const authority = scriptedAuthority(() => knowledge)
  let polls = 0
  let isDown = false
  const catchUp = async () => {
    if (isDown) throw new NodeError('authority-unavailable', 'the scripted feed is down')
    polls += 1
    knowledge.apply(authority.poll(), clock.monotonicMs())
  }
  void catchUp()
  const layers = [
    withToken({ knowledge, catchUp }),
    memoryCached({ store: memoryStore(1_000_000), knowledge, clock, maxStaleSeconds: 60 }),
    askedAnew({ catchUp }),
  ]
  const goDown = () => {
    isDown = true
    authority.goesDown()
  }
  return { clock, authority, knowledge, goDown, polls: () => polls, resolve: compose(layers, authority.resolve) }
}
