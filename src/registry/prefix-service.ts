/** Whether a prefix can be served as somebody wants it to be. */
import type { Identifier } from '../identifier/identifier.js'
import { isHandlePrefix } from '../identifier/prefix-record.js'
import { parseHandle } from '../identifier/schemes/handle.js'
import { type Fault, NodeError } from '../platform/errors.js'
import { MAX_SITES, type ServiceLocation, siteFault } from '../record/service.js'

/** The same when it can. @throws NodeError `request-malformed` with every fault */
export function requireService<Wanted extends 'hosted' | ServiceLocation>(prefix: string, wanted: Wanted): Wanted {
  if (wanted === 'hosted') return wanted
  const faults = serviceFaults(prefix, wanted as ServiceLocation)
  if (faults.length === 0) return wanted
  const said = faults.map(({ field, reason }) => `${field} ${reason}`).join('; ')
  throw new NodeError('request-malformed', `${prefix} cannot be served so: ${said}.`, { faults })
}

function serviceFaults(prefix: string, { handle, sites }: ServiceLocation): Fault[] {
  if (!isHandlePrefix(prefix))
    return [{ field: 'service', reason: 'must be hosted: only for handles can another server be referred to' }]
  if (handle === '' && sites.length === 0)
    return [{ field: 'service', reason: 'self-built needs sites, or the serviceHandle whose record has them' }]
  if (handle !== '' && sites.length > 0)
    return [{ field: 'serviceHandle', reason: 'excludes sites: say one of the two' }]
  if (handle !== '') return handleFaults(prefix, handle)
  if (sites.length > MAX_SITES)
    return [{ field: 'sites', reason: `are ${sites.length}: at most ${MAX_SITES} are taken` }]
  return sites.flatMap((site, place) => {
    const reason = siteFault(site)
    return reason === undefined ? [] : [{ field: `sites[${place}]`, reason }]
  })
}

function handleFaults(prefix: string, handle: string): Fault[] {
  const parsed = parseHandle(handle)
  const reason = parsed.ok ? whyNot(prefix, handle, parsed.value) : `is no handle: ${parsed.message}`
  return reason === undefined ? [] : [{ field: 'serviceHandle', reason }]
}

function whyNot(prefix: string, handle: string, read: Identifier): string | undefined {
  if (read.spelling !== handle) return 'must be a handle alone, without "hdl:"'
  const isBelow = read.prefix === prefix || read.prefix.startsWith(`${prefix}.`)
  return isBelow ? 'lies below the prefix itself: whoever asks for it would be sent back to it' : undefined
}
