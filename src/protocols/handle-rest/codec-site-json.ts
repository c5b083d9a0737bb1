/**
 * HS_SITE as the JSON API writes it.
 *
 *   {"version", "protocolVersion": "2.11", "serialNumber", "primarySite", "multiPrimary", "hashOption",
 *    ["hashFilter" when there is one], "attributes": [{"name", "value"}],
 *    "servers": [{"serverId", "address", "publicKey": {"format": "key" / "base64", "value"},
 *                 "interfaces": [{"query", "admin", "protocol": "TCP" / "UDP" / "HTTP" / "HTTPS", "port"}]}]}
 */
import { EncodingError } from '../../platform/byte-writer.js'
import type { FaultList } from '../../record/faults.js'
import { isJsonObject, type JsonObject, kindOf, ownMember } from '../../record/json-object.js'
import { addressOctets } from '../../record/value-types/address.js'
import { decodePublicKey, encodePublicKey } from '../../record/value-types/hs-pubkey.js'
import {
  MULTI_PRIMARY,
  PRIMARY,
  type Site,
  type SiteAttribute,
  type SiteInterface,
  type SiteServer,
  TRANSPORTS,
} from '../../record/value-types/hs-site.js'
import { type KeyJson, keyJson, keyOfJson } from './codec-key-json.js'

export interface SiteJson {
  readonly version: number
  readonly protocolVersion: string
  readonly serialNumber: number
  readonly primarySite: boolean
  readonly multiPrimary: boolean
  readonly hashOption: number
  readonly hashFilter?: string
  readonly attributes: readonly SiteAttribute[]
  readonly servers: readonly ServerJson[]
}

interface ServerJson {
  readonly serverId: number
  readonly address: string
  readonly publicKey: { readonly format: 'key' | 'base64'; readonly value: KeyJson | string }
  readonly interfaces: readonly InterfaceJson[]
}

interface InterfaceJson {
  readonly query: boolean
  readonly admin: boolean
  readonly protocol: TransportName
  readonly port: number
}

const TRANSPORT_NAMES = ['UDP', 'TCP', 'HTTP', 'HTTPS'] as const
type TransportName = (typeof TRANSPORT_NAMES)[number]

/** Bits of an interface's type. */
const ADMINISTRATION = 1
const LOOKUP = 2
const MAX_SERVERS = 1000
const MAX_PARTS = 100

/** Undefined when an interface is of a transport that has no name here. */
export function siteJson(site: Site): SiteJson | undefined {
  const isNamed = ({ transport }: SiteInterface) => TRANSPORT_NAMES[transport] !== undefined
  if (!site.servers.every(({ interfaces }) => interfaces.every(isNamed))) return undefined
  const { major, minor } = site.protocolVersion
  return {
    version: site.format,
    protocolVersion: `${major}.${minor}`,
    serialNumber: site.serial,
    primarySite: (site.flags & PRIMARY) !== 0,
    multiPrimary: (site.flags & MULTI_PRIMARY) !== 0,
    hashOption: site.hashOption,
    ...(site.hashFilter === '' ? {} : { hashFilter: site.hashFilter }),
    attributes: site.attributes,
    servers: site.servers.map(serverJson),
  }
}

function serverJson({ id, address, publicKey, interfaces }: SiteServer): ServerJson {
  return {
    serverId: id,
    address,
    publicKey: publicKeyJson(publicKey),
    interfaces: interfaces.map(({ type, transport, port }) => ({
      query: (type & LOOKUP) !== 0,
      admin: (type & ADMINISTRATION) !== 0,
      protocol: TRANSPORT_NAMES[transport]!,
      port,
    })),
  }
}

/** A key that has no form as a JSON web key, an empty one among them, is its octets. */
export function publicKeyJson(octets: Uint8Array): ServerJson['publicKey'] {
  const decoded = decodePublicKey(octets)
  const key = decoded.ok ? keyJson(decoded.value) : undefined
  if (key !== undefined) return { format: 'key', value: key }
  return { format: 'base64', value: Buffer.from(octets).toString('base64') }
}

/** What reads the octets of `{"format", "value"}` that is no text: handed in, for it reads sites as well. */
export type ReadOctets = (input: unknown, path: string, faults: FaultList) => Uint8Array | undefined

interface Reading {
  readonly faults: FaultList
  readonly readOctets: ReadOctets
}

/** Undefined when it is no object at all; after another fault what it gives means nothing. */
export function siteOfJson(input: unknown, path: string, reading: Reading): Site | undefined {
  const { faults } = reading
  if (!isJsonObject(input)) {
    faults.add(path, `must be an object with version, protocolVersion, servers and so on, not ${kindOf(input)}`)
    return undefined
  }
  const flag = (name: string, bit: number) => (ownMember(input, name) === true ? bit : 0)
  const hashFilter = ownMember(input, 'hashFilter')
  return {
    format: numberMember(input, { name: 'version', path, max: 0xffff, otherwise: 1 }, faults),
    protocolVersion: versionOf(ownMember(input, 'protocolVersion'), `${path}.protocolVersion`, faults),
    serial: numberMember(input, { name: 'serialNumber', path, max: 0xffff, otherwise: 1 }, faults),
    flags: flag('primarySite', PRIMARY) | flag('multiPrimary', MULTI_PRIMARY),
    hashOption: numberMember(input, { name: 'hashOption', path, max: 2, otherwise: 2 }, faults),
    hashFilter: typeof hashFilter === 'string' ? hashFilter : '',
    attributes: objectsOf(input, { name: 'attributes', path, max: MAX_PARTS }, faults).map(([attribute, at]) => ({
      name: textMember(attribute, { name: 'name', path: at }, faults),
      value: textMember(attribute, { name: 'value', path: at }, faults),
    })),
    servers: objectsOf(input, { name: 'servers', path, max: MAX_SERVERS }, faults).map(([server, at]) =>
      serverOf(server, at, reading),
    ),
  }
}

function serverOf(input: JsonObject, path: string, { faults, readOctets }: Reading): SiteServer {
  const address = textMember(input, { name: 'address', path }, faults)
  if (!isAddress(address)) faults.add(`${path}.address`, 'must be an IPv4 or IPv6 address')
  return {
    id: numberMember(input, { name: 'serverId', path, max: 0xffff_ffff }, faults),
    address,
    publicKey: keyOctetsOf(ownMember(input, 'publicKey'), `${path}.publicKey`, { faults, readOctets }),
    interfaces: objectsOf(input, { name: 'interfaces', path, max: MAX_PARTS }, faults).map(([one, at]) =>
      interfaceOf(one, at, faults),
    ),
  }
}

function keyOctetsOf(input: unknown, path: string, { faults, readOctets }: Reading): Uint8Array {
  if (input === undefined) return new Uint8Array(0)
  if (isJsonObject(input) && ownMember(input, 'format') === 'key') {
    const key = keyOfJson(ownMember(input, 'value'), `${path}.value`, faults)
    return key === undefined ? new Uint8Array(0) : encodePublicKey(key)
  }
  return readOctets(input, path, faults) ?? new Uint8Array(0)
}

function interfaceOf(input: JsonObject, path: string, faults: FaultList): SiteInterface {
  const name = ownMember(input, 'protocol')
  const transport = typeof name === 'string' ? name.toLowerCase() : ''
  const isKnown = Object.hasOwn(TRANSPORTS, transport)
  if (!isKnown) faults.add(`${path}.protocol`, 'must be "UDP", "TCP", "HTTP" or "HTTPS"')
  const bit = (member: string, value: number) => (ownMember(input, member) === true ? value : 0)
  return {
    type: bit('query', LOOKUP) | bit('admin', ADMINISTRATION),
    transport: isKnown ? TRANSPORTS[transport as keyof typeof TRANSPORTS] : 0,
    port: numberMember(input, { name: 'port', path, max: 0xffff }, faults),
  }
}

const VERSION = /^(\d{1,3})\.(\d{1,3})$/

function versionOf(input: unknown, path: string, faults: FaultList): Site['protocolVersion'] {
  const [, major, minor] = typeof input === 'string' ? (VERSION.exec(input) ?? []) : []
  const version = { major: Number(major), minor: Number(minor) }
  if (version.major <= 0xff && version.minor <= 0xff) return version
  faults.add(path, 'must be a text of two numbers, such as "2.11"')
  return { major: 0, minor: 0 }
}

interface Member {
  readonly name: string
  readonly path: string
}

function textMember(input: JsonObject, { name, path }: Member, faults: FaultList): string {
  const text = ownMember(input, name)
  if (typeof text === 'string') return text
  faults.add(`${path}.${name}`, text === undefined ? 'is missing' : `must be a text, not ${kindOf(text)}`)
  return ''
}

function numberMember(
  input: JsonObject,
  { name, path, max, otherwise }: Member & { readonly max: number; readonly otherwise?: number },
  faults: FaultList,
): number {
  const number = ownMember(input, name)
  if (number === undefined && otherwise !== undefined) return otherwise
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= max) return number
  faults.add(`${path}.${name}`, number === undefined ? 'is missing' : `must be a whole number from 0 to ${max}`)
  return 0
}

/** The objects of a list, each with its path; none when there is no list. */
function objectsOf(
  input: JsonObject,
  { name, path, max }: Member & { readonly max: number },
  faults: FaultList,
): [object: JsonObject, path: string][] {
  const list = ownMember(input, name)
  const at = `${path}.${name}`
  if (list === undefined) return []
  if (!Array.isArray(list) || list.length > max) {
    faults.add(at, Array.isArray(list) ? `are ${list.length}: at most ${max} are taken` : 'must be an array')
    return []
  }
  return list.flatMap((one: unknown, place): [JsonObject, string][] => {
    if (isJsonObject(one)) return [[one, `${at}[${place}]`]]
    faults.add(`${at}[${place}]`, `must be an object, not ${kindOf(one)}`)
    return []
  })
}

function isAddress(text: string): boolean {
  try {
    addressOctets(text)
    return true
  } catch (error) {
    if (error instanceof EncodingError) return false
    throw error
  }
}
