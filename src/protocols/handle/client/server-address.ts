/**
 * Where a server is asked.
 *
 *   address = ( "udp" / "tcp" / "http" / "https" ) "://" host [ ":" port ]    ; an IPv6 address stands in brackets
 *
 * Without a port it is 2641 for UDP and TCP, 8000 for the HTTP tunnel.
 */
import { isIPv6 } from 'node:net'
import type { Result } from '../../../identifier/result.js'
import { TRANSPORTS } from '../../../record/value-types/hs-site.js'

export type TransportName = keyof typeof TRANSPORTS

export interface ServerAddress {
  readonly transport: TransportName
  /** A name, or an IP address without brackets. */
  readonly host: string
  readonly port: number
}

const ADDRESS = /^(udp|tcp|https?):\/\/(\[[\da-f:.]+\]|[a-z\d._-]{1,253})(?::(\d{1,5}))?\/?$/i
const DEFAULT_PORTS: Readonly<Record<TransportName, number>> = { udp: 2641, tcp: 2641, http: 8000, https: 8000 }
const MAX_PORT = 65_535

export function parseServerAddress(text: string): Result<ServerAddress, { readonly reason: string }> {
  const [, scheme, host, digits] = ADDRESS.exec(text) ?? []
  if (scheme === undefined || host === undefined)
    return { ok: false, reason: `"${text}" is no address of a Handle server: write one such as udp://127.0.0.1:2641` }
  const transport = scheme.toLowerCase() as TransportName
  const port = digits === undefined ? DEFAULT_PORTS[transport] : Number(digits)
  if (!isPort(port)) return { ok: false, reason: `"${text}" has no port from 1 to ${MAX_PORT}` }
  return { ok: true, value: { transport, host: host.replace(/^\[|\]$/g, ''), port } }
}

export function formatServerAddress({ transport, host, port }: ServerAddress): string {
  return `${transport}://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

export function isPort(port: number): boolean {
  return port >= 1 && port <= MAX_PORT
}

const NAMES = Object.fromEntries(Object.entries(TRANSPORTS).map(([name, code]) => [code, name as TransportName]))

/** By the number that HS_SITE has for it; undefined for one that is not known. */
export function transportName(code: number): TransportName | undefined {
  return NAMES[code]
}
