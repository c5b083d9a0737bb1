/** The message Referral of proto/resolution.proto: where else to ask. */
import { lengthTag, varintTag } from '../../record/wire.js'
import type { WireReader } from '../../record/wire-reader.js'
import type { WireWriter } from '../../record/wire-writer.js'

export interface ResolveLocation {
  readonly address: string
  readonly port: number
  readonly transport: string
  readonly use: string
}

export interface ResolveReferral {
  readonly prefix: string
  readonly serviceHandle?: string
  readonly locations: readonly ResolveLocation[]
  /** HS_SITE in base64, as JSON has them; octets in the message. */
  readonly sites: readonly string[]
}

const PREFIX = lengthTag(1)
const SERVICE_HANDLE = lengthTag(2)
const LOCATIONS = lengthTag(3)
const SITES = lengthTag(4)

const ADDRESS = lengthTag(1)
const PORT = varintTag(2)
const TRANSPORT = lengthTag(3)
const USE = lengthTag(4)

export function writeReferral(writer: WireWriter, referral: ResolveReferral): void {
  writer.text(PREFIX, referral.prefix)
  writer.text(SERVICE_HANDLE, referral.serviceHandle ?? '')
  for (const { address, port, transport, use } of referral.locations) {
    const start = writer.open(LOCATIONS)
    writer.text(ADDRESS, address)
    writer.number(PORT, port)
    writer.text(TRANSPORT, transport)
    writer.text(USE, use)
    writer.close(start)
  }
  for (const site of referral.sites) writer.octets(SITES, Buffer.from(site, 'base64'))
}

export function readReferral(reader: WireReader): ResolveReferral {
  const outerEnd = reader.enter()
  let prefix = ''
  let serviceHandle = ''
  const locations: ResolveLocation[] = []
  const sites: string[] = []
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === PREFIX) prefix = reader.text()
    else if (tag === SERVICE_HANDLE) serviceHandle = reader.text()
    else if (tag === LOCATIONS) locations.push(readLocation(reader))
    else if (tag === SITES) sites.push(Buffer.from(reader.octets()).toString('base64'))
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return { prefix, ...(serviceHandle === '' ? {} : { serviceHandle }), locations, sites }
}

function readLocation(reader: WireReader): ResolveLocation {
  const outerEnd = reader.enter()
  let address = ''
  let port = 0
  let transport = ''
  let use = ''
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === ADDRESS) address = reader.text()
    else if (tag === PORT) port = reader.number()
    else if (tag === TRANSPORT) transport = reader.text()
    else if (tag === USE) use = reader.text()
    else reader.skip(tag)
  }
  reader.leave(outerEnd)
  return { address, port, transport, use }
}
