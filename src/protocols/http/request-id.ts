/** Request ids: the client's own when it is harmless in a header and a log line, else one that is unique to this process. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const HARMLESS = /^[\w.:-]{1,128}$/
const PROCESS = randomBytes(5).toString('hex')
let count = 0

/** The same id each time a request is asked for its own: in the log, and in a problem document. */
const generated = new WeakMap<IncomingMessage, string>()

export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && HARMLESS.test(given)) return given
  const known = generated.get(request)
  if (known !== undefined) return known
  const id = nextRequestId()
  generated.set(request, id)
  return id
}

export function nextRequestId(): string {
  count += 1
  return `${PROCESS}-${count.toString(36)}`
}
