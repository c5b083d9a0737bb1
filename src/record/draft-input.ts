/** The outermost members of a record from outside, the same for a whole record and for a patch. */
import type { NamedTemplate } from './draft-result.js'
import { type FaultList, shown } from './faults.js'
import { isJsonObject, type JsonObject, kindOf } from './json-object.js'
import { findTemplate, TEMPLATES } from './template.js'

/** Only a GET gives them; they are passed over, so that what a GET gave can be edited and sent back. */
export const ECHOED_MEMBERS = ['identifier', 'key', 'prefix', 'state', 'version', 'registeredAt', 'recordedAt']

/** The input when it is an object; else a fault, and an empty one to go on with. */
export function requireObject(input: unknown, faults: FaultList): JsonObject {
  if (isJsonObject(input)) return input
  faults.add('body', `must be a JSON object with template, attributes and values, not ${kindOf(input)}`)
  return {}
}

export function readTemplateName(input: unknown, faults: FaultList): NamedTemplate {
  if (input === undefined || input === '') return { kind: 'none' }
  const names = TEMPLATES.map((known) => known.name).join(', ')
  if (typeof input !== 'string') {
    faults.add('template', `must be the name of a template (${names}), not ${kindOf(input)}`)
    return { kind: 'malformed' }
  }
  const template = findTemplate(input)
  if (template !== undefined) return { kind: 'known', template }
  faults.add('template', `"${shown(input)}" is no template: there are ${names}`)
  return { kind: 'unknown' }
}

export function needsTemplate(): string {
  return `need a template that says what they are: name one in "template" (${TEMPLATES.map(({ name }) => name).join(', ')})`
}
