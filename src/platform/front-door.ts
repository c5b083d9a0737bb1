/**
 * Listens where the node is to be reached, and gives each connection to the worker that has the fewest.
 *
 * Not node:cluster: there a connection goes to whoever says first that it is free, so on a busy machine 64 connections that
 * stay may come down 54 : 10; one on its way to a worker that dies is left open and never answered; and with the last worker
 * the port is closed. Here each connection is handed on until a worker says that it has it.
 */
import type { AddressInfo, Socket } from 'node:net'
import { type Entrance, openEntrance } from './entrance.js'
import type { ListenAddress, PortSetting } from './free-port.js'
import type { DoorName } from './worker-messages.js'
import type { WorkerProcess } from './worker-process.js'

type Taker = Pick<WorkerProcess, 'offer' | 'load'>

export interface FrontDoor {
  /** @throws NodeError as `listenOn` does */
  open(address: ListenAddress, options?: FrontDoorOptions): Promise<AddressInfo>
  /** Sockets that were bound with it. */
  datagrams(): Entrance['datagrams']
  /** A connection that came here, or came back. */
  give(connection: Socket): void
  /** Somebody can take connections again. */
  retry(): void
  close(): void
}

export interface FrontDoorOptions {
  readonly withDatagrams?: boolean
  readonly setting?: PortSetting
}

/** For the time in which no worker serves. */
const MAX_WAITING = 10_000
const WAIT_MS = 10_000

/** @param name what its connections are to a worker */
export function frontDoor(takers: () => readonly Taker[], name: DoorName = 'http'): FrontDoor {
  let entrance: Entrance | undefined
  const waiting = new Map<Socket, NodeJS.Timeout>()
  let turn = 0

  function give(connection: Socket): void {
    turn += 1
    const taker = leastLoaded(takers(), turn)
    if (taker !== undefined) taker.offer(connection, name)
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

  return {
    async open(address, { withDatagrams = false, setting = 'PORT' } = {}) {
      entrance = await openEntrance(address, { accept: give, handsOn: true, withDatagrams, setting })
      return entrance.address
    },
    datagrams: () => entrance?.datagrams ?? [],
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
      entrance?.close()
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
