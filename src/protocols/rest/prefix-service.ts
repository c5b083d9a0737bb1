/**
 * Who answers for what lies below a prefix, as a request says it:
 *
 *   {"service": "hosted"}
 *   {"service": "self-built", "sites": [{"address": "203.0.113.7", "port": 2641}]}        the native protocol, TCP and UDP
 *   {"service": "self-built", "sites": ["AAEC…"]}                                        HS_SITE in base64, as GET gives it
 *   {"service": "self-built", "serviceHandle": "88.118/service"}                         a handle whose record says where
 */
import { isIP } from 'node:net'
import { Type } from 'typebox'
import { type Fault, NodeError } from '../../platform/errors.js'
import { MAX_SITES, nativeInterfaces, type Reachable, sitesOf } from '../../record/service.js'
import type { WantedService } from '../../registry/prefixes.js'

const MAX_BASE64 = 24_000
const HANDLE_PORT = 2_641

const SiteInput = Type.Union([
  Type.String({ maxLength: MAX_BASE64, description: 'HS_SITE in base64' }),
  Type.Object(
    {
      address: Type.String({ maxLength: 45, description: 'IPv4 or IPv6' }),
      port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, default: HANDLE_PORT })),
    },
    { additionalProperties: false },
  ),
])

/** Members of the body of a request. */
export const ServiceInput = {
  service: Type.Optional(Type.Enum(['hosted', 'self-built'])),
  sites: Type.Optional(Type.Array(SiteInput, { minItems: 1, maxItems: MAX_SITES })),
  serviceHandle: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
}

export interface ServiceRequest {
  readonly service?: 'hosted' | 'self-built'
  readonly sites?: readonly (string | { readonly address: string; readonly port?: number })[]
  readonly serviceHandle?: string
}

/** Nothing when the request says nothing of it. @throws NodeError `request-malformed` */
export function readService({ service, sites, serviceHandle }: ServiceRequest): { readonly service?: WantedService } {
  if (service === 'self-built') return { service: { handle: serviceHandle ?? '', sites: readSites(sites ?? []) } }
  const faults = [
    ...(sites === undefined ? [] : [needsSelfBuilt('sites')]),
    ...(serviceHandle === undefined ? [] : [needsSelfBuilt('serviceHandle')]),
  ]
  if (faults.length > 0) throw malformed(faults)
  return service === undefined ? {} : { service }
}

type SiteRequest = NonNullable<ServiceRequest['sites']>[number]

function readSites(requested: readonly SiteRequest[]): Uint8Array[] {
  const faults: Fault[] = []
  const places = requested.flatMap((site) => (typeof site === 'string' ? [] : [placeOf(site)]))
  for (const [place, site] of requested.entries()) {
    const reason = typeof site === 'string' ? base64Fault(site) : addressFault(site.address)
    if (reason !== undefined) faults.push({ field: `sites[${place}]`, reason })
  }
  if (faults.length > 0) throw malformed(faults)
  // Of one server at several addresses each site says so.
  const made = sitesOf(places, { serial: 1, protocolVersion: { major: 2, minor: 10 } })
  let next = 0
  return requested.map((site) =>
    typeof site === 'string' ? new Uint8Array(Buffer.from(site, 'base64')) : made[next++]!,
  )
}

function placeOf({ address, port = HANDLE_PORT }: Exclude<SiteRequest, string>): Reachable {
  return { address: addressFault(address) === undefined ? address : '0.0.0.0', interfaces: nativeInterfaces(port) }
}

function addressFault(address: string): string | undefined {
  if (isIP(address) === 0 || address.includes('%')) return 'must have an IPv4 or IPv6 address, not a name'
  // An IPv4 address in IPv6 spelling is an IPv4 address.
  return address.toLowerCase().startsWith('::ffff:') ? 'must have an IPv4 address in dots' : undefined
}

function base64Fault(text: string): string | undefined {
  return Buffer.from(text, 'base64').toString('base64') === text ? undefined : 'must be HS_SITE in base64 (RFC 4648 §4)'
}

function needsSelfBuilt(field: string): Fault {
  return { field, reason: 'belongs to "service": "self-built"' }
}

function malformed(faults: readonly Fault[]): NodeError {
  const said = faults.map(({ field, reason }) => `${field} ${reason}`).join('; ')
  return new NodeError('request-malformed', `The service cannot be so: ${said}.`, { faults })
}
