/** Where the telling goes on, whichever of the two nodes has lost what. */
import { expect, test } from 'vitest'
import { agree } from '../../src/federation/upward/agree.js'
import type { Standing } from '../../src/federation/upward/outbox-store.js'
import type { UpwardPosition } from '../../src/protocols/rest/upward.js'

const HERE: Standing = { epoch: 'e', epochNow: 'e', cursor: { xid: 100, ordinal: 5 }, walk: null, horizon: 50 }
const ABOVE: UpwardPosition = { epoch: 'e', position: '100.5', walk: null }
const WALKING: Standing = { ...HERE, walk: 'i:m' }

test.each<[string, Standing, UpwardPosition | null]>([
  ['both stand at the same place', HERE, ABOVE],
  ['an answer of the node above was lost', HERE, { ...ABOVE, position: '120.1' }],
  ['everything is about to be told to a node that knows nothing', { ...HERE, walk: '' }, null],
  [
    'everything is about to be told to a node that knows another history',
    { ...HERE, walk: '' },
    { ...ABOVE, epoch: 'o' },
  ],
  ['the same part of everything was told', WALKING, { ...ABOVE, walk: 'i:m' }],
  ['the answer to a part of everything was lost', WALKING, { ...ABOVE, walk: 'p:' }],
  ['the answer to the last part of everything was lost', WALKING, ABOVE],
])('it goes on when %s', (_, here, above) => {
  expect(agree(here, above)).toEqual({ kind: 'go-on' })
})

test('it goes back to where the node above stands, when that has lost what it was told', () => {
  const position = { ...ABOVE, position: '99.9' }
  expect(agree(HERE, position)).toEqual({ kind: 'go-back', place: { cursor: { xid: 99, ordinal: 9 }, walk: null } })
  expect(agree(HERE, { ...ABOVE, position: '100.4' })).toMatchObject({ place: { cursor: { xid: 100, ordinal: 4 } } })
})

test('within everything that is told anew it goes back by key, in the order of octets', () => {
  expect(agree(WALKING, { ...ABOVE, walk: 'i:b' })).toEqual({
    kind: 'go-back',
    place: { cursor: WALKING.cursor, walk: 'i:b' },
  })
  // U+FF5E comes before U+1F600 in UTF-8, and behind it in UTF-16.
  const tilde = { ...WALKING, walk: 'i:\u{1f600}' }
  expect(agree(tilde, { ...ABOVE, walk: 'i:\uff5e' })).toMatchObject({ kind: 'go-back' })
})

test.each<[string, Standing, UpwardPosition | null]>([
  ['the database here has another history', { ...HERE, epochNow: 'f' }, ABOVE],
  ['the node above knows nothing', HERE, null],
  ['the node above knows another history', HERE, { ...ABOVE, epoch: 'o' }],
  ['the node above was not told everything', HERE, { ...ABOVE, walk: 'i:b' }],
  ['the changes it has lost are no longer kept', HERE, { ...ABOVE, position: '49.1' }],
  ['changes that were not told are no longer kept here', { ...HERE, horizon: 101 }, ABOVE],
  ['it was begun with at another moment', WALKING, { ...ABOVE, position: '90.1', walk: 'i:m' }],
  ['the node above knows nothing of it', WALKING, { ...ABOVE, position: '90.1' }],
  ['the node above is no node of ours', HERE, { ...ABOVE, position: 'nonsense' }],
])('everything is told anew when %s', (_, here, above) => {
  expect(agree(here, above)).toMatchObject({ kind: 'walk', why: expect.any(String) })
})
