/** This node's HS_SITE, as it is given to whoever asks for site information. */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  encodeSite,
  HASH_OPTIONS,
  INTERFACE_TYPES,
  PRIMARY,
  type SiteInterface,
  TRANSPORTS,
} from '../../record/value-types/hs-site.js'
import { VERSION_2_11 } from './codec-version.js'

/** Ports that are open; undefined: closed. */
export type HandlePorts = Readonly<OpenPorts>

/** The same while they are being opened. */
export interface OpenPorts {
  port?: number | undefined
  httpPort?: number | undefined
}

export interface OwnSite {
  /** Where others reach the node: the first is the server's address, the others are told as attributes. */
  readonly addresses: readonly string[]
  readonly ports: HandlePorts
  readonly hasTls: boolean
  /** Octets of HS_PUBKEY; empty: the server has none. */
  readonly publicKey: Uint8Array
  readonly serial: number
  readonly description: string
}

/** @throws EncodingError for an address that HS_SITE cannot hold, `::1` for one */
export function ownSiteOctets({ addresses, ports, hasTls, publicKey, serial, description }: OwnSite): Uint8Array {
  const [address = LOOPBACK, ...others] = addresses
  return encodeSite({
    format: 1,
    protocolVersion: VERSION_2_11,
    serial,
    flags: PRIMARY,
    hashOption: HASH_OPTIONS.byWhole,
    hashFilter: '',
    attributes: [
      { name: 'desc', value: description },
      ...others.map((other, place) => ({ name: `alt_addr.${place + 1}`, value: other })),
    ],
    servers: [{ id: 1, address, publicKey, interfaces: interfacesOf(ports, hasTls) }],
  })
}

const LOOPBACK = '127.0.0.1'

/** TCP for everything comes first: of a site where it does not, the national SDK uses UDP. */
function interfacesOf({ port, httpPort }: HandlePorts, hasTls: boolean): readonly SiteInterface[] {
  const { both, lookup } = INTERFACE_TYPES
  return [
    ...(port === undefined
      ? []
      : [
          { type: both, transport: TRANSPORTS.tcp, port },
          { type: lookup, transport: TRANSPORTS.udp, port },
        ]),
    ...(httpPort === undefined ? [] : [{ type: both, transport: TRANSPORTS.http, port: httpPort }]),
    ...(httpPort === undefined || !hasTls ? [] : [{ type: both, transport: TRANSPORTS.https, port: httpPort }]),
  ]
}

/** As configured; else where the node listens; else the first address of this machine that others can reach. */
export function ownAddresses(configured: readonly string[] | undefined, host: string): readonly string[] {
  if (configured !== undefined) return configured
  if (host !== '::1' && isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::') return [host]
  if (host !== '0.0.0.0' && host !== '::') return [LOOPBACK]
  const known = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const reachable = known.find(({ internal, family }) => !internal && family === 'IPv4')
  return [reachable?.address ?? LOOPBACK]
}
