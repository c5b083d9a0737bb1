/** Overload: saying so at once is kinder than letting everybody wait. What memory answers is cheaper than a refusal. */
import { NodeError } from '../platform/errors.js'
import type { Layer } from './resolve.js'

/** Look-ups that memory does not answer are refused while this process is behind with its work. */
export function refuseWhenBehind(isBehind: () => boolean): Layer {
  return (next) => (query) => {
    if (!isBehind()) return next(query)
    query.trace?.step('load-shedding', 'refused')
    throw new NodeError('overloaded', 'This node is behind with its work; try again in a second.', {
      retryAfterSeconds: 1,
    })
  }
}

/** Bounds how many look-ups wait for an authority at once. */
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
