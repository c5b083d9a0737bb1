import { expect, test } from 'vitest'
import { changeKnowledge } from '../../src/resolution/change-knowledge.js'
import { loadShedding, refuseWhenBehind } from '../../src/resolution/load-shedding.js'
import { compose } from '../../src/resolution/resolve.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const MOST = 3
const PUMP = '88.100.1/pump-7'

test('as many may wait as allowed, the next is refused at once, and told when to try again', async () => {
  const { release, resolve } = setUp()
  const waiting = Array.from({ length: MOST }, () => resolve(queryFor(PUMP)))
  expect(() => resolve(queryFor(PUMP))).toThrow(
    expect.objectContaining({
      code: 'overloaded',
      retryAfterSeconds: 1,
      message: expect.stringContaining('3 look-ups'),
    }),
  )
  release()
  expect(await Promise.all(waiting)).toHaveLength(MOST)
})

test('whoever has been answered, or has failed, waits no more', async () => {
  const { authority, release, resolve } = setUp()
  const waiting = Array.from({ length: MOST }, () => resolve(queryFor(PUMP)))
  release()
  await Promise.all(waiting)
  authority.goesDown()
  for (let time = 0; time < MOST + 1; time += 1)
    await expect((async () => resolve(queryFor(PUMP)))()).rejects.toMatchObject({ code: 'authority-unavailable' })
})

function setUp() {
  const knowledge = changeKnowledge({ clock: manualClock(), boundMs: 1000 })
  const authority = scriptedAuthority(() => knowledge)
  authority.holds(PUMP, 'v1')
  const release = authority.delaysReplies()
  return { authority, release, resolve: compose([loadShedding(MOST)], authority.resolve) }
}

test('while this process is behind, look-ups that come here are refused and nobody is asked; later they are answered', async () => {
  let isBehind = true
  let asked = 0
  const resolve = compose([refuseWhenBehind(() => isBehind)], async ({ identifier }) => {
    asked += 1
    return { kind: 'absent', key: identifier.key, prefix: '88.100.1', version: 0, tier: 'registry', stamp: 1 }
  })
  expect(() => resolve(queryFor(PUMP))).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }))
  expect(asked).toBe(0)
  isBehind = false
  expect(await resolve(queryFor(PUMP))).toMatchObject({ kind: 'absent' })
})
