/**
 * The shortest way to the plain representation of a record (plain-json.ts): from the path to the whole response, when memory
 * has the answer. Everything else is plain-lookup.ts's, and looked for again there.
 */
import { decodePathIdentifier } from '../../identifier/decode.js'
import { parseIdentifier } from '../../identifier/parse.js'
import type { Clock } from '../../platform/clock.js'
import type { Answer } from '../../record/answer.js'
import type { Query } from '../../resolution/resolve.js'
import type { LaneDoor } from '../http/fast-lane.js'
import { readyOctets } from '../http/ready-response.js'
import { KEEP_ALIVE_SECONDS } from '../http/server.js'
import { PLAIN_JSON, plainBody, plainHead } from './plain-json.js'

/** What is known at once, and current. */
export type Remembered = (query: Query) => Answer | undefined

const ROUTE = '/v1/identifiers/'

export function plainLane(remembered: Remembered, clock: Clock, observe: (status: number) => void): LaneDoor {
  return (path) => {
    if (!path.startsWith(ROUTE) || path.includes('?')) return undefined
    const decoded = decodePathIdentifier(path.slice(ROUTE.length))
    const parsed = decoded.ok ? parseIdentifier(decoded.value) : decoded
    if (!parsed.ok) return undefined
    const answer = remembered({ identifier: parsed.value, face: PLAIN_JSON })
    if (answer?.kind !== 'found') return undefined
    const body = plainBody(answer)
    const { start } = plainHead(answer, body.length, clock.nowMs())
    observe(200)
    return readyOctets({ start, body }, KEEP_ALIVE_SECONDS)
  }
}
