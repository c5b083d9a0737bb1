/**
 * Records of prefixes: `0.NA/88.118.8` says who answers for what lies below 88.118.8, and by which keys its holder is known.
 *
 *   1 to 99     the node's own part, written in the transaction that allots or changes the prefix, and anew when the node's
 *               site changes: HS_SITE (1 to 8), HS_SERV (10), HS_NAMESPACE (20)
 *   from 100    the holder's part: HS_ADMIN (100 to begin with), HS_PUBKEY and HS_SECKEY (from 300, by custom), HS_VLIST, …
 *
 * An ordinary record otherwise, with versions, history and a place in the change feed; the prefix that it lies below, as
 * everybody's authority over it is judged, is the one it names. A new holder starts with a holder's part of his own, or the
 * keys of the one before would still be good.
 */
import { isHandlePrefix, prefixHandle } from '../identifier/prefix-record.js'
import type { Transaction } from '../platform/postgres.js'
import { byteaArray, textArray } from '../platform/sql-arrays.js'
import { decodeValues } from '../record/codec.js'
import { PUBLIC_VALUE, type Value } from '../record/record.js'
import { type ServiceLocation, serviceValues } from '../record/service.js'
import { bodyOf, digestOf, storedContent } from '../record/stored-content.js'
import { ALL_ADMIN_RIGHTS, encodeAdmin } from '../record/value-types/hs-admin.js'
import { type ChangedKey, identifierChange } from './append-change.js'
import type { NodeSite } from './node-site.js'
import { INSERT_IDENTIFIER, msOf, ON_CONFLICT, REGISTERED } from './write-upsert.js'

/** Indexes below it are the node's own to write. */
export const FIRST_HOLDER_INDEX = 100
const NAMESPACE_INDEX = 20
const ADMIN_INDEX = 100
/** Where a holder puts his key. */
export const HOLDER_KEY_INDEX = 300

const NAMESPACE = '<namespace><status>active</status></namespace>'

/** Who answers for what lies below a prefix. */
export interface PrefixService {
  /** Canonical. */
  readonly prefix: string
  /** Absent: this node. */
  readonly selfBuilt: ServiceLocation | undefined
}

/** The node's own part of a record. */
export function managedValues(service: PrefixService, site: NodeSite, timestampSeconds: number): Value[] {
  const location = service.selfBuilt ?? { handle: '', sites: site.sites }
  const namespace = { ...PUBLIC_VALUE, index: NAMESPACE_INDEX, type: 'HS_NAMESPACE', data: NAMESPACE, timestampSeconds }
  return [...serviceValues(location, { timestampSeconds }), namespace]
}

/** What a holder's part is to begin with: whoever has the key at index 300 of the record, once it is there, may do everything. */
export function firstHolderValues(prefix: string, timestampSeconds: number): Value[] {
  const { spelling } = prefixHandle(prefix)
  const admin = { permissions: ALL_ADMIN_RIGHTS, handle: spelling, index: HOLDER_KEY_INDEX, hasTail: false }
  return [{ ...PUBLIC_VALUE, index: ADMIN_INDEX, type: 'HS_ADMIN', data: encodeAdmin(admin), timestampSeconds }]
}

export interface RecordWish {
  readonly prefix: string
  /** All values, ascending by index, from those that are there; undefined: none are. */
  values(before: readonly Value[] | undefined): readonly Value[]
}

export interface StoredRecord {
  readonly key: string
  readonly version: number
  readonly recordedAtMs: number
  /** Whether there was a registered version before. */
  readonly wasThere: boolean
}

interface RowBefore {
  readonly key: string
  readonly body: Buffer
}

const FIND_BEFORE = `
  select i.key, i.body from identifier i where i.key = any ($1::text[]) and i.state = ${REGISTERED}
  order by i.key for no key update`

const STORE = `
  ${INSERT_IDENTIFIER}
  select t.key, 1, ${REGISTERED}, t.prefix, t.spelling, '', t.body, t.digest, null, null::bigint, now.at, now.at, $6
  from unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bytea[]) as t (key, prefix, spelling, body, digest),
    (select date_trunc('milliseconds', clock_timestamp()) as at) now
  order by t.key
  ${ON_CONFLICT}
  returning key, version, ${msOf('recorded_at')} as "recordedAtMs"`

/** What was written: nothing for records that are so already. `author`: an API key's id. */
export async function storePrefixRecords(
  tx: Transaction,
  wishes: readonly RecordWish[],
  author: string,
): Promise<readonly StoredRecord[]> {
  const wanted = wishes.map((wish) => ({ ...prefixHandle(wish.prefix), prefix: wish.prefix, wish }))
  const rows = await tx.query<RowBefore>(FIND_BEFORE, [textArray(wanted.map(({ key }) => key))])
  const before = new Map(rows.map(({ key, body }) => [key, decodeValues(body)]))
  const contents = wanted.map(({ key, wish }) => {
    const there = before.get(key)
    return storedContent({ template: '', values: withKeptTimes(wish.values(there), there) })
  })
  // A record that is so already is none to write: the upsert leaves it as it is.
  const stored = await tx.query<Omit<StoredRecord, 'wasThere'>>(STORE, [
    textArray(wanted.map(({ key }) => key)),
    textArray(wanted.map(({ prefix }) => prefix)),
    textArray(wanted.map(({ spelling }) => spelling)),
    byteaArray(contents.map(bodyOf)),
    byteaArray(contents.map(digestOf)),
    author,
  ])
  return stored.map((row) => ({ ...row, wasThere: before.has(row.key) }))
}

/** A value's time is when it last changed. */
function withKeptTimes(values: readonly Value[], before: readonly Value[] = []): readonly Value[] {
  return values.map((value) => {
    const old = before.find(({ index }) => index === value.index)
    return old !== undefined && isSameValue(old, value) ? old : value
  })
}

export function isSameValue(one: Value, other: Value): boolean {
  const timeless = ({ data, timestampSeconds: _, references = [], ...rest }: Value) =>
    JSON.stringify([rest.index, rest.type, rest.ttlSeconds, rest.permissions, references, octetsOf(data)])
  return timeless(one) === timeless(other)
}

/** Text and its octets are the same data: on the wire nothing tells them apart. */
function octetsOf(data: string | Uint8Array): string {
  return Buffer.from(data as Uint8Array).toString('base64')
}

export interface ManagedChange {
  readonly service: PrefixService
  readonly site: NodeSite
  /** The prefix has got another holder, or its first. */
  readonly isHandedOver: boolean
}

/** The changes for the feed; none for prefixes that have no records. */
export async function writeManagedParts(
  tx: Transaction,
  changes: readonly ManagedChange[],
  { author, nowMs }: { readonly author: string; readonly nowMs: number },
): Promise<ChangedKey[]> {
  const nowSeconds = Math.floor(nowMs / 1000)
  const wishes = changes
    .filter(({ service }) => isHandlePrefix(service.prefix))
    .map((change) => wishOf(change, nowSeconds))
  if (wishes.length === 0) return []
  const stored = await storePrefixRecords(tx, wishes, author)
  return stored.map(({ key, version }) => identifierChange(key, version))
}

function wishOf({ service, site, isHandedOver }: ManagedChange, nowSeconds: number): RecordWish {
  const { prefix } = service
  return {
    prefix,
    values(before) {
      const isNew = before === undefined || isHandedOver
      const holders = isNew ? firstHolderValues(prefix, nowSeconds) : holderPart(before)
      return [...managedValues(service, site, nowSeconds), ...holders]
    },
  }
}

export function holderPart(values: readonly Value[]): readonly Value[] {
  return values.filter(({ index }) => index >= FIRST_HOLDER_INDEX)
}
