/**
 * A closed loop by autocannon, as a check from outside on our own. Its generator needs about the CPU time of a bare
 * server, so its rates are often the generator's limit; its latency histogram (whole milliseconds) is not used.
 */
import autocannon from 'autocannon'
import { cpuSecondsOf } from '../stage/process-usage.js'
import { pathOf } from '../workload/requests.js'
import { cpuSecondsSince } from './load.js'
import type { Side } from './rounds.js'
import { type LoadedSide, perUnit } from './sides.js'

/** Each connection repeats what it is given, from the start: so each is given its own part of the requests. */
const REQUESTS_PER_CONNECTION = 512

export function autocannonSide(
  side: Pick<LoadedSide, 'name' | 'server' | 'connections' | 'durationMs'> & { readonly requests: readonly Buffer[] },
): Side {
  const { server } = side
  return {
    name: side.name,
    measure: async () => {
      let connection = 0
      const cpuBefore = process.cpuUsage()
      const serverCpuBefore = cpuSecondsOf(server.pid)
      const result = await autocannon({
        url: `http://127.0.0.1:${server.port}`,
        connections: side.connections,
        // It takes whole seconds only.
        duration: Math.max(1, Math.round(side.durationMs / 1000)),
        setupClient: (client) => {
          client.setRequests(requestsOf(side.requests, connection))
          connection += 1
        },
      })
      const answers = result['2xx'] + result.non2xx
      return {
        perSecond: answers / result.duration,
        cpuMicroseconds: perUnit(serverCpuBefore, cpuSecondsOf(server.pid), answers),
        generatorBusyShare: cpuSecondsSince(cpuBefore) / result.duration,
        unexpected: result.non2xx > 0 ? { 'other than 2xx': result.non2xx } : {},
      }
    },
  }
}

function requestsOf(requests: readonly Buffer[], connection: number): autocannon.Request[] {
  const start = (connection * REQUESTS_PER_CONNECTION) % requests.length
  return requests
    .slice(start, start + REQUESTS_PER_CONNECTION)
    .map((request) => ({ method: 'GET', path: pathOf(request) }))
}
