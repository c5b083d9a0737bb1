/**
 * The data of a value, as JSON gives it.
 *
 *   data = text / {"format": "string", "value": text}
 *        / {"format": "base64", "value": text} / {"format": "hex", "value": text}
 *
 * Text stays text and octets stay octets, also where the octets would be UTF-8: what was given comes back.
 */
import type { FaultList } from './faults.js'
import { checkMembers, isJsonObject, kindOf, ownMember } from './json-object.js'
import { misleading, type TextFault, tooLong, unstorable } from './text-check.js'

export const MAX_DATA_OCTETS = 64 * 1024

type Octets = { readonly ok: true; readonly octets: Uint8Array } | ({ readonly ok: false } & TextFault)

/** @returns undefined after a fault */
export function readData(input: unknown, path: string, faults: FaultList): string | Uint8Array | undefined {
  if (typeof input === 'string') return readText(input, path, faults)
  if (!isJsonObject(input)) {
    const reason = `must be a text, or an object with format and value, not ${kindOf(input)}`
    faults.add(path, input === undefined ? 'is missing' : reason)
    return undefined
  }
  checkMembers(input, { path, known: ['format', 'value'], ignored: [] }, faults)
  const format = ownMember(input, 'format')
  const value = ownMember(input, 'value')
  const isFormat = format === 'string' || format === 'base64' || format === 'hex'
  if (!isFormat) faults.add(`${path}.format`, 'must be "string", "base64" or "hex"')
  if (typeof value !== 'string') faults.add(`${path}.value`, `must be a text, not ${kindOf(value)}`)
  if (!isFormat || typeof value !== 'string') return undefined
  if (format === 'string') return readText(value, `${path}.value`, faults)

  const read = format === 'base64' ? octetsOfBase64(value) : octetsOfHex(value)
  if (read.ok) return read.octets
  faults.add(`${path}.value`, read.reason, read.position)
  return undefined
}

function readText(text: string, path: string, faults: FaultList): string | undefined {
  const fault = unstorable(text) ?? misleading(text) ?? tooLong(text, MAX_DATA_OCTETS)
  if (fault === undefined) return text
  faults.add(path, fault.reason, fault.position)
  return undefined
}

const BASE64_STRANGER = /[^A-Za-z0-9+/=]/

/** RFC 4648 §4: padded, and without stray bits, so that octets have one spelling. */
function octetsOfBase64(text: string): Octets {
  if (text.length > Math.ceil(MAX_DATA_OCTETS / 3) * 4) return tooManyOctets(Math.floor(text.length / 4) * 3)
  const stranger = text.search(BASE64_STRANGER)
  if (stranger >= 0)
    return { ok: false, reason: `is not base64 at position ${stranger}: use A-Z a-z 0-9 + / =`, position: stranger }
  const octets = Buffer.from(text, 'base64')
  if (octets.toString('base64') !== text) {
    return {
      ok: false,
      reason: 'is not base64 as RFC 4648 §4 has it: pad it with "=" to a multiple of four characters',
    }
  }
  return octets.length > MAX_DATA_OCTETS ? tooManyOctets(octets.length) : { ok: true, octets: new Uint8Array(octets) }
}

function octetsOfHex(text: string): Octets {
  if (text.length > MAX_DATA_OCTETS * 2) return tooManyOctets(Math.ceil(text.length / 2))
  const stranger = text.search(/[^0-9A-Fa-f]/)
  if (stranger >= 0) return { ok: false, reason: `is not hexadecimal at position ${stranger}`, position: stranger }
  if (text.length % 2 !== 0) return { ok: false, reason: 'has an odd number of digits: two make an octet' }
  return { ok: true, octets: new Uint8Array(Buffer.from(text, 'hex')) }
}

function tooManyOctets(octets: number): Octets {
  return { ok: false, reason: `has ${octets} octets: at most ${MAX_DATA_OCTETS} are allowed` }
}
