/**
 * What a socket of node:dgram does beyond what it is asked: it reads from the moment it is bound, and looks every address up
 * before it sends, also where it is one. A process that keeps a socket only to hand it on must not read from it, or what it
 * reads is lost. Both are done by Node's own handle (unchanged since Node 11), which has no public name.
 */
import type { Socket } from 'node:dgram'
import { NodeError } from './errors.js'

interface Handle {
  recvStart(): number
  recvStop(): number
  lookup(address: string, done: (error: null, address: string) => void): void
}

interface State {
  readonly handle: Handle | null
}

/** Until `resume`, datagrams wait in the kernel. */
export function pauseReading(socket: Socket): void {
  handleOf(socket).recvStop()
}

export function resumeReading(socket: Socket): void {
  handleOf(socket).recvStart()
}

/** Addresses are taken as they are: nothing is looked up, and nothing waits for a later turn of the event loop. */
export function sendToAddressesOnly(socket: Socket): void {
  handleOf(socket).lookup = (address, done) => done(null, address)
}

function handleOf(socket: Socket): Handle {
  const name = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  const state = name && (socket as unknown as Record<symbol, State | undefined>)[name]
  if (state?.handle?.recvStop !== undefined) return state.handle
  throw new NodeError('internal', `Node ${process.version} keeps the handle of a UDP socket elsewhere than expected.`)
}
