/** Bounds how many look-ups wait for an authority at once: past that, saying so at once is kinder than queueing. */
import { NodeError } from '../platform/errors.js'
import type { Layer } from './resolve.js'

export function loadShedding(maxWaiting: number): Layer {
  return (next) => {
    let waiting = 0
    const leave = () => {
      waiting -= 1
    }
    return (query) => {
      if (waiting >= maxWaiting) {
        query.trace?.step('load-shedding', 'refused')
        throw new NodeError('overloaded', `${waiting} look-ups are waiting already; try again in a second.`, {
          retryAfterSeconds: 1,
        })
      }
      const answer = next(query)
      if (!(answer instanceof Promise)) return answer
      waiting += 1
      answer.then(leave, leave)
      return answer
    }
  }
}
