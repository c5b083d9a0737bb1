/**
 * Listens where the node is to be reached, and gives each connection to the worker that has the fewest.
 *
 * Not node:cluster: there a connection goes to whoever says first that it is free, so on a busy machine 64 connections that
 * stay may come down 54 : 10; one on its way to a worker that dies is left open and never answered; and with the last worker
 * the port is closed. Here each connection is handed on until a worker says that it has it.
 */
import { lookup } from 'node:dns/promises'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { listenOn } from './free-port.js'
import type { WorkerProcess } from './worker-process.js'

type Taker = Pick<WorkerProcess, 'offer' | 'load'>

export interface FrontDoor {
  /** @throws NodeError as `listenOn` does */
  open(address: { readonly host: string; readonly port: number }): Promise<AddressInfo>
  /** A connection that came here, or came back. */
  give(connection: Socket): void
  /** Somebody can take connections again. */
  retry(): void
  close(): void
}

/** For the time in which no worker serves. */
const MAX_WAITING = 10_000
const WAIT_MS = 10_000

export function frontDoor(takers: () => readonly Taker[]): FrontDoor {
  const servers: Server[] = []
  const waiting = new Map<Socket, NodeJS.Timeout>()
  let turn = 0

  function give(connection: Socket): void {
    turn += 1
    const taker = leastLoaded(takers(), turn)
    if (taker !== undefined) taker.offer(connection)
    else if (waiting.size < MAX_WAITING && !connection.destroyed) keep(connection)
    else connection.destroy()
  }
  function keep(connection: Socket): void {
    const late = setTimeout(() => {
      waiting.delete(connection)
      connection.destroy()
    }, WAIT_MS)
    waiting.set(connection, late.unref())
  }
  async function listen(host: string, port: number): Promise<AddressInfo> {
    // Not read from here: what the client sends is the worker's to read.
    const server = net.createServer({ pauseOnConnect: true, noDelay: true }, (connection) => {
      connection.on('error', ignoreBroken)
      give(connection)
    })
    await listenOn(server, { host, port })
    // An accept that failed: its client sees that.
    server.on('error', ignoreBroken)
    servers.push(server)
    return server.address() as AddressInfo
  }

  return {
    async open({ host, port }) {
      const [first = host, ...others] = await addressesOf(host)
      const address = await listen(first, port)
      for (const other of others) await listen(other, address.port).catch(ignoreBroken)
      return address
    },
    give,
    retry() {
      const [...kept] = waiting
      waiting.clear()
      for (const [connection, late] of kept) {
        clearTimeout(late)
        give(connection)
      }
    },
    close() {
      for (const server of servers) server.close()
      for (const connection of waiting.keys()) connection.destroy()
    },
  }
}

/** Of those that have equally few, each in turn. */
function leastLoaded(takers: readonly Taker[], turn: number): Taker | undefined {
  let best: Taker | undefined
  for (let at = 0; at < takers.length; at += 1) {
    const taker = takers[(turn + at) % takers.length]!
    if (taker.load() < (best?.load() ?? Number.POSITIVE_INFINITY)) best = taker
  }
  return best
}

/** `localhost` is IPv4 and IPv6, as it is for a node of one process. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (host !== 'localhost') return [host]
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

function ignoreBroken(): void {
  // A client that is gone again, or a second address of localhost that this machine does not have.
}
