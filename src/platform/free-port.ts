import net, { type AddressInfo, type Server } from 'node:net'
import { NodeError } from './errors.js'

/** A port of 127.0.0.1 that nobody listens on now; another process may take it before it is used. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as net.AddressInfo
      probe.close(() => resolve(port))
    })
  })
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** The variable that says where to listen: whoever cannot be served is told to change it. */
export type PortSetting = 'PORT' | 'JIEXI_HANDLE_PORT' | 'JIEXI_HANDLE_HTTP_PORT'

/** Told before anything else is started. @throws NodeError as `listenOn` does */
export async function requireFreePort(address: ListenAddress, setting: PortSetting = 'PORT'): Promise<void> {
  if (address.port === 0) return
  const probe = net.createServer()
  await listenOn(probe, address, setting)
  await new Promise((resolve) => probe.close(resolve))
}

/** @throws NodeError `already-exists` when somebody listens there, `request-malformed` when nobody can */
export async function listenOn(
  server: Server,
  { host, port }: ListenAddress,
  setting: PortSetting = 'PORT',
): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  await listening.catch((error: NodeJS.ErrnoException) => {
    const at = `${host} port ${port}`
    if (error.code === 'EADDRINUSE') {
      throw new NodeError(
        'already-exists',
        `${at} is taken. Stop what listens there, or choose another port with ${setting}.`,
      )
    }
    throw new NodeError('request-malformed', `Nothing can listen on ${at} (${error.message}). Set HOST and ${setting}.`)
  })
}

/** Where a client on this machine reaches it. */
export function urlOf({ address, port }: Pick<AddressInfo, 'address' | 'port'>): string {
  const name = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : address
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}
