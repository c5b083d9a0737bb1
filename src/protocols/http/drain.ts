/**
 * Ends connections without failing a client that keeps to what it was told. While draining,
 *
 *   - nothing more is accepted;
 *   - every answer is the last of its connection and says so (`Connection: close`), also to requests already under way;
 *   - a connection without a request stays open for its keep-alive time: its client was promised that much
 *     (`Keep-Alive: timeout=10`), and may be sending at this moment.
 *
 * Node's `server.close()` destroys connections of the last kind at once, and whoever is just sending gets a reset.
 */
import type { Server, ServerResponse } from 'node:http'
import net, { type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export interface Drain {
  readonly isDraining: boolean
  /** Beyond `maxConnections` connections are closed at once. */
  watch(server: Server, maxConnections: number): void
  /** To be told of every request before it is answered. */
  arrived(response: ServerResponse): void
  /** Begins at once. After `withinMs` idle connections end too. Resolves when all connections are gone. */
  begin(withinMs: number): Promise<void>
}

interface Watched {
  readonly server: Server
  readonly open: Set<Socket>
}

export function drain(): Drain {
  const watched: Watched[] = []
  let draining = false

  return {
    get isDraining() {
      return draining
    },
    watch(server, maxConnections) {
      const open = new Set<Socket>()
      watched.push({ server, open })
      // Not `server.maxConnections`: it does not count connections that are given (given-connections.ts).
      server.on('connection', (socket: Socket) => {
        if (open.size >= maxConnections) return socket.destroy()
        open.add(socket)
        socket.once('close', () => open.delete(socket))
      })
    },
    arrived(response) {
      if (draining) response.shouldKeepAlive = false
    },
    async begin(withinMs) {
      draining = true
      for (const { open } of watched) for (const socket of open) endAfterAnswer(socket)
      for (const { server } of watched) acceptNoMore(server)
      const gone = Promise.all(watched.map(({ open }) => empty(open)))
      if (withinMs > 0) await within(withinMs, gone)
      // Not `closeIdleConnections`: of those in the fast lane node:http does not know.
      for (const { open } of watched) for (const socket of open) if (!responseOn(socket)) socket.destroy()
      await gone
    },
  }
}

/** `_httpMessage` is Node's own field for the response that a connection is occupied with. */
function responseOn(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): ServerResponse | undefined {
  return socket._httpMessage ?? undefined
}

function endAfterAnswer(socket: Socket): void {
  const response = responseOn(socket)
  if (response && !response.headersSent) response.shouldKeepAlive = false
}

function acceptNoMore(server: Server): void {
  // What http.Server adds to this is what is not wanted: it destroys idle connections and stops looking for slow heads.
  net.Server.prototype.close.call(server)
}

async function empty(open: ReadonlySet<Socket>): Promise<void> {
  for (let [one] = open; one; [one] = open) await closing(one)
}

/** Not `once` of node:events: it fails with the connection's errors, and clients reset theirs as they please. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

async function within(ms: number, wanted: Promise<unknown>): Promise<void> {
  const over = new AbortController()
  const late = delay(ms, undefined, { signal: over.signal }).catch(() => undefined)
  await Promise.race([wanted, late])
  over.abort()
}
