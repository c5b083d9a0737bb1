/**
 * Look-ups of one key that are under way are joined: a thousand misses of one identifier ask once. A flight is joined
 * only while it is younger than the freshness bound and no change of the identifier has become known since it began
 * (whoever wrote here must not be given an answer from before), and never by a query that demands more than a plain one.
 */
import type { Clock } from '../platform/clock.js'
import type { Answer } from '../record/answer.js'
import type { ChangeKnowledge } from './change-knowledge.js'
import { nameIn } from './feed-spaces.js'
import { elapsedMs, type Moment, momentOf } from './moment.js'
import type { Layer, Query } from './resolve.js'

interface Flight {
  readonly answer: Promise<Answer>
  readonly started: Moment
}

export function singleFlight(
  clock: Clock,
  joinWithinMs: number,
  knowledge?: Pick<ChangeKnowledge, 'onChange' | 'onReset'>,
): Layer {
  return (next) => {
    const flights = new Map<string, Flight>()
    knowledge?.onReset(() => flights.clear())
    knowledge?.onChange((key) => {
      const identifier = nameIn('identifier', key)
      if (identifier !== undefined) flights.delete(identifier)
      else if (nameIn('prefix', key) !== undefined) flights.clear()
    })

    return (query) => {
      if (!isPlain(query)) return next(query)
      const { key } = query.identifier
      const under = flights.get(key)
      if (under !== undefined && elapsedMs(clock, under.started) <= joinWithinMs) {
        query.trace?.step('single-flight', 'joined')
        return under.answer
      }

      const started = momentOf(clock)
      const answer = next(query)
      if (!(answer instanceof Promise)) return answer
      const flight = { answer, started }
      flights.set(key, flight)
      const land = () => {
        if (flights.get(key) === flight) flights.delete(key)
      }
      answer.then(land, land)
      return answer
    }
  }
}

function isPlain(query: Query): boolean {
  return query.authoritative !== true && query.minVersion === undefined && query.token === undefined
}
