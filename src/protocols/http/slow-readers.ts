/**
 * Clients that do not read their answers: what waits for them takes memory, and their connections are never idle. Every few
 * seconds each connection with octets to send is looked at; one that took less than a trickle since is closed.
 */
import type { Server, Socket } from 'node:net'

const LOOK_EVERY_MS = 5_000
/** In the time between two looks: a kilobyte a second, slower than any line that people use. */
const TRICKLE_OCTETS = 5 * 1024

/** Node's own: what was given to the kernel or waits for it, and what of that waits. */
type Measured = Socket & {
  readonly _bytesDispatched?: number
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

export function endSlowReaders(server: Server, lookEveryMs = LOOK_EVERY_MS): void {
  /** Octets that the kernel had taken at the last look; undefined: nothing was waiting then. */
  const taken = new Map<Socket, number | undefined>()
  const timer = setInterval(look, lookEveryMs)
  timer.unref()
  server.on('connection', (socket: Socket) => {
    taken.set(socket, undefined)
    socket.once('close', () => taken.delete(socket))
  })
  server.on('close', () => clearInterval(timer))

  function look(): void {
    for (const [socket, before] of taken) {
      const now = takenOctets(socket)
      if (now !== undefined && before !== undefined && now - before < TRICKLE_OCTETS) socket.destroy()
      else taken.set(socket, now)
    }
  }
}

/** undefined: nothing is waiting. */
function takenOctets(socket: Measured): number | undefined {
  const waiting = socket._handle?.writeQueueSize ?? 0
  return waiting === 0 && socket.writableLength === 0 ? undefined : (socket._bytesDispatched ?? 0) - waiting
}
