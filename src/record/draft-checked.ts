/**
 * Checks a record that is there as values already, as the Handle protocols bring it: the same rules as for one that comes as JSON.
 */
import { attributeFault } from './attribute-kinds.js'
import { type DraftResult, finishDraft, type NamedTemplate } from './draft-result.js'
import { MAX_INDEX, MAX_REFERENCE_OCTETS, MAX_REFERENCES, readType } from './draft-values.js'
import { FaultList, shown } from './faults.js'
import type { Value } from './record.js'
import { FIRST_ATTRIBUTE_INDEX, findTemplate, RESERVED_INDEXES, type Template } from './template.js'
import { misleading, tooLong, unstorable } from './text-check.js'
import { MAX_DATA_OCTETS } from './value-data.js'

/** Their indexes must differ. Fields are named for the values' indexes: `values[2000].data`. */
export function checkRecord(template: string, values: readonly Value[]): DraftResult {
  const faults = new FaultList()
  const named = namedTemplate(template)
  if (named.kind === 'unknown') faults.add('template', `${shown(template)} is no template of this node`)
  for (const value of values) checkValue(value, named.kind === 'known' ? named.template : undefined, faults)
  const isAttribute = ({ index }: Value) => named.kind === 'known' && index >= FIRST_ATTRIBUTE_INDEX
  const free = values.filter((value) => !isAttribute(value))
  return finishDraft({ named, attributes: values.filter(isAttribute), free, faults, attributePath })
}

function namedTemplate(name: string): NamedTemplate {
  if (name === '') return { kind: 'none' }
  const template = findTemplate(name)
  return template === undefined ? { kind: 'unknown' } : { kind: 'known', template }
}

const attributePath = (name: string) => `attributes.${name}`

function checkValue(value: Value, template: Template | undefined, faults: FaultList): void {
  const { index, type, data, references } = value
  const path = `values[${index}]`
  if (!(index >= 1 && index <= MAX_INDEX)) faults.add(`${path}.index`, `must be a whole number from 1 to ${MAX_INDEX}`)
  if (RESERVED_INDEXES.includes(index)) faults.add(`${path}.index`, 'is reserved: take another')
  readType(type, `${path}.type`, faults)
  checkData(data, `${path}.data`, faults)
  if (template !== undefined && index >= FIRST_ATTRIBUTE_INDEX) checkAttribute(value, template, faults)
  if (references !== undefined) checkReferences(references, path, faults)
}

function checkData(data: string | Uint8Array, path: string, faults: FaultList): void {
  if (typeof data !== 'string') {
    if (data.length > MAX_DATA_OCTETS) {
      faults.add(path, `has ${data.length} octets: at most ${MAX_DATA_OCTETS} are allowed`)
    }
    return
  }
  const fault = unstorable(data) ?? misleading(data) ?? tooLong(data, MAX_DATA_OCTETS)
  if (fault !== undefined) faults.add(path, fault.reason, fault.position)
}

function checkAttribute({ index, type, data }: Value, template: Template, faults: FaultList): void {
  const attribute = template.attributes.find((one) => one.index === index)
  if (attribute === undefined) {
    const reason = `is ${index}: from ${FIRST_ATTRIBUTE_INDEX} on indexes belong to template ${template.name}, which has no attribute there`
    faults.add(`values[${index}].index`, reason)
    return
  }
  const path = attributePath(attribute.name)
  if (type !== attribute.name)
    faults.add(path, `must be of type ${attribute.name}: template ${template.name} has it at ${index}`)
  const fault = typeof data === 'string' ? attributeFault(attribute, data) : { reason: 'must be text' }
  if (fault !== undefined) faults.add(path, fault.reason)
}

function checkReferences(references: NonNullable<Value['references']>, path: string, faults: FaultList): void {
  if (references.length > MAX_REFERENCES) {
    faults.add(`${path}.references`, `are ${references.length}: at most ${MAX_REFERENCES} are allowed`)
    return
  }
  for (const [place, { handle }] of references.entries()) {
    const fault =
      handle === ''
        ? { reason: 'must be a text that names a record' }
        : (unstorable(handle) ?? misleading(handle) ?? tooLong(handle, MAX_REFERENCE_OCTETS))
    if (fault !== undefined) faults.add(`${path}.references[${place}].handle`, fault.reason)
  }
}
