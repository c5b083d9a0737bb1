/** Counts the look-up's statements on their way to Postgres (platform/codec-postgres.ts: Bind of the statement `read`). */
import type { Socket } from 'node:net'

export interface ReadCounter {
  readonly onRequest: (bytes: Buffer, client: Socket) => void
  /** Statements, and the keys in all of them. */
  statements(): number
  keys(): number
  mostKeys(): number
  /** Connections that carried any; each has one statement under way. */
  connections(): number
}

const BIND = 'B'.charCodeAt(0)
/** After the unnamed portal, which is a NUL. */
const NAME = Buffer.from('\0read\0')
/** From there to the number of keys: three 16-bit numbers, then the array's length, dimensions, nulls, element type. */
const TO_SIZE = 3 * 2 + 4 * 4

export function readCounter(): ReadCounter {
  const sizes: number[] = []
  const carriers = new Set<Socket>()
  return {
    onRequest(bytes, client) {
      for (let at = bytes.indexOf(NAME); at >= 0; at = bytes.indexOf(NAME, at + 1)) {
        if (bytes[at - 5] !== BIND) continue
        carriers.add(client)
        sizes.push(bytes.readInt32BE(at + NAME.length + TO_SIZE))
      }
    },
    statements: () => sizes.length,
    keys: () => sizes.reduce((sum, size) => sum + size, 0),
    mostKeys: () => Math.max(0, ...sizes),
    connections: () => carriers.size,
  }
}
