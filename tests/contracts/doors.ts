/**
 * Every door that gives records, and how to ask it. A new door is one entry of `DOORS`: it asks for a handle, all of it or a
 * selection, and gives what came as values of a handle, in octets.
 */
import type { HandleClient } from '../../src/protocols/handle/client/client.js'
import { RELATIVE_TTL } from '../../src/protocols/handle/codec-value.js'
import { octetsOfData } from '../../src/protocols/handle-rest/codec-data-json.js'
import type { ValueJson } from '../../src/protocols/handle-rest/codec-value-json.js'
import { decodeRecordMessage } from '../../src/protocols/protobuf/messages.js'
import { FaultList } from '../../src/record/faults.js'
import type { Reference } from '../../src/record/record.js'
import { askHandle } from '../protocols/handle-rest/handle-rest-node.js'

/** Where the doors of one node are. */
export interface Addresses {
  /** `http://127.0.0.1:8080` */
  readonly rest: string
  /** The Handle HTTP port, likewise. */
  readonly handleHttp: string
  /** A client of each native transport, of that node. */
  readonly native: Readonly<Record<NativeTransport, HandleClient>>
}

export type NativeTransport = 'udp' | 'tcp' | 'http'

export interface Asked {
  readonly handle: string
  readonly indexes: readonly number[]
  readonly types: readonly string[]
}

export interface GivenValue {
  readonly index: number
  readonly type: string
  /** Hexadecimal. */
  readonly data: string
  readonly ttlSeconds: number
  readonly permissions: number
  readonly timestampSeconds: number
  readonly references: readonly Reference[]
}

/** `none`: there is no such handle, or no more. */
export type Given = readonly GivenValue[] | 'none'

export interface Door {
  readonly name: string
  ask(addresses: Addresses, asked: Asked): Promise<Given>
}

export const DOORS: readonly Door[] = [
  {
    name: 'REST, JSON',
    async ask({ rest }, asked) {
      const response = await fetch(restAddress(rest, asked))
      if (isNone(response.status)) return 'none'
      const { values } = (await response.json()) as { values: readonly RestValue[] }
      return values.map((value) => ({
        index: value.index,
        type: value.type,
        data: hexOf(typeof value.data === 'string' ? Buffer.from(value.data) : Buffer.from(value.data.value, 'base64')),
        ttlSeconds: value.ttlSeconds,
        permissions: Number.parseInt(value.permissions, 2),
        timestampSeconds: secondsOf(value.timestamp),
        references: value.references ?? [],
      }))
    },
  },
  {
    name: 'REST, protobuf',
    async ask({ rest }, asked) {
      const response = await fetch(restAddress(rest, asked), { headers: { accept: 'application/x-protobuf' } })
      if (isNone(response.status)) return 'none'
      const { values } = decodeRecordMessage(new Uint8Array(await response.arrayBuffer()))
      return values.map(({ data, references = [], ...value }) => ({
        ...value,
        data: hexOf(typeof data === 'string' ? Buffer.from(data) : data),
        references,
      }))
    },
  },
  {
    name: 'Handle HTTP, JSON',
    async ask({ handleHttp }, { handle, indexes, types }) {
      const query = new URLSearchParams(selection(indexes, types))
      const { status, json } = await askHandle(handleHttp, `/api/handles/${encodeURIComponent(handle)}?${query}`)
      if (isNone(status)) return 'none'
      return (json.values as readonly ValueJson[]).map((value) => ({
        index: value.index,
        type: value.type,
        data: hexOf(handleData(value.data)),
        ttlSeconds: value.ttl as number,
        permissions: Number.parseInt(value.permissions ?? '1110', 2),
        timestampSeconds: secondsOf(value.timestamp),
        references: value.references ?? [],
      }))
    },
  },
  ...(['udp', 'tcp', 'http'] as const).map(
    (transport): Door => ({
      name: `native, ${transport}`,
      async ask({ native }, { handle, indexes, types }) {
        const resolved = await native[transport].resolve(handle, { indexes, types })
        if (resolved.kind === 'absent') return 'none'
        if (resolved.kind === 'no-values') return []
        if (resolved.kind !== 'found') throw new Error(resolved.kind)
        return resolved.values.map(({ ttlType, ttl, data, ...value }) => {
          if (ttlType !== RELATIVE_TTL) throw new Error('a value that ends at a time')
          return { ...value, data: hexOf(data), ttlSeconds: ttl }
        })
      },
    }),
  ),
]

interface RestValue {
  readonly index: number
  readonly type: string
  readonly data: string | { readonly value: string }
  readonly ttlSeconds: number
  readonly permissions: string
  readonly timestamp: string
  readonly references?: readonly Reference[]
}

function restAddress(rest: string, { handle, indexes, types }: Asked): string {
  const selected = selection(indexes, types)
  // Asked for nothing, this door tells attributes by their names; the other doors know values alone.
  const query = new URLSearchParams(selected.length === 0 ? [['values', 'all']] : selected)
  return `${rest}/v1/identifiers/${encodeURIComponent(handle)}?${query}`
}

function selection(indexes: readonly number[], types: readonly string[]): [name: string, value: string][] {
  return [
    ...indexes.map((one): [string, string] => ['index', String(one)]),
    ...types.map((one): [string, string] => ['type', one]),
  ]
}

function isNone(status: number): boolean {
  if (status === 404 || status === 410) return true
  if (status !== 200) throw new Error(`status ${status}`)
  return false
}

function handleData(data: unknown): Uint8Array {
  const faults = new FaultList()
  const octets = octetsOfData(data, 'data', faults)
  if (octets === undefined) throw new Error(JSON.stringify(faults.list()))
  return octets
}

function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex')
}

function secondsOf(time: string | undefined): number {
  return time === undefined ? 0 : Date.parse(time) / 1000
}
