/** Objects out of JSON from outside: only their own members count, whatever these are called. */
import { type FaultList, shown } from './faults.js'
import { nameAdvice } from './nearest.js'

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(input: unknown): input is JsonObject {
  return typeof input === 'object' && input !== null && !Array.isArray(input) && !ArrayBuffer.isView(input)
}

/** A member of the object itself; undefined for those it inherits, such as `constructor`. */
export function ownMember(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** `path` is '' for the whole input. */
export function memberPath(path: string, name: string): string {
  return path === '' ? shown(name) : `${path}.${shown(name)}`
}

export interface Members {
  readonly path: string
  /** Offered to whoever misspelt one. */
  readonly known: readonly string[]
  /** Taken in silence: a GET gives them, and what a GET gives may come back in a PUT. */
  readonly ignored: readonly string[]
}

export function checkMembers(object: JsonObject, { path, known, ignored }: Members, faults: FaultList): void {
  for (const name of Object.keys(object)) {
    if (known.includes(name) || ignored.includes(name)) continue
    faults.add(memberPath(path, name), () => `is not known here: ${nameAdvice(name, known)}`)
  }
}

/** What a value is, for a message: never its text, and never code of its own. */
export function kindOf(input: unknown): string {
  if (input === null || input === undefined) return input === null ? 'null' : 'nothing'
  if (Array.isArray(input)) return 'an array'
  if (typeof input === 'boolean') return String(input)
  return typeof input === 'object' ? 'an object' : `a ${typeof input}`
}
