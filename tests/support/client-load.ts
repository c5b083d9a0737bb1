/**
 * Clients as there are in the world, each with one request at a time: some with connections that they keep and use again (by
 * undici and by node:http), some with a new connection for each request.
 */
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'

export interface ClientLoad {
  /** Requests that got no answer, or not the one expected, each with why. */
  readonly failures: readonly string[]
  answered(): number
  stop(): Promise<void>
}

export interface ClientLoadOptions {
  /** Of each kind of keeping client. */
  readonly keeping: number
  readonly fresh: number
  /** How often a request that failed is sent again. Default 0. */
  readonly retries?: number
}

type Ask = () => Promise<number>

const PAUSES_MS = [5, 500] as const
/** Long, for a machine that is busy with other things; nothing but a hang takes so long. */
const TIMEOUT_MS = 30_000

export function clientLoad(url: string, { keeping, fresh, retries = 0 }: ClientLoadOptions): ClientLoad {
  const dispatcher = new Agent({ connections: keeping, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  // Only with a time of its own does this agent heed the one that the server tells. First in, first out: none rests for long.
  const agent = new http.Agent({ keepAlive: true, maxSockets: keeping, timeout: TIMEOUT_MS, scheduling: 'fifo' })
  const failures: string[] = []
  let answered = 0
  let over = false

  const attempt = async (ask: Ask, tries: number): Promise<void> => {
    try {
      const status = await ask()
      if (status !== 200) throw new Error(`status ${status}`)
      answered += 1
    } catch (error) {
      // Over a connection of its own: others that are kept may have been broken off along with this one.
      if (tries > 0) return attempt(() => byNodeHttp(url, false), tries - 1)
      failures.push(String((error as Error).stack))
    }
  }
  const client = async (ask: Ask, pauseMs: number) => {
    while (!over) {
      await attempt(ask, retries)
      await delay(Math.random() * pauseMs)
    }
  }
  const clients = (count: number, ask: Ask) =>
    Array.from({ length: count }, (_, at) => client(ask, PAUSES_MS[at % PAUSES_MS.length]!))
  const running = [
    ...clients(keeping, () => byUndici(url, dispatcher)),
    ...clients(keeping, () => byNodeHttp(url, agent)),
    ...clients(fresh, () => byNodeHttp(url, false)),
  ]
  return {
    failures,
    answered: () => answered,
    async stop() {
      over = true
      await Promise.all(running)
      agent.destroy()
      await dispatcher.close()
    },
  }
}

async function byUndici(url: string, dispatcher: Agent): Promise<number> {
  const response = await request(url, { dispatcher })
  await response.body.arrayBuffer()
  return response.statusCode
}

function byNodeHttp(url: string, agent: http.Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = http.get(url, { agent, timeout: TIMEOUT_MS }, (response) => {
      response.resume()
      response.once('error', reject)
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    sent.once('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    sent.once('error', reject)
  })
}
