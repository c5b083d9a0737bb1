/** Serves connections that another process has accepted, in place of listening. */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** Gives the function that takes them. */
export async function serveGiven(app: FastifyInstance): Promise<(connection: Socket) => void> {
  await app.ready()
  // What node:http does when it listens: from now on it looks for heads that never end.
  app.server.emit('listening')
  return (connection) => {
    // As of a connection that it accepts itself: whoever has said all it had to say still gets its answer.
    connection.allowHalfOpen = true
    // Documented for this very purpose (node:http, event `connection`).
    app.server.emit('connection', connection)
  }
}
