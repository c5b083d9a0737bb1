/**
 * From what others send to what is stored. Nothing here throws, whatever the input; all faults come at once, each with
 * its field, the position where one is known, and what to do.
 *
 *   {"template": "product", "attributes": {"name": "…"}, "values": [{"index": 1, "type": "URL", "data": "…"}],
 *    "ttlSeconds": 86400}
 *
 * `ttlSeconds` is for every value that has none of its own. Members that only a GET gives are passed over.
 */
import { attributePath, attributeValue, readAttributeText, requireAttribute } from './draft-attributes.js'
import { ECHOED_MEMBERS, needsTemplate, readTemplateName, requireObject } from './draft-input.js'
import { type DraftResult, finishDraft, type NamedTemplate } from './draft-result.js'
import { readFreeValues, readTtlSeconds, type ValueSetting } from './draft-values.js'
import { FaultList } from './faults.js'
import { checkMembers, isJsonObject, kindOf, ownMember } from './json-object.js'
import { DEFAULT_TTL_SECONDS, type Value } from './record.js'

export { mergeDraft } from './draft-merge.js'
export type { Draft, DraftResult } from './draft-result.js'
export { MAX_RECORD_OCTETS, MAX_VALUES } from './draft-result.js'
export { draftOfRow } from './draft-row.js'
export { MAX_DATA_OCTETS } from './value-data.js'

const MEMBERS = ['template', 'attributes', 'values', 'ttlSeconds']

/** Reads a whole record, as a PUT sends it. */
export function readDraft(input: unknown, nowSeconds: number): DraftResult {
  const faults = new FaultList()
  const object = requireObject(input, faults)
  checkMembers(object, { path: '', known: MEMBERS, ignored: ECHOED_MEMBERS }, faults)
  const named = readTemplateName(ownMember(object, 'template'), faults)
  const template = named.kind === 'known' ? named.template : undefined
  const ttlSeconds = readTtlSeconds(object, 'ttlSeconds', faults) ?? DEFAULT_TTL_SECONDS
  const setting = { template, ttlSeconds, nowSeconds, faults }
  const attributes = readAttributes(ownMember(object, 'attributes'), named, setting)
  const free = readFreeValues(ownMember(object, 'values'), setting)
  return finishDraft({ named, attributes, free, faults, attributePath })
}

function readAttributes(input: unknown, named: NamedTemplate, setting: ValueSetting): readonly Value[] {
  const { faults } = setting
  if (input === undefined) return []
  if (!isJsonObject(input)) {
    faults.add('attributes', `must be an object of texts by name, not ${kindOf(input)}`)
    return []
  }
  const names = Object.keys(input)
  if (named.kind === 'none' && names.length > 0) faults.add('attributes', needsTemplate())
  if (named.kind !== 'known') return []
  return names.flatMap((name) => {
    const where = { path: attributePath(name), faults }
    const attribute = requireAttribute(named.template, name, where)
    const text = attribute && readAttributeText(attribute, input[name], where)
    return attribute === undefined || text === undefined ? [] : [attributeValue(attribute, text, setting)]
  })
}
