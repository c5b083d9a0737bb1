import type { Query } from '../../src/resolution/resolve.js'

/** A plain query for a handle that is written in its canonical form. */
export function queryFor(key: string, demands: Omit<Query, 'identifier'> = {}): Query {
  return { identifier: { scheme: 'handle', key, prefix: key.slice(0, key.indexOf('/')), spelling: key }, ...demands }
}
