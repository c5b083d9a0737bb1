/** A record: the typed values registered under one identifier, as one version. Source of the value's fields: RFC 3651 §3.1. */

/** Permission bits of a value, in the order of its four-digit text form `1110` (RFC 3651 §3.1). */
export const ADMIN_READ = 8
export const ADMIN_WRITE = 4
export const PUBLIC_READ = 2
export const PUBLIC_WRITE = 1
export const DEFAULT_PERMISSIONS = ADMIN_READ | ADMIN_WRITE | PUBLIC_READ
export const DEFAULT_TTL_SECONDS = 86_400
/** What a value has that nothing else was said about. */
export const PUBLIC_VALUE = { ttlSeconds: DEFAULT_TTL_SECONDS, permissions: DEFAULT_PERMISSIONS } as const
/** Of a value that holds a secret: for administrators of its record alone. */
export const SECRET_PERMISSIONS = ADMIN_READ | ADMIN_WRITE

export interface Reference {
  readonly handle: string
  readonly index: number
}

export interface Value {
  /** Unsigned 32-bit, at least 1, unique within its record (RFC 3651 §3.1). */
  readonly index: number
  /** For a value that carries a template's attribute, the attribute's name. */
  readonly type: string
  /** Text where the data is UTF-8 text, bytes otherwise. */
  readonly data: string | Uint8Array
  /** Seconds a resolver may keep the value (RFC 3651 §3.1, relative TTL). */
  readonly ttlSeconds: number
  /** Four bits: admin read 8, admin write 4, public read 2, public write 1. */
  readonly permissions: number
  /** Seconds since the epoch at which this value last changed. */
  readonly timestampSeconds: number
  readonly references?: readonly Reference[]
}

export interface IdentifierRecord {
  /** Canonical key. */
  readonly key: string
  /** The spelling it was registered with. */
  readonly spelling: string
  readonly prefix: string
  /** 1, 2, 3, … per identifier; a withdrawal takes a number too. */
  readonly version: number
  /** Template name, or '' for a record of free values only. */
  readonly template: string
  /** Ascending by index. Values at index >= 2000 carry the template's attributes. */
  readonly values: readonly Value[]
  /** Milliseconds since the epoch: version 1, and this version. */
  readonly registeredAtMs: number
  readonly recordedAtMs: number
}
