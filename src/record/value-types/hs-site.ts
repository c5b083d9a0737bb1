/**
 * HS_SITE: where the servers of a service are, and how handles are spread over them.
 *
 *   site      = format protocol serial flags hashOption hashFilter attributes servers
 *   format    = 2OCTET                    ; 1
 *   protocol  = major minor               ; the version that the servers speak
 *   serial    = 2OCTET                    ; grows with every change
 *   flags     = OCTET                     ; %x80 primary, %x40 one of several primaries
 *   hashOption = OCTET                    ; what is hashed: 0 prefix, 1 suffix, 2 the whole handle
 *   hashFilter = text                     ; not in use
 *   attributes = count *( name value )    ; texts: desc, domain, path, alt_addr.1, …
 *   servers   = count *server
 *   server    = id address publicKey count *interface    ; id = 4OCTET, address = 16OCTET, the key as in hs-pubkey.ts
 *   interface = type protocol port        ; 1 administration, 2 look-ups, 3 both; 0 UDP, 1 TCP, 2 HTTP, 3 HTTPS; 4OCTET
 *
 *   text      = length *OCTET             ; lengths and counts are of four octets
 *
 * Octets behind the servers are passed over: a later format may have more. Source: RFC 3651 §3.2.2, and records in use.
 */
import type { Decoded } from '../../platform/byte-fault.js'
import { ByteReader } from '../../platform/byte-reader.js'
import { ByteWriter } from '../../platform/byte-writer.js'
import { ADDRESS_OCTETS, addressOctets, addressText } from './address.js'

export const PRIMARY = 0x80
export const MULTI_PRIMARY = 0x40

export const HASH_OPTIONS = { byPrefix: 0, bySuffix: 1, byWhole: 2 } as const
export const INTERFACE_TYPES = { administration: 1, lookup: 2, both: 3 } as const
export const TRANSPORTS = { udp: 0, tcp: 1, http: 2, https: 3 } as const

export interface SiteAttribute {
  readonly name: string
  readonly value: string
}

export interface SiteInterface {
  /** Of `INTERFACE_TYPES`. */
  readonly type: number
  /** Of `TRANSPORTS`. */
  readonly transport: number
  readonly port: number
}

export interface SiteServer {
  readonly id: number
  /** IPv4 in dots, or IPv6 as RFC 5952 writes it. */
  readonly address: string
  /** Octets of HS_PUBKEY; empty when the server has none. */
  readonly publicKey: Uint8Array
  /** In the order that clients try them. */
  readonly interfaces: readonly SiteInterface[]
}

export interface Site {
  readonly format: number
  readonly protocolVersion: { readonly major: number; readonly minor: number }
  readonly serial: number
  /** Bits `PRIMARY` and `MULTI_PRIMARY`. */
  readonly flags: number
  /** Of `HASH_OPTIONS`. */
  readonly hashOption: number
  readonly hashFilter: string
  readonly attributes: readonly SiteAttribute[]
  readonly servers: readonly SiteServer[]
}

const LEAST_ATTRIBUTE_OCTETS = 8
const LEAST_SERVER_OCTETS = 4 + ADDRESS_OCTETS + 4 + 4
const INTERFACE_OCTETS = 6
const writer = new ByteWriter()

export function decodeSite(octets: Uint8Array): Decoded<Site> {
  const reader = new ByteReader(octets)
  const site = {
    format: reader.int2('format'),
    protocolVersion: { major: reader.int1('protocol.major'), minor: reader.int1('protocol.minor') },
    serial: reader.int2('serial'),
    flags: reader.int1('flags'),
    hashOption: reader.int1('hashOption'),
    hashFilter: reader.text('hashFilter'),
    attributes: readAttributes(reader),
    servers: readServers(reader),
  }
  return reader.decoded(site)
}

function readAttributes(reader: ByteReader): SiteAttribute[] {
  const count = reader.count(LEAST_ATTRIBUTE_OCTETS, 'attributes')
  const attributes: SiteAttribute[] = []
  for (let place = 0; place < count; place++) {
    attributes.push({ name: reader.text('attribute.name'), value: reader.text('attribute.value') })
  }
  return attributes
}

function readServers(reader: ByteReader): SiteServer[] {
  const count = reader.count(LEAST_SERVER_OCTETS, 'servers')
  const servers: SiteServer[] = []
  for (let place = 0; place < count; place++) servers.push(readServer(reader))
  return servers
}

function readServer(reader: ByteReader): SiteServer {
  const id = reader.int4('server.id')
  const address = reader.octets(ADDRESS_OCTETS, 'server.address')
  return {
    id,
    address: address.length === 0 ? '' : addressText(address),
    publicKey: reader.lengthAndOctets('server.publicKey'),
    interfaces: readInterfaces(reader),
  }
}

function readInterfaces(reader: ByteReader): SiteInterface[] {
  const count = reader.count(INTERFACE_OCTETS, 'server.interfaces')
  const interfaces: SiteInterface[] = []
  for (let place = 0; place < count; place++) {
    interfaces.push({
      type: reader.int1('interface.type'),
      transport: reader.int1('interface.protocol'),
      port: reader.int4('interface.port'),
    })
  }
  return interfaces
}

/** @throws EncodingError */
export function encodeSite(site: Site): Uint8Array {
  writer.begin()
  writer.int2('format', site.format)
  writer.int1('protocol.major', site.protocolVersion.major)
  writer.int1('protocol.minor', site.protocolVersion.minor)
  writer.int2('serial', site.serial)
  writer.int1('flags', site.flags)
  writer.int1('hashOption', site.hashOption)
  writer.text('hashFilter', site.hashFilter)
  writer.int4('attributes', site.attributes.length)
  for (const { name, value } of site.attributes) {
    writer.text('attribute.name', name)
    writer.text('attribute.value', value)
  }
  writer.int4('servers', site.servers.length)
  for (const server of site.servers) writeServer(server)
  return writer.finish()
}

function writeServer({ id, address, publicKey, interfaces }: SiteServer): void {
  writer.int4('server.id', id)
  writer.octets(addressOctets(address))
  writer.lengthAndOctets('server.publicKey', publicKey)
  writer.int4('server.interfaces', interfaces.length)
  for (const { type, transport, port } of interfaces) {
    writer.int1('interface.type', type)
    writer.int1('interface.protocol', transport)
    writer.int4('interface.port', port)
  }
}
