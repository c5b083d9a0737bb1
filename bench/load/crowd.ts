/**
 * A crowd at a port of the native protocol, in a process of its own so that it costs the load generator nothing: connections
 * that say nothing, and some that send a look-up an octet at a time. Run by rows/crowd.ts; ends with its parent.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { identifierAt } from '../workload/dataset.js'
import { handleRequest } from '../workload/handle-requests.js'

const [port, idle, slow] = process.argv.slice(2).map(Number) as [number, number, number]

/** One address has too few ports for all: each of these has so many connections. */
const CONNECTIONS_OF_ADDRESS = 5_000
const OPENED_AT_ONCE = 100
const OCTET_EVERY_MS = 200

/** Idle ones that the node has closed. */
let lost = 0

async function open(place: number): Promise<Socket> {
  const localAddress = `127.0.0.${2 + Math.floor(place / CONNECTIONS_OF_ADDRESS)}`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  return socket
}

/** An octet, and a while later the next; whoever is closed for it comes back. */
async function dawdle(place: number): Promise<never> {
  const request = handleRequest(identifierAt(place))
  for (;;) {
    const socket = await open(place)
    socket.resume()
    for (let at = 0; !socket.destroyed; at = (at + 1) % request.length) {
      socket.write(request.subarray(at, at + 1))
      await delay(OCTET_EVERY_MS)
    }
  }
}

for (let opened = 0; opened < idle; opened += OPENED_AT_ONCE) {
  const more = Math.min(OPENED_AT_ONCE, idle - opened)
  const sockets = await Promise.all(Array.from({ length: more }, (_, place) => open(opened + place)))
  for (const socket of sockets) socket.on('close', () => (lost += 1))
}
for (let place = 0; place < slow; place++) dawdle(place).catch(() => process.exit(1))

process.on('disconnect', () => process.exit(0))
process.on('message', () => process.send!({ lost }))
process.send!({ lost })
