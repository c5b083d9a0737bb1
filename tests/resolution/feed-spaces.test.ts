import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test, vi } from 'vitest'
import { currentRoutes } from '../../src/registry/routes.js'
import { changeKnowledge } from '../../src/resolution/change-knowledge.js'
import {
  apiKeyFeedKey,
  FEED_SPACES,
  identifierFeedKey,
  nameIn,
  prefixFeedKey,
} from '../../src/resolution/feed-spaces.js'
import { memoryCached } from '../../src/resolution/memory-cached.js'
import { memoryStore } from '../../src/resolution/memory-store.js'
import { compose } from '../../src/resolution/resolve.js'
import { singleFlight } from '../../src/resolution/single-flight.js'
import { manualClock } from '../support/manual-clock.js'
import { queryFor } from '../support/query-for.js'
import { scriptedAuthority } from '../support/scripted-authority.js'

const PUMP = '88.100.1/pump-7'

test('a key is of one space, by which it tells its name', () => {
  expect(nameIn('identifier', identifierFeedKey(PUMP))).toBe(PUMP)
  expect(nameIn('prefix', prefixFeedKey('88.100.1'))).toBe('88.100.1')
  expect(nameIn('apiKey', apiKeyFeedKey('abc'))).toBe('abc')
  for (const stranger of ['', 'i', ':', 'p88', 'ii:x', 'x:88.100.1', `x:${PUMP}`]) {
    for (const space of Object.keys(FEED_SPACES) as (keyof typeof FEED_SPACES)[])
      expect(nameIn(space, stranger)).toBeUndefined()
  }
  const letters = Object.values(FEED_SPACES)
  expect(new Set(letters).size).toBe(letters.length)
})

test('a space that is not known, or no space at all, does no harm to what is cached', async () => {
  const clock = manualClock()
  const knowledge = changeKnowledge({ clock, boundMs: 1_000 })
  const authority = scriptedAuthority(() => knowledge)
  authority.holds(PUMP, 'v1')
  const load = vi.fn(async () => new Map())
  const routes = currentRoutes({ load, knowledge, clock, maxAgeMs: 500 })
  const layers = [
    memoryCached({ store: memoryStore(1_000_000), knowledge, clock, maxStaleSeconds: 60 }),
    singleFlight(clock, 500, knowledge),
  ]
  const resolve = compose(layers, authority.resolve)
  const { epoch, floor, rows } = authority.poll()
  const poll = (xid: number, keys: readonly string[]) => {
    const strange = { xid, keys, versions: keys.map(() => 1) }
    knowledge.apply({ epoch, floor, xmin: xid + 1, rows: [...rows, strange] }, clock.monotonicMs())
  }
  poll(10, [])
  await routes()
  await resolve(queryFor(PUMP))

  poll(11, ['', ':', 'i', 'x:88.100.1', `x:${PUMP}`, 'pump', 'grant:88.100.1', `q${prefixFeedKey('88.100.1')}`])
  expect(knowledge.mark).toBe(12)
  expect(await resolve(queryFor(PUMP))).toMatchObject({ version: 1, tier: 'memory' })
  await routes()
  expect(load).toHaveBeenCalledTimes(1)
  poll(12, [prefixFeedKey('88.100.1')])
  expect(await resolve(queryFor(PUMP))).toMatchObject({ tier: 'registry' })
  await routes()
  expect(load).toHaveBeenCalledTimes(2)
})

test('nobody but their home spells the spaces', () => {
  const source = path.resolve(import.meta.dirname, '../../src')
  const spelled = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('feed-spaces.ts'))
    .filter((file) => /['"`][ipkgr]:['"`$]/.test(readFileSync(path.join(source, file), 'utf8')))
  expect(spelled).toEqual([])
})
