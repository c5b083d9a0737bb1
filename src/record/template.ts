/**
 * Templates: which named attributes a record of a kind may carry. An attribute is stored as a value at a fixed index from
 * 2000 on, with the attribute's name as its type, so that every protocol that knows only values still serves it.
 * An index once given to an attribute is never given to another: records of every version stay readable.
 */
import { PART } from './templates/part.js'
import { PRODUCT } from './templates/product.js'

/** What the text of an attribute must be; `attribute-kinds.ts` checks it. */
export type AttributeKind = 'text' | 'gtin' | 'date' | 'url' | 'identifier' | 'decimal'

export interface Label {
  readonly en: string
  readonly zh: string
}

export interface Attribute {
  /** camelCase English; unique within the template. */
  readonly name: string
  /** FIRST_ATTRIBUTE_INDEX or above, unique within the template. */
  readonly index: number
  readonly kind: AttributeKind
  readonly required: boolean
  /** Octets of UTF-8. */
  readonly maxOctets: number
  readonly label: Label
}

export interface Template {
  readonly name: string
  readonly label: Label
  /** Ascending by index. */
  readonly attributes: readonly Attribute[]
}

/** Below it a record's free values live, from it on its template's attributes. */
export const FIRST_ATTRIBUTE_INDEX = 2000

/** Taken by the deployed systems' interface: the template's identifier, its version, and one in reserve. */
export const RESERVED_INDEXES: readonly number[] = [1000, 1001, 1999]

export const TEMPLATES: readonly Template[] = [PRODUCT, PART]

export function findTemplate(name: string): Template | undefined {
  return TEMPLATES.find((template) => template.name === name)
}

export function findAttribute(template: Template, name: string): Attribute | undefined {
  return template.attributes.find((attribute) => attribute.name === name)
}
