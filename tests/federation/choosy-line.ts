/** An HTTP proxy that looks at each request and may fail it, always in the same way. Loopback only. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** undefined: it is passed on. A number is a status; busy: for ten minutes, as it says. */
export type Failure = number | 'busy' | 'cut' | undefined

export interface ChoosyLine {
  readonly url: string
  /** How many calls have been failed. */
  readonly failed: number
  /** From now on. */
  choose(failureOf: (method: string, body: string) => Failure): void
  close(): Promise<void>
}

export async function choosyLine(target: string): Promise<ChoosyLine> {
  let failureOf: (method: string, body: string) => Failure = () => undefined
  let failed = 0
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await buffer(request)
    const failure = failureOf(request.method!, body.toString())
    if (failure !== undefined) failed += 1
    if (failure === 'cut') return void response.destroy()
    if (failure === 'busy') return void response.writeHead(503, { 'retry-after': '600' }).end('Not now.')
    if (failure !== undefined) return void response.writeHead(failure).end('Not like this.')
    const { authorization = '' } = request.headers
    const passed = await fetch(target + request.url, {
      method: request.method!,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body.length > 0 && { body }),
    })
    response.writeHead(passed.status, { 'content-type': passed.headers.get('content-type') ?? '' })
    response.end(Buffer.from(await passed.arrayBuffer()))
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get failed() {
      return failed
    },
    choose(chosen) {
      failureOf = chosen
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
