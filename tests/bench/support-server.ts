/** A bare HTTP server on a free port, in a process of its own, so that a test can stall it without stalling the generator. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const PROGRAM = `
  import { createServer } from 'node:http'
  const stallMs = Number(process.argv[1])
  const body = 'x'.repeat(600)
  const server = createServer((request, response) => {
    if (request.url === '/stall') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stallMs)
    response.writeHead(request.url === '/absent' ? 404 : 200, { 'Content-Length': body.length })
    response.end(body)
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(String(server.address().port)))
`

export interface BareServer {
  readonly port: number
  stop(): Promise<void>
}

export async function bareServer(options: { readonly stallMs?: number } = {}): Promise<BareServer> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '-e', PROGRAM, String(options.stallMs ?? 0)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [port] = await once(child.stdout!, 'data')
  return {
    port: Number(port),
    stop: async () => {
      const exited = once(child, 'exit')
      child.kill()
      await exited
    },
  }
}
