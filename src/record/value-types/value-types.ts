/**
 * What the data of a value is, by its type. Types compare without regard to ASCII case, and `HS_SITE.6` is an HS_SITE.
 *
 *   HS_ADMIN, HS_VLIST, HS_SITE, HS_PUBKEY    octets with a structure (hs-….ts)
 *   HS_SECKEY                                 the secret's octets
 *   HS_SERV, HS_ALIAS                         text: a handle
 *   HS_NAMESPACE                              text: XML
 *   HS_SIGNATURE, HS_CERT                     text: a compact JSON web signature or token
 *   all others                                text where it is such, else octets
 */
import { isUtf8 } from 'node:buffer'
import { foldAscii } from '../../identifier/characters.js'
import type { Decoded } from '../../platform/byte-fault.js'
import { EncodingError } from '../../platform/byte-writer.js'
import { hasUtf8 } from '../../platform/utf8.js'
import type { Reference } from '../record.js'
import { misleading, unstorable } from '../text-check.js'
import { type Admin, decodeAdmin, encodeAdmin } from './hs-admin.js'
import { decodePublicKey, encodePublicKey, type HandlePublicKey } from './hs-pubkey.js'
import { decodeSite, encodeSite, type Site } from './hs-site.js'
import { decodeValueList, encodeValueList } from './hs-vlist.js'

export type ValueData =
  | { readonly kind: 'admin'; readonly admin: Admin }
  | { readonly kind: 'list'; readonly references: readonly Reference[] }
  | { readonly kind: 'site'; readonly site: Site }
  | { readonly kind: 'public-key'; readonly key: HandlePublicKey }
  | { readonly kind: 'secret'; readonly octets: Uint8Array }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'octets'; readonly octets: Uint8Array }

type Structure = 'admin' | 'list' | 'site' | 'public-key' | 'secret' | 'text'

const STRUCTURES: Readonly<Record<string, Structure>> = {
  hs_admin: 'admin',
  hs_vlist: 'list',
  hs_site: 'site',
  hs_pubkey: 'public-key',
  hs_seckey: 'secret',
  hs_serv: 'text',
  hs_alias: 'text',
  hs_namespace: 'text',
  hs_signature: 'text',
  hs_cert: 'text',
}

/** Undefined for types that no standard gives a structure. */
export function structureOf(type: string): Structure | undefined {
  const folded = foldAscii(type)
  if (!folded.startsWith('hs_')) return undefined
  const dot = folded.indexOf('.')
  const base = dot < 0 ? folded : folded.slice(0, dot)
  return Object.hasOwn(STRUCTURES, base) ? STRUCTURES[base] : undefined
}

/** The octets of a value of this type, as what they mean. */
export function decodeValueData(type: string, octets: Uint8Array): Decoded<ValueData> {
  switch (structureOf(type)) {
    case 'admin':
      return mapDecoded(decodeAdmin(octets), (admin) => ({ kind: 'admin', admin }))
    case 'list':
      return mapDecoded(decodeValueList(octets), (references) => ({ kind: 'list', references }))
    case 'site':
      return mapDecoded(decodeSite(octets), (site) => ({ kind: 'site', site }))
    case 'public-key':
      return mapDecoded(decodePublicKey(octets), (key) => ({ kind: 'public-key', key }))
    case 'secret':
      return { ok: true, value: { kind: 'secret', octets } }
    case 'text':
      return isUtf8(octets) ? { ok: true, value: { kind: 'text', text: textOf(octets) } } : notText(type)
    default:
      return { ok: true, value: plainData(octets) }
  }
}

/** @throws EncodingError */
export function encodeValueData(data: ValueData): Uint8Array {
  switch (data.kind) {
    case 'admin':
      return encodeAdmin(data.admin)
    case 'list':
      return encodeValueList(data.references)
    case 'site':
      return encodeSite(data.site)
    case 'public-key':
      return encodePublicKey(data.key)
    case 'text':
      if (!hasUtf8(data.text)) throw new EncodingError('data', 'half a character has no UTF-8')
      return Buffer.from(data.text)
    default:
      return data.octets
  }
}

/** Text where it is such as any door takes, and the type has no structure of octets; else the octets. */
export function recordData(type: string, octets: Uint8Array): string | Uint8Array {
  const structure = structureOf(type)
  if (structure !== undefined && structure !== 'text') return octets
  const data = plainData(octets)
  return data.kind === 'text' ? data.text : octets
}

type PlainData = Extract<ValueData, { kind: 'text' | 'octets' }>

function plainData(octets: Uint8Array): PlainData {
  if (!isUtf8(octets)) return { kind: 'octets', octets }
  const text = textOf(octets)
  return (unstorable(text) ?? misleading(text)) ? { kind: 'octets', octets } : { kind: 'text', text }
}

function textOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString()
}

function notText(type: string): Decoded<ValueData> {
  return { ok: false, reason: 'not-utf8', offset: 0, field: 'data', message: `${type} is no UTF-8 text` }
}

function mapDecoded<From, To>(decoded: Decoded<From>, map: (value: From) => To): Decoded<To> {
  return decoded.ok ? { ok: true, value: map(decoded.value) } : decoded
}
