/** Something that looks like a Redis until it is asked for anything: then it refuses, each time in another way. */
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

export interface RefusingRedis {
  readonly socketPath: string
  /** Commands that were refused so far. */
  refused(): number
  close(): Promise<void>
}

const REFUSALS = [
  'MOVED 3999 127.0.0.1:1',
  'ASK 3999 127.0.0.1:1',
  "READONLY You can't write against a read only replica.",
  'LOADING Redis is loading the dataset in memory',
  'CLUSTERDOWN The cluster is down',
  'TRYAGAIN Multiple keys request during rehashing of slot',
  'MASTERDOWN Link with MASTER is down',
  "OOM command not allowed when used memory > 'maxmemory'.",
  'BUSY Redis is busy running a script.',
  'NOAUTH Authentication required.',
  'NOPERM this user has no permissions',
  'ERR unknown command',
]
/** Clients look at it before they ask for anything. */
const INFO = 'redis_version:7.0.0\r\nloading:0\r\n'
const COMMAND = /^\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gim

let made = 0

export async function refusingRedis(): Promise<RefusingRedis> {
  made += 1
  const socketPath = path.join(os.tmpdir(), `jiexi-refusing-${process.pid}-${made}.sock`)
  let refused = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.once('close', () => sockets.delete(socket))
    socket.on('data', (bytes) => {
      // Pieces of a command that come apart are passed over: whoever waits for an answer to them waits, as for a real one.
      for (const [, name] of bytes.toString('latin1').matchAll(COMMAND)) {
        if (/^info$/i.test(name!)) socket.write(`$${INFO.length}\r\n${INFO}\r\n`)
        else {
          socket.write(`-${REFUSALS[refused % REFUSALS.length]}\r\n`)
          refused += 1
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    socketPath,
    refused: () => refused,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
