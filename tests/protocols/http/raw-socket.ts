/** Octets to a server and back, for what no HTTP client would send. */
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends the octets and gives all that comes back until the server closes or `quietMs` pass in silence. */
export function sendRaw(url: string, octets: string | Buffer, quietMs = 3_000): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    socket.setTimeout(quietMs, () => socket.destroy())
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.write(octets)
  })
}

export function parseAnswer(octets: string): RawAnswer {
  const split = octets.indexOf('\r\n\r\n')
  const [start = '', ...lines] = octets.slice(0, split).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  return { status: Number(start.split(' ')[1]), headers, body: octets.slice(split + 4) }
}

/** As `sendRaw`, and whether it was the server that ended the connection. */
export function sendUntilClosed(
  url: string,
  octets: string,
  withinMs = 20_000,
): Promise<{ readonly received: string; readonly isClosed: boolean }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    let isClosed = true
    socket.setTimeout(withinMs, () => {
      isClosed = false
      socket.destroy()
    })
    socket.on('data', (chunk) => chunks.push(chunk))
    // A reset, for what was sent and never read, is an end too.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve({ received: Buffer.concat(chunks).toString('latin1'), isClosed }))
    socket.write(Buffer.from(octets, 'latin1'))
  })
}

/** All answers of a connection, each as long as its Content-Length says. */
export function answersIn(octets: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let at = 0; at < octets.length; ) {
    const head = octets.indexOf('\r\n\r\n', at)
    const end = head + 4 + Number(/^content-length: *(\d+)/im.exec(octets.slice(at, head))?.[1] ?? 0)
    answers.push(parseAnswer(octets.slice(at, end)))
    at = end
  }
  return answers
}
