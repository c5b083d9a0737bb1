import { expect, test } from 'vitest'
import { joinedPeers } from '../../src/federation/joined-peers.js'
import type { KnownPeer } from '../../src/federation/peers.js'

const NEVER_ASKED: KnownPeer = {
  peer: 'tcp://a',
  role: 'other',
  prefixes: [],
  state: 'unknown',
  requests: 0,
  failures: 0,
  refused: 0,
  inFlight: 0,
  waiting: 0,
  latencyMs: undefined,
  lastAnswerAtMs: undefined,
  lastError: undefined,
}

test('what each process did adds up, and the state is as whoever has heard last', () => {
  const up: KnownPeer = {
    ...NEVER_ASKED,
    role: 'enterprise',
    prefixes: ['88.118.8'],
    state: 'up',
    requests: 5,
    latencyMs: 4,
    lastAnswerAtMs: 2_000,
    lastError: { atMs: 1_000, message: 'reset' },
  }
  const failing: KnownPeer = {
    ...NEVER_ASKED,
    state: 'failing',
    requests: 3,
    failures: 3,
    refused: 7,
    inFlight: 1,
    waiting: 2,
    latencyMs: 8,
    lastAnswerAtMs: 500,
    lastError: { atMs: 1_500, message: 'timed out' },
  }
  const expected: KnownPeer = {
    peer: 'tcp://a',
    role: 'enterprise',
    prefixes: ['88.118.8'],
    state: 'up',
    requests: 8,
    failures: 3,
    refused: 7,
    inFlight: 1,
    waiting: 2,
    latencyMs: 6,
    lastAnswerAtMs: 2_000,
    lastError: { atMs: 1_500, message: 'timed out' },
  }
  expect(joinedPeers([[up], [failing], [NEVER_ASKED]])).toEqual([expected])
  expect(joinedPeers([[NEVER_ASKED], [failing], [up]])).toEqual([expected])
  const later = { ...failing, lastError: { atMs: 3_000, message: 'timed out' } }
  expect(joinedPeers([[up], [later]])).toMatchObject([{ state: 'failing' }])
})

test('one that only one process has met is there, and one that none has asked is unknown', () => {
  const other = { ...NEVER_ASKED, peer: 'tcp://b' }
  expect(joinedPeers([[NEVER_ASKED], [NEVER_ASKED, other]])).toEqual([NEVER_ASKED, other])
  expect(joinedPeers([])).toEqual([])
})
