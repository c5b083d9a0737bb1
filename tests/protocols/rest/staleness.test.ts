import { afterAll, beforeAll, expect, test } from 'vitest'
import { NodeError } from '../../../src/platform/errors.js'
import { openDatabase } from '../../../src/platform/postgres.js'
import { type Failure, httpServer } from '../../../src/protocols/http/server.js'
import { decodeResolveResults } from '../../../src/protocols/protobuf/messages.js'
import { restDoor } from '../../../src/protocols/rest/door.js'
import type { Answer } from '../../../src/record/answer.js'
import type { Registry } from '../../../src/registry/registry.js'
import { findStalenessBounds } from '../../../src/registry/staleness-bounds.js'
import { visibleWaits } from '../../../src/registry/visible-waits.js'
import { changeKnowledge } from '../../../src/resolution/change-knowledge.js'
import { writeTokens } from '../../../src/resolution/write-token.js'
import { manualClock } from '../../support/manual-clock.js'

const clock = manualClock()
const failures: Failure[] = []
const app = httpServer({ onFailure: (failure) => failures.push(failure) })
const db = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/nothing' })
let answer: () => Answer | Promise<Answer>

beforeAll(async () => {
  // Nothing here touches the registry: the resolver is the part that is scripted.
  const registry: Registry = { db, clock, committed: () => undefined }
  const knowledge = changeKnowledge({ clock, boundMs: 1_000 })
  const findBounds = () => findStalenessBounds(db)
  restDoor(app, {
    resolve: () => answer(),
    registry,
    clock,
    routes: () => new Map(),
    principalOf: () => undefined,
    waits: visibleWaits({ clock, knowledge, boundMs: 1_000, findBounds }),
    tokens: writeTokens({ knowledge, catchUp: () => Promise.resolve() }),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  await db.close()
})

const base = { key: '88.1.1/x', prefix: '88.1.1', version: 3, tier: 'memory', stamp: 1 } as const
const record = {
  key: '88.1.1/x',
  spelling: '88.1.1/X',
  prefix: '88.1.1',
  version: 3,
  template: '',
  values: [],
  registeredAtMs: 0,
  recordedAtMs: 0,
}

function staleSince(seconds: number) {
  return { reason: 'authority-unavailable', asOfMs: clock.nowMs() - seconds * 1000 } as const
}

const PATHS = ['/v1/identifiers/88.1.1/x', '/v1/identifiers/88.1.1/x?values=all']

test('a stale record says so, since when, and its age', async () => {
  const stale = staleSince(42)
  answer = () => ({ ...base, kind: 'found', record, stale })
  for (const path of PATHS) {
    const { status, headers } = await fetch(`${app.listeningOrigin}${path}`)
    expect(status).toBe(200)
    expect(headers.get('age')).toBe('42')
    expect(headers.get('jiexi-stale')).toBe(`authority-unavailable; asof=${new Date(stale.asOfMs).toISOString()}`)
  }
})

test('the age of a stale answer that is kept goes on', async () => {
  const kept: Answer = { ...base, kind: 'found', record, stale: staleSince(1) }
  answer = () => kept
  const age = async () => (await fetch(`${app.listeningOrigin}${PATHS[0]}`)).headers.get('age')
  expect(await age()).toBe('1')
  clock.advanceMs(10_000)
  expect(await age()).toBe('11')
})

test('a stale "withdrawn" and a stale "absent" say so too', async () => {
  for (const [one, status] of [
    [{ ...base, kind: 'withdrawn', spelling: '88.1.1/X', withdrawnAtMs: 0, reason: '' }, 410],
    [{ ...base, kind: 'absent', version: 0 }, 404],
  ] as const) {
    answer = () => ({ ...one, stale: staleSince(5) })
    for (const path of PATHS) {
      const answered = await fetch(`${app.listeningOrigin}${path}`)
      expect(answered.status).toBe(status)
      expect(answered.headers.get('age')).toBe('5')
      expect(answered.headers.get('jiexi-stale')).toContain('authority-unavailable')
    }
  }
})

test('in a batch what is stale is marked on its own', async () => {
  const stale = staleSince(5)
  answer = () => ({ ...base, kind: 'found', record, stale })
  const resolve = (accept: string) =>
    fetch(`${app.listeningOrigin}/v1/resolve`, {
      method: 'POST',
      body: JSON.stringify({ identifiers: ['88.1.1/x'] }),
      headers: { 'content-type': 'application/json', accept },
    })
  const marked = {
    ...{ status: 200, version: 3, tier: 'memory', ageSeconds: 5 },
    stale: { reason: 'authority-unavailable', asOf: new Date(stale.asOfMs).toISOString() },
  }
  expect(await (await resolve('application/json')).json()).toMatchObject({ results: [marked] })
  expect(await (await resolve('application/x-ndjson')).json()).toMatchObject(marked)
  const bytes = Buffer.from(await (await resolve('application/x-protobuf')).arrayBuffer())
  expect(decodeResolveResults(bytes)).toMatchObject([
    { status: 200, freshness: { version: 3, tier: 'memory', ageSeconds: 5, stale } },
  ])
})

test.each([
  ['at once', (error: Error) => () => throwing(error)],
  ['later', (error: Error) => async () => throwing(error)],
])('when nobody can be asked, %s, it is 503 with Retry-After and never "not found"', async (_when, failing) => {
  answer = failing(new NodeError('authority-unavailable', 'Nobody answers.', { retryAfterSeconds: 2 }))
  for (const path of PATHS) {
    const answered = await fetch(`${app.listeningOrigin}${path}`)
    expect([answered.status, answered.headers.get('retry-after')]).toEqual([503, '2'])
    expect(answered.headers.get('cache-control')).toBe('no-store')
    expect(await answered.json()).toMatchObject({ code: 'authority-unavailable', detail: 'Nobody answers.' })
  }
})

test.each([
  ['at once', (error: Error) => () => throwing(error)],
  ['later', (error: Error) => async () => throwing(error)],
])('a bug behind the door, %s, is 500, told to the operator and not to the client', async (_when, failing) => {
  answer = failing(new TypeError('select secret from key'))
  for (const path of PATHS) {
    failures.length = 0
    const answered = await fetch(`${app.listeningOrigin}${path}`)
    const text = await answered.text()
    expect(answered.status).toBe(500)
    expect(text).not.toContain('select')
    expect(failures).toMatchObject([
      {
        requestId: answered.headers.get('x-request-id'),
        path: '/v1/identifiers/88.1.1/x',
        error: { message: 'select secret from key' },
      },
    ])
  }
})

function throwing(error: Error): never {
  throw error
}
