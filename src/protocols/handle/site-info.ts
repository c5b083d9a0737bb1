/** Site information (operation 2): where this server is and which key it signs with, as the octets of HS_SITE. */
import { OP, RC } from './codes.js'
import type { Operation, Operations } from './operation.js'
import { type ResolutionOptions, resolution } from './resolution.js'

/** Octets of HS_SITE, made anew when something of it changes. */
export type SiteOctets = () => Uint8Array

/** Whatever handle is given, the site is this server's. */
export function siteInfo(site: SiteOctets): Operation {
  return () => ({ responseCode: RC.success, body: { kind: 'site', octets: site() } })
}

/** The operations for everybody, and those given. */
export function withLookups(
  others: Operations,
  options: ResolutionOptions & { readonly site: SiteOctets },
): Operations {
  return new Map([...others, [OP.resolve, resolution(options)], [OP.getSiteInfo, siteInfo(options.site)]])
}
