/** Request ids: the client's own when it is harmless in a header and a log line, else one that is unique to this process. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const HARMLESS = /^[\w.:-]{1,128}$/
const PROCESS = randomBytes(5).toString('hex')
let count = 0

export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && HARMLESS.test(given)) return given
  return nextRequestId()
}

export function nextRequestId(): string {
  count += 1
  return `${PROCESS}-${count.toString(36)}`
}
