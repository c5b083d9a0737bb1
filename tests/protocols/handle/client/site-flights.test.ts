import { expect, test } from 'vitest'
import { HandleFault } from '../../../../src/protocols/handle/client/faults.js'
import type { Route } from '../../../../src/protocols/handle/client/known-sites.js'
import { SiteFlights } from '../../../../src/protocols/handle/client/site-flights.js'

const ROUTE: Route = { sites: [], untilMs: 0 }

test('a leader whose timer ended a little early had no more time either: others with more of it ask on', async () => {
  const flights = new SiteFlights(10)
  const deadlineMs = performance.now() + 20
  const leading = flights.join({
    name: '88.1',
    deadlineMs,
    find: async () => {
      const fault = new HandleFault('timed-out', 'The time for the request is over.')
      await new Promise(setImmediate)
      while (performance.now() < deadlineMs - 0.9);
      throw fault
    },
  })
  const joining = flights.join({ name: '88.1', deadlineMs: deadlineMs + 60_000, find: async () => ROUTE })
  expect((await Promise.allSettled([leading, joining])).map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
})
