/** A template's attributes, as JSON or a table gives them: texts by name. */
import { attributeFault } from './attribute-kinds.js'
import { type FaultList, shown } from './faults.js'
import { kindOf } from './json-object.js'
import { nameAdvice } from './nearest.js'
import { DEFAULT_PERMISSIONS, type Value } from './record.js'
import { type Attribute, findAttribute, type Template } from './template.js'

/** The attribute of that name; a name that the template does not know is a fault that tells the nearest one. */
export function requireAttribute(
  template: Template,
  name: string,
  { path, faults }: { readonly path: string; readonly faults: FaultList },
): Attribute | undefined {
  const attribute = findAttribute(template, name)
  if (attribute !== undefined) return attribute
  const known = template.attributes.map((other) => other.name)
  faults.add(path, () => `is no attribute of template ${template.name}: ${nameAdvice(name, known)}`)
  return undefined
}

/** The text of an attribute, once it is what the attribute asks for; undefined after a fault. */
export function readAttributeText(
  attribute: Attribute,
  input: unknown,
  { path, faults }: { readonly path: string; readonly faults: FaultList },
): string | undefined {
  if (typeof input !== 'string') {
    faults.add(path, input === null ? 'is null: leave it out' : `must be a text in quotes, not ${kindOf(input)}`)
    return undefined
  }
  const fault = attributeFault(attribute, input)
  if (fault === undefined) return input
  faults.add(path, fault.reason, fault.position)
  return undefined
}

export interface AttributeTimes {
  readonly ttlSeconds: number
  readonly nowSeconds: number
}

export function attributeValue({ index, name }: Attribute, text: string, times: AttributeTimes): Value {
  const { ttlSeconds, nowSeconds } = times
  return { index, type: name, data: text, ttlSeconds, permissions: DEFAULT_PERMISSIONS, timestampSeconds: nowSeconds }
}

export function attributePath(name: string): string {
  return `attributes.${shown(name)}`
}
