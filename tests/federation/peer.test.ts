import { expect, test } from 'vitest'
import { Peer } from '../../src/federation/peer.js'
import { Peers } from '../../src/federation/peers.js'
import { manualClock } from '../support/manual-clock.js'

test('after three failures in a row a node is left alone, for a second, then twice as long, up to five minutes', async () => {
  const { peer, clock } = setUp()
  for (let count = 0; count < 3; count++) (await peer.enter(1)).failed(new Error('reset'))
  const pauses: number[] = []
  for (let tries = 0; tries < 11; tries++) {
    let pauseMs = 0
    for (; peer.state().state === 'failing'; pauseMs += 500) clock.advanceMs(500)
    pauses.push(pauseMs)
    ;(await peer.enter(1)).failed(new Error('still reset'))
  }
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1_000))
  await expect(peer.enter(1)).rejects.toMatchObject({
    code: 'authority-unavailable',
    message: 'tcp://a is left alone for a while: still reset',
  })
})

test('one request finds out whether it is back, and others come after it', async () => {
  const { peer, clock } = setUp()
  for (let count = 0; count < 3; count++) (await peer.enter(1)).failed(new Error('reset'))
  clock.advanceMs(1_000)
  const trial = await peer.enter(1)
  await expect(peer.enter(1)).rejects.toMatchObject({ code: 'authority-unavailable' })
  trial.answered()
  ;(await peer.enter(1)).answered()
  expect(peer.state()).toMatchObject({ state: 'up', requests: 5, failures: 3, refused: 1, inFlight: 0 })
})

test('no more than so many at once, twice as many wait, and the rest is refused at once', async () => {
  const { peer } = setUp(2)
  const begun = [await peer.enter(1), await peer.enter(1)]
  const waiting = [1, 2, 3, 4].map(() => peer.enter(60_000))
  await expect(peer.enter(60_000)).rejects.toMatchObject({ code: 'overloaded' })
  expect(peer.state()).toMatchObject({ inFlight: 2, waiting: 4, refused: 1 })

  begun[0]!.answered()
  const third = await waiting[0]!
  expect(peer.state()).toMatchObject({ inFlight: 2, waiting: 3 })
  third.abandoned()
  begun[1]!.answered()
  for (const one of waiting.slice(1)) (await one).answered()
  expect(peer.state()).toMatchObject({ inFlight: 0, waiting: 0, requests: 6, failures: 0 })
})

test('a probe passes while nobody else may ask, and what comes of it counts for all', async () => {
  const { peer } = setUp(1)
  for (let count = 0; count < 3; count++) (await peer.enter(1)).failed(new Error('reset'))
  ;(await peer.enter(1, 'probe')).failed(new Error('still reset'))
  await expect(peer.enter(1)).rejects.toThrow('still reset')
  ;(await peer.enter(1, 'probe')).answered()
  expect(peer.state()).toMatchObject({ state: 'up', requests: 5, failures: 4, inFlight: 0 })

  const first = await peer.enter(1)
  const second = peer.enter(60_000)
  const probe = await peer.enter(1, 'probe')
  probe.answered()
  // Its place was beyond the bound, and is nobody's.
  expect(peer.state()).toMatchObject({ inFlight: 1, waiting: 1 })
  first.answered()
  ;(await second).answered()
  expect(peer.state()).toMatchObject({ inFlight: 0, waiting: 0 })
})

test('whoever waits too long is told so, and takes no place', async () => {
  const { peer } = setUp(1)
  const first = await peer.enter(1)
  await expect(peer.enter(5)).rejects.toThrow('too much to do')
  first.answered()
  expect(peer.state()).toMatchObject({ inFlight: 0, waiting: 0 })
})

test('an exchange counts once, however often it is ended', async () => {
  const { peer } = setUp(1)
  const exchange = await peer.enter(1)
  exchange.answered()
  exchange.failed(new Error('late'))
  exchange.abandoned()
  expect(peer.state()).toMatchObject({ inFlight: 0, failures: 0, state: 'up' })
})

test('it is waited for as long as it usually takes, within bounds', async () => {
  const { peer, clock } = setUp()
  expect(peer.timeoutMs(5_000)).toBe(800)
  expect(peer.timeoutMs(90)).toBe(90)
  for (let count = 0; count < 50; count++) {
    const exchange = await peer.enter(1)
    clock.advanceMs(100)
    exchange.answered()
  }
  expect(Math.round(peer.state().latencyMs!)).toBe(100)
  expect(peer.timeoutMs(5_000)).toBeGreaterThanOrEqual(300)
  expect(peer.timeoutMs(5_000)).toBeLessThan(400)
})

test('requests that were under way together and fail together are one failure, and the next are given more time', async () => {
  const { peer, clock } = setUp()
  const usualMs = await usualOf(peer, clock)
  for (const waitMs of [usualMs, usualMs * 2]) {
    const together = await Promise.all(Array.from({ length: 8 }, () => peer.enter(1)))
    expect(peer.timeoutMs(5_000)).toBe(waitMs)
    clock.advanceMs(waitMs)
    for (const one of together) one.failed(new Error('time-out'))
  }
  expect(peer.state()).toMatchObject({ state: 'down', failures: 16 })
  expect(peer.timeoutMs(5_000)).toBe(800)
  ;(await peer.enter(1)).answered()
  expect(peer.timeoutMs(5_000)).toBe(usualMs)
})

async function usualOf(peer: Peer, clock: ReturnType<typeof manualClock>): Promise<number> {
  const exchange = await peer.enter(1)
  clock.advanceMs(10)
  exchange.answered()
  return peer.timeoutMs(5_000)
}

test('nodes that are only met push out one another, never those that belong here', () => {
  const peers = new Peers({ clock: manualClock(), maxPeers: 3 })
  peers.settle('parent', 'parent', [])
  peers.settle('child', 'enterprise', ['88.118.8'])
  for (const name of ['a', 'b', 'c']) peers.get(name)
  expect(peers.list().map(({ peer, role }) => `${role} ${peer}`)).toEqual([
    'parent parent',
    'enterprise child',
    'other c',
  ])
})

function setUp(maxConcurrent = 8) {
  const clock = manualClock()
  return { clock, peer: new Peer('tcp://a', { maxConcurrent }, clock) }
}
