/** What a test has started ends with it, the last first. */
import { afterEach } from 'vitest'
import {
  type HandleClient,
  type HandleClientOptions,
  handleClient,
} from '../../../../src/protocols/handle/client/client.js'
import type { ServerAddress } from '../../../../src/protocols/handle/client/server-address.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close()
})

export async function started<Thing extends { close(): unknown }>(thing: Promise<Thing>): Promise<Thing> {
  const ready = await thing
  closers.push(() => ready.close())
  return ready
}

export function clientOf(options: HandleClientOptions): HandleClient {
  const client = handleClient(options)
  closers.push(() => client.close())
  return client
}

/** A client of one server. */
export function clientAt(address: ServerAddress, options: Partial<HandleClientOptions> = {}): HandleClient {
  return clientOf({ start: { kind: 'servers', servers: [address] }, ...options })
}
