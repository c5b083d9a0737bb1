/** What reading a record from outside gives, and the checks on the record as a whole. */
import type { Fault } from '../platform/errors.js'
import type { FaultList } from './faults.js'
import type { Value } from './record.js'
import type { Template } from './template.js'

/** A record as someone wants it to be. */
export interface Draft {
  /** Template name, or ''. */
  readonly template: string
  /** Ascending by index. */
  readonly values: readonly Value[]
}

export type DraftResult =
  | { readonly ok: true; readonly value: Draft }
  | { readonly ok: false; readonly code: 'template-unknown' | 'record-invalid'; readonly faults: readonly Fault[] }

export const MAX_VALUES = 200
/** Types, data and references of all values together. */
export const MAX_RECORD_OCTETS = 256 * 1024

/** The template a record names: none, one that is known, or one that can't be told (and has its fault already). */
export type NamedTemplate =
  | { readonly kind: 'none' }
  | { readonly kind: 'known'; readonly template: Template }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'malformed' }

export interface DraftParts {
  readonly named: NamedTemplate
  readonly attributes: readonly Value[]
  readonly free: readonly Value[]
  readonly faults: FaultList
  /** Field path of an attribute: `attributes.gtin` in JSON, `gtin` in a table. */
  readonly attributePath: (name: string) => string
}

export function finishDraft({ named, attributes, free, faults, attributePath }: DraftParts): DraftResult {
  if (named.kind === 'known') {
    for (const { name, index, required } of named.template.attributes) {
      const isThere = !required || attributes.some((value) => value.index === index)
      if (!isThere && !faults.has(attributePath(name))) {
        faults.add(attributePath(name), `is missing: template ${named.template.name} requires it`)
      }
    }
  }
  const values = [...free, ...attributes].sort((a, b) => a.index - b.index)
  checkBounds(values, faults)
  if (!faults.isEmpty) {
    return { ok: false, code: named.kind === 'unknown' ? 'template-unknown' : 'record-invalid', faults: faults.list() }
  }
  return { ok: true, value: { template: named.kind === 'known' ? named.template.name : '', values } }
}

function checkBounds(values: readonly Value[], faults: FaultList): void {
  if (values.length > MAX_VALUES && !faults.has('values')) {
    faults.add('values', `are ${values.length} with the attributes: at most ${MAX_VALUES} are allowed`)
  }
  const octets = values.reduce((total, value) => total + octetsOf(value), 0)
  if (octets > MAX_RECORD_OCTETS) {
    faults.add('body', `holds ${octets} octets in all values together: at most ${MAX_RECORD_OCTETS} are allowed`)
  }
}

function octetsOf({ type, data, references }: Value): number {
  const own = Buffer.byteLength(type) + (typeof data === 'string' ? Buffer.byteLength(data) : data.length)
  return references === undefined
    ? own
    : references.reduce((total, { handle }) => total + Buffer.byteLength(handle), own)
}
