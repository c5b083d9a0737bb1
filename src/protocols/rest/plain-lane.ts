/**
 * The shortest way to the plain representation of a record (plain-json.ts): from the path to the whole response, at once
 * when memory has the answer, else when the tiers below have. Everything but a record is plain-lookup.ts's to say.
 */
import { decodePathIdentifier } from '../../identifier/decode.js'
import { parseIdentifier } from '../../identifier/parse.js'
import type { Clock } from '../../platform/clock.js'
import type { Answer } from '../../record/answer.js'
import type { Query, Resolve } from '../../resolution/resolve.js'
import type { LaneAnswer, LaneDoor } from '../http/fast-lane.js'
import { readyOctets } from '../http/ready-response.js'
import { KEEP_ALIVE_SECONDS } from '../http/server.js'
import { PLAIN_JSON, plainBody, plainHead } from './plain-json.js'

/** What is known at once, and current. */
export type Remembered = (query: Query) => Answer | undefined

export interface PlainLaneOptions {
  readonly remembered: Remembered
  readonly resolve: Resolve
  readonly clock: Clock
  readonly observe: (status: number) => void
}

/** What a look-up came to that has no plain representation: for the ordinary request that is made of it. */
export type LookedUp = { readonly answer: Answer } | { readonly error: unknown }

const ROUTE = '/v1/identifiers/'

export function plainLane({ remembered, resolve, clock, observe }: PlainLaneOptions): LaneDoor {
  function responseTo(answer: Answer): LaneAnswer {
    if (answer.kind !== 'found') return knownOnly({ answer })
    const body = plainBody(answer)
    const { start } = plainHead(answer, body.length, clock.nowMs())
    observe(200)
    return readyOctets({ start, body }, KEEP_ALIVE_SECONDS)
  }

  const refusal = (error: unknown) => knownOnly({ error })

  /** A record that cannot be read is found out only now. */
  function responseOrRefusal(answer: Answer): LaneAnswer {
    try {
      return responseTo(answer)
    } catch (error) {
      return refusal(error)
    }
  }

  function ask(query: Query): LaneAnswer | Promise<LaneAnswer> {
    try {
      const answer = remembered(query) ?? resolve(query)
      return answer instanceof Promise ? answer.then(responseOrRefusal, refusal) : responseTo(answer)
    } catch (error) {
      return refusal(error)
    }
  }

  return (path, source) => {
    if (!path.startsWith(ROUTE) || path.includes('?')) return undefined
    const decoded = decodePathIdentifier(path.slice(ROUTE.length))
    const parsed = decoded.ok ? parseIdentifier(decoded.value) : decoded
    if (!parsed.ok) return undefined
    return ask({ identifier: parsed.value, face: PLAIN_JSON, source })
  }
}

function knownOnly(known: LookedUp): LaneAnswer {
  return { known }
}
