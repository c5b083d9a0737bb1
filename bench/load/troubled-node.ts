/**
 * A node above that misbehaves, and the look-ups of its identifiers at the node that is measured: in a process of its own,
 * which gives way to the load's generator, so that what it costs to misbehave is no part of what is measured.
 *
 * Told by messages: `{ behave }` with the name of a behaviour, `{ ask }` with the port of the node, 0 for no more.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setPriority } from 'node:os'
import type { BehaviourName, Order } from '../stage/troubled.js'

/** Look-ups of the other node's identifiers, each of another one. */
const FOREIGN_PER_SECOND = 100
const FLOOD_OCTETS = 64 * 2 ** 20
/** As `nice` counts: behind the generator, which is behind the servers. */
const BEHIND_ALL = 15

type Behaviour = (request: http.IncomingMessage, response: http.ServerResponse) => void

const BEHAVIOURS: Readonly<Record<BehaviourName, Behaviour>> = {
  calm: answering,
  'connections reset': (request) => request.socket.resetAndDestroy(),
  'black hole': () => undefined,
  'one octet a second': dripping,
  garbage: (request) => request.socket.end(Buffer.alloc(5_000, 0xa5)),
  '64 MB': flooding,
}

let asked = 0
setPriority(BEHIND_ALL)
let behaviour: Behaviour = answering
const server = http.createServer((request, response) => behaviour(request, response))
let stopAsking: () => void = () => undefined
process.on('message', (order: Order) => {
  if ('behave' in order) {
    behaviour = BEHAVIOURS[order.behave]
    server.closeAllConnections()
  } else {
    stopAsking()
    stopAsking = order.ask === 0 ? () => undefined : askForeign(order.ask)
  }
  process.send?.({ done: true })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

function askForeign(port: number): () => void {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
  const timer = setInterval(() => {
    asked += 1
    http
      .get({ port, agent, path: `/v1/identifiers/99.999/${asked}` }, (response) => response.resume())
      .on('error', () => undefined)
  }, 1000 / FOREIGN_PER_SECOND)
  return () => {
    clearInterval(timer)
    agent.destroy()
  }
}

function answering(_request: http.IncomingMessage, response: http.ServerResponse): void {
  const problem = JSON.stringify({ code: 'identifier-absent', detail: 'not registered' })
  response.writeHead(404, { 'content-type': 'application/problem+json', 'jiexi-version': '0' }).end(problem)
}

function dripping(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200)
  const drip = setInterval(() => response.write('.'), 1_000)
  response.on('close', () => clearInterval(drip))
}

function flooding(_request: http.IncomingMessage, response: http.ServerResponse): void {
  response.writeHead(200)
  const piece = Buffer.alloc(65_536)
  let left = FLOOD_OCTETS
  const more = () => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length
      if (!response.write(piece)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}
