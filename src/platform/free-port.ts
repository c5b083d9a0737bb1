import net from 'node:net'
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

/** Told before anything else is started. @throws NodeError `already-exists` when somebody listens there, `request-malformed` when nobody can */
export async function requireFreePort({ host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  if (port === 0) return
  const probe = net.createServer()
  const listening = new Promise<void>((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(port, host, resolve)
  })
  await listening.catch((error: NodeJS.ErrnoException) => {
    const at = `${host} port ${port}`
    if (error.code === 'EADDRINUSE') {
      throw new NodeError(
        'already-exists',
        `${at} is taken. Stop what listens there, or choose another port with PORT.`,
      )
    }
    throw new NodeError('request-malformed', `Nothing can listen on ${at} (${error.message}). Set HOST and PORT.`)
  })
  await new Promise((resolve) => probe.close(resolve))
}
