/** What the plain records of one file or template have in common, made ready once: see plain-record.ts. */
import { encodeContentHead } from './codec.js'
import { encodeValueHead } from './codec-value.js'
import { type Attribute, FIRST_ATTRIBUTE_INDEX, type Template } from './template.js'

/** A value that a plain record may have. */
export interface Slot {
  readonly index: number
  /** Its octets before its data. */
  readonly head: Buffer
  /** Its name in UTF-8. */
  readonly name: Buffer
  /** undefined: a free value. */
  readonly attribute: Attribute | undefined
}

export interface PlainShape {
  /** Template name, or ''. */
  readonly template: string
  /** Ascending by index. */
  readonly slots: readonly Slot[]
  /** Free values that a record brings beside its slots have indexes below this. */
  readonly freeBelow: number
  /** What the content begins with that a digest is taken over. */
  readonly contentHead: Buffer
  readonly headOctets: number
}

export interface FreeColumn {
  readonly index: number
  readonly type: string
}

/** Indexes are below it (RFC 3651 §3.1). */
export const ANY_INDEX = 2 ** 32

/** Free columns: indexes and types as draft.ts allows them, each index once. */
export function plainShape(template: Template | undefined, freeColumns: readonly FreeColumn[] = []): PlainShape {
  const attributes = template?.attributes ?? []
  const slots = [
    ...freeColumns.map(({ index, type }) => slotOf(index, type, undefined)),
    ...attributes.map((attribute) => slotOf(attribute.index, attribute.name, attribute)),
  ].sort((one, other) => one.index - other.index)
  return {
    template: template?.name ?? '',
    slots,
    freeBelow: template === undefined ? ANY_INDEX : FIRST_ATTRIBUTE_INDEX,
    contentHead: encodeContentHead(template?.name ?? ''),
    headOctets: slots.reduce((total, { head }) => total + head.length, 0),
  }
}

function slotOf(index: number, type: string, attribute: Attribute | undefined): Slot {
  return { index, head: encodeValueHead(index, type), name: Buffer.from(type), attribute }
}
