/** A TCP proxy in front of a real server (on a port or a unix socket), for outages at will: refuse, hang, come back. Loopback only. */
import net from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Cuts every connection and refuses new ones. */
  cut(): void
  /** Keeps connections open and passes nothing on: what a hung server looks like. */
  hang(): void
  restore(): void
  /** Puts bytes among what the server sends, on every connection. */
  inject(bytes: Buffer): void
  close(): Promise<void>
}

type State = 'open' | 'cut' | 'hung'

export async function tcpProxy(
  target: { readonly host: string; readonly port: number } | { readonly path: string },
  /** Sees what clients send, piece by piece, each with its connection. */
  onRequest: (bytes: Buffer, client: net.Socket) => void = () => undefined,
): Promise<TcpProxy> {
  let state: State = 'open'
  const sockets = new Set<net.Socket>()
  const clients = new Set<net.Socket>()

  const server = net.createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const upstream = net.connect(target)
    clients.add(client)
    client.on('close', () => clients.delete(client))
    client.on('data', (bytes) => onRequest(bytes, client))
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      if (state === 'hung') from.pause()
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as net.AddressInfo).port,
    cut() {
      state = 'cut'
      for (const socket of sockets) socket.destroy()
    },
    hang() {
      state = 'hung'
      for (const socket of sockets) socket.pause()
    },
    restore() {
      state = 'open'
      for (const socket of sockets) socket.resume()
    },
    inject(bytes) {
      for (const client of clients) client.write(bytes)
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
