/** What is asked on the way to a server: where a prefix or a service is, and what a server says of itself. */
import { OP } from '../codes.js'
import { DEFAULT_FLAGS, type Request } from './request.js'
import { SITE_TYPES } from './sites.js'

export function siteQuery(handle: string, flags: number): Request {
  const body = { kind: 'query' as const, handle, indexes: [], types: SITE_TYPES }
  return { opCode: OP.resolve, handle, body, flags: DEFAULT_FLAGS | flags, isRepeatable: true }
}

/** Whatever handle it names, the server tells of its own site. */
export function siteInfoRequest(flags: number): Request {
  const body = { kind: 'handle' as const, handle: '/' }
  return { opCode: OP.getSiteInfo, handle: '/', body, flags: DEFAULT_FLAGS | flags, isRepeatable: true }
}
