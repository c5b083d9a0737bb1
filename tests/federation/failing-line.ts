/**
 * An HTTP proxy that fails a share of all calls, each in one of the ways in which calls fail: the request never arrives, it is
 * refused, it arrives and its answer is lost, it arrives only in part. Loopback only.
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FailingLine {
  readonly url: string
  readonly calls: number
  readonly failed: number
  close(): Promise<void>
}

export interface FailingLineOptions {
  readonly port: number
  /** Of calls that fail, from 0 to 1. */
  readonly share: number
  /** From 0 to 1. */
  readonly random: () => number
}

type Way = 'not sent' | 'refused' | 'answer lost' | 'cut short'
const WAYS: readonly Way[] = ['not sent', 'refused', 'answer lost', 'cut short']

export async function failingLine({ port, share, random }: FailingLineOptions): Promise<FailingLine> {
  let calls = 0
  let failed = 0
  const server = createServer((request, response) => {
    calls += 1
    const way = random() < share ? WAYS[Math.floor(random() * WAYS.length)] : undefined
    if (way !== undefined) failed += 1
    pass(request, response, { port, way })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls
    },
    get failed() {
      return failed
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  { port, way }: { readonly port: number; readonly way: Way | undefined },
): void {
  const cut = (): void => void response.destroy()
  if (way === 'not sent') {
    cut()
    return
  }
  if (way === 'refused') {
    request.resume()
    response.writeHead(503, { 'content-type': 'text/plain' }).end('Try again.')
    return
  }
  const onward = httpRequest(
    { host: '127.0.0.1', port, method: request.method, path: request.url, headers: request.headers, agent: false },
    (answer) => {
      if (way === 'answer lost') {
        // Read to its end: whatever it speaks of has happened.
        answer.resume().on('end', cut)
        return
      }
      response.writeHead(answer.statusCode!, answer.headers)
      answer.on('error', cut).pipe(response)
    },
  )
  onward.on('error', cut)
  request.on('error', () => onward.destroy())
  if (way === 'cut short') {
    request.once('data', (piece: Buffer) => {
      onward.write(piece.subarray(0, Math.ceil(piece.length / 2)))
      onward.destroy()
    })
    request.once('end', cut)
    request.resume()
    return
  }
  request.pipe(onward)
}
