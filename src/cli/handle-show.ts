/** Values of a handle, for people and as JSON. */
import { createHash } from 'node:crypto'
import type { Resolved } from '../protocols/handle/client/answers.js'
import { formatServerAddress } from '../protocols/handle/client/server-address.js'
import type { HandleValue } from '../protocols/handle/codec-value.js'
import { ABSOLUTE_TTL } from '../protocols/handle/codec-value.js'
import type { Site } from '../record/value-types/hs-site.js'
import { decodeValueData, type ValueData } from '../record/value-types/value-types.js'

export function valueRow(value: HandleValue): string[] {
  return ['', `${value.index}:${value.type}`, permissionsText(value.permissions), dataText(value)]
}

function dataText({ type, data }: HandleValue): string {
  const decoded = decodeValueData(type, data)
  return decoded.ok ? meaning(decoded.value) : `hex:${hex(data)} (${decoded.message})`
}

function meaning(data: ValueData): string {
  switch (data.kind) {
    case 'text':
      return data.text
    case 'admin':
      return `${data.admin.index}:${data.admin.handle}, rights ${rightsText(data.admin.permissions)}`
    case 'list':
      return data.references.map(({ handle, index }) => `${index}:${handle}`).join(', ')
    case 'public-key':
      return data.key.kind === 'other'
        ? `a key of kind ${data.key.name}`
        : `a key of kind ${data.key.kind.toUpperCase()}`
    case 'site':
      return siteText(data.site)
    default:
      return `hex:${hex(data.octets)}`
  }
}

export function siteText(site: Site): string {
  const servers = site.servers.map(({ address, interfaces }) => {
    const ways = interfaces.map(
      ({ transport, port }) => `${TRANSPORT_NAMES[transport] ?? `transport ${transport}`} ${port}`,
    )
    return `${address} (${ways.join(', ')})`
  })
  return `serial ${site.serial}, ${servers.join('; ')}`
}

const TRANSPORT_NAMES = ['udp', 'tcp', 'http', 'https']

/** Most significant first, as the JSON of the Handle System has it. */
export function rightsText(permissions: number): string {
  return (permissions & 0xfff).toString(2).padStart(12, '0')
}

export function permissionsText(permissions: number): string {
  return permissions.toString(2).padStart(4, '0')
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

/** As the JSON of the Handle System gives a value; octets with a structure beside what they mean. */
export function valueJson(value: HandleValue): object {
  const { index, type, ttl, ttlType, timestampSeconds, permissions, references } = value
  return {
    index,
    type,
    data: dataJson(value),
    ttl: ttlType === ABSOLUTE_TTL ? isoTime(ttl) : ttl,
    permissions: permissionsText(permissions),
    timestamp: isoTime(timestampSeconds),
    ...(references.length === 0 ? {} : { references }),
  }
}

function dataJson({ type, data }: HandleValue): object {
  const decoded = decodeValueData(type, data)
  const value = decoded.ok ? decoded.value : undefined
  if (value?.kind === 'text') return { format: 'string', value: value.text }
  if (value?.kind === 'admin') {
    const { handle, index, permissions } = value.admin
    return { format: 'admin', value: { handle, index, permissions: rightsText(permissions) } }
  }
  if (value?.kind === 'list') return { format: 'vlist', value: value.references }
  if (value?.kind === 'site') return { format: 'site', value: siteJson(value.site) }
  return { format: 'base64', value: Buffer.from(data).toString('base64') }
}

export function siteJson({ format, protocolVersion, servers, ...site }: Site): object {
  return {
    version: format,
    protocolVersion: `${protocolVersion.major}.${protocolVersion.minor}`,
    ...site,
    servers: servers.map(({ publicKey, ...server }) => ({
      ...server,
      publicKey: Buffer.from(publicKey).toString('base64'),
      publicKeySha256: createHash('sha256').update(publicKey).digest('hex'),
    })),
  }
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

export function resolvedJson(handle: string, resolved: Resolved): object {
  const server = formatServerAddress(resolved.server.address)
  if (resolved.kind === 'found')
    return {
      handle: resolved.handle,
      outcome: 'found',
      values: resolved.values.map(valueJson),
      server,
      authoritative: resolved.isAuthoritative,
    }
  if (resolved.kind !== 'referral') return { handle, outcome: resolved.kind, server }
  const referral = resolved.handle === '' ? { values: resolved.values.map(valueJson) } : { to: resolved.handle }
  return { handle, outcome: 'referral', ...referral, server }
}
