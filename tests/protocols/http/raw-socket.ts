/** Octets to a server and back, for what no HTTP client would send. */
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Sends the octets and gives all that comes back until the server closes or `quietMs` pass in silence. */
export function sendRaw(url: string, octets: string | Buffer, quietMs = 400): Promise<string> {
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
