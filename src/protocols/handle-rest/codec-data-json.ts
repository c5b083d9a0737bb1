/**
 * The data of a value as the JSON API writes and reads it: `{"format", "value"}`, by the value's type.
 *
 *   admin   {"handle", "index", "permissions"}            HS_ADMIN; twelve binary digits, the highest right first
 *   vlist   [{"handle", "index"}]                         HS_VLIST
 *   site    codec-site-json.ts                            HS_SITE
 *   key     codec-key-json.ts                             HS_PUBKEY
 *   string  text                                          all other text
 *   base64  text                                          all other octets, and octets that are not what their type says
 *   hex     text                                          read, never written
 *
 * Read besides: a bare text, which is a string; permissions with fewer digits, which are the lowest ones; `*`, which is all of
 * them; base64 without padding and in the alphabet for URLs.
 *
 * What JSON has no words for is lost on this way, as with every server of this API: flags of a key, the tail of an old
 * HS_ADMIN, octets behind the last server of a site.
 */
import { hasUtf8 } from '../../platform/utf8.js'
import type { FaultList } from '../../record/faults.js'
import { isJsonObject, kindOf, ownMember } from '../../record/json-object.js'
import type { Reference, Value } from '../../record/record.js'
import { MAX_DATA_OCTETS } from '../../record/value-data.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../../record/value-types/hs-admin.js'
import { encodePublicKey } from '../../record/value-types/hs-pubkey.js'
import { encodeSite } from '../../record/value-types/hs-site.js'
import { encodeValueList } from '../../record/value-types/hs-vlist.js'
import { decodeValueData, recordData, structureOf } from '../../record/value-types/value-types.js'
import { keyJson, keyOfJson } from './codec-key-json.js'
import { siteJson, siteOfJson } from './codec-site-json.js'

export interface DataJson {
  readonly format: 'string' | 'base64' | 'admin' | 'vlist' | 'site' | 'key'
  readonly value: unknown
}

const RIGHTS_DIGITS = 12
const MAX_INDEX = 0xffff_ffff
const MAX_REFERENCES = 1000

export function dataJson({ type, data }: Pick<Value, 'type' | 'data'>): DataJson {
  if (typeof data === 'string' && !hasOctetStructure(type)) return { format: 'string', value: data }
  const octets = typeof data === 'string' ? Buffer.from(data) : data
  return structuredJson(type, octets) ?? { format: 'base64', value: Buffer.from(octets).toString('base64') }
}

function hasOctetStructure(type: string): boolean {
  const structure = structureOf(type)
  return structure !== undefined && structure !== 'text' && structure !== 'secret'
}

function structuredJson(type: string, octets: Uint8Array): DataJson | undefined {
  const decoded = decodeValueData(type, octets)
  if (!decoded.ok) return undefined
  const data = decoded.value
  switch (data.kind) {
    case 'admin': {
      const { handle, index, permissions } = data.admin
      const digits = permissions.toString(2).padStart(RIGHTS_DIGITS, '0')
      return { format: 'admin', value: { handle, index, permissions: digits } }
    }
    case 'list':
      return { format: 'vlist', value: data.references.map(({ handle, index }) => ({ handle, index })) }
    case 'site': {
      const value = siteJson(data.site)
      return value && { format: 'site', value }
    }
    case 'public-key': {
      const value = keyJson(data.key)
      return value && { format: 'key', value }
    }
    case 'secret': {
      // No structure but its octets: a password is text to whoever may read it.
      const text = recordData('', octets)
      return typeof text === 'string' ? { format: 'string', value: text } : undefined
    }
    default:
      return undefined
  }
}

/** Undefined after a fault. */
export function octetsOfData(input: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  const octets = anyOctets(input, path, faults)
  if (octets === undefined || octets.length <= MAX_DATA_OCTETS) return octets
  faults.add(path, `has ${octets.length} octets: at most ${MAX_DATA_OCTETS} are taken`)
  return undefined
}

function anyOctets(input: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  if (typeof input === 'string') return octetsOfText(input, path, faults)
  if (!isJsonObject(input)) {
    const reason = `must be a text, or an object with format and value, not ${kindOf(input)}`
    faults.add(path, input === undefined ? 'is missing' : reason)
    return undefined
  }
  const value = ownMember(input, 'value')
  const at = `${path}.value`
  switch (ownMember(input, 'format')) {
    case 'string':
      return octetsOfText(value, at, faults)
    case 'base64':
      return octetsOfBase64(value, at, faults)
    case 'hex':
      return octetsOfHex(value, at, faults)
    case 'admin':
      return octetsOfAdmin(value, at, faults)
    case 'vlist': {
      const references = referencesOf(value, at, faults)
      return references && encodeValueList(references)
    }
    case 'site':
      return octetsOfSite(value, at, faults)
    case 'key': {
      const key = keyOfJson(value, at, faults)
      return key && encodePublicKey(key)
    }
    default:
      faults.add(`${path}.format`, 'must be "string", "base64", "hex", "admin", "vlist", "site" or "key"')
      return undefined
  }
}

function octetsOfText(value: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  if (typeof value === 'string' && hasUtf8(value)) return Buffer.from(value)
  faults.add(path, typeof value === 'string' ? 'has half a character' : `must be a text, not ${kindOf(value)}`)
  return undefined
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/
const HEX = /^(?:[\da-f]{2})*$/i

function octetsOfBase64(value: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  if (typeof value === 'string' && BASE64.test(value)) return new Uint8Array(Buffer.from(value, 'base64'))
  faults.add(path, 'must be a text in base64: A-Z a-z 0-9 + / and = at the end')
  return undefined
}

function octetsOfHex(value: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  if (typeof value === 'string' && HEX.test(value)) return new Uint8Array(Buffer.from(value, 'hex'))
  faults.add(path, 'must be a text of hexadecimal digits, two for each octet')
  return undefined
}

function octetsOfAdmin(value: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  const reference = referenceOf(value, path, faults)
  const permissions = rightsOf(isJsonObject(value) ? ownMember(value, 'permissions') : undefined)
  if (permissions === undefined)
    faults.add(`${path}.permissions`, `must be a text of up to ${RIGHTS_DIGITS} digits 0 or 1, or "*" for all rights`)
  return reference && permissions !== undefined ? encodeAdmin({ ...reference, permissions, hasTail: false }) : undefined
}

/** Up to sixteen digits: what was read of a record with unknown rights can be written back. */
function rightsOf(text: unknown): number | undefined {
  if (text === '*') return ALL_ADMIN_RIGHTS
  return typeof text === 'string' && /^[01]{1,16}$/.test(text) ? Number.parseInt(text, 2) : undefined
}

function octetsOfSite(value: unknown, path: string, faults: FaultList): Uint8Array | undefined {
  const own = faultCount(faults)
  const site = siteOfJson(value, path, { faults, readOctets: anyOctets })
  return site !== undefined && faultCount(faults) === own ? encodeSite(site) : undefined
}

function faultCount(faults: FaultList): number {
  return faults.list().length
}

/** Undefined after a fault. */
export function referencesOf(value: unknown, path: string, faults: FaultList): readonly Reference[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_REFERENCES) {
    faults.add(path, `must be an array of at most ${MAX_REFERENCES} objects with handle and index`)
    return undefined
  }
  const references = value.map((one: unknown, place) => referenceOf(one, `${path}[${place}]`, faults))
  return references.some((one) => one === undefined) ? undefined : (references as Reference[])
}

function referenceOf(value: unknown, path: string, faults: FaultList): Reference | undefined {
  if (!isJsonObject(value)) {
    faults.add(path, `must be an object with handle and index, not ${kindOf(value)}`)
    return undefined
  }
  const handle = ownMember(value, 'handle')
  const index = ownMember(value, 'index') ?? 0
  const isHandle = typeof handle === 'string' && hasUtf8(handle)
  const isIndex = typeof index === 'number' && Number.isInteger(index) && index >= 0 && index <= MAX_INDEX
  if (!isHandle) faults.add(`${path}.handle`, 'must be a text: the handle that is meant')
  if (!isIndex) faults.add(`${path}.index`, `must be a whole number from 0 to ${MAX_INDEX}`)
  return isHandle && isIndex ? { handle, index } : undefined
}
