/** Serves connections that another process has accepted, in place of listening. */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Gives the function that takes them. */
export async function serveGiven(app: FastifyInstance): Promise<(connection: Socket) => void> {
  await app.ready()
  // What node:http does when it listens: from now on it looks for heads that never end.
  app.server.emit('listening')
  // To do so is documented for this very purpose (node:http, event `connection`).
  return (connection) => app.server.emit('connection', connection)
}
