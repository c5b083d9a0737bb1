/**
 * JSON Merge Patch (RFC 7396) on a record's `{template, attributes, values}`: an attribute is set by a text and removed
 * by null; `values`, an array, replaces all free values; a member left out stays as it is. What the patch does not touch
 * keeps its octets, permissions, TTL and timestamp, and is not checked again unless the template changes.
 */
import { attributePath, attributeValue, readAttributeText, requireAttribute } from './draft-attributes.js'
import { ECHOED_MEMBERS, needsTemplate, readTemplateName, requireObject } from './draft-input.js'
import { type DraftResult, finishDraft, type NamedTemplate } from './draft-result.js'
import { readFreeValues } from './draft-values.js'
import { FaultList } from './faults.js'
import { checkMembers, isJsonObject, type JsonObject, kindOf, ownMember } from './json-object.js'
import { DEFAULT_TTL_SECONDS, type IdentifierRecord, type Value } from './record.js'
import { FIRST_ATTRIBUTE_INDEX, findAttribute, findTemplate, type Template } from './template.js'

const MEMBERS = ['template', 'attributes', 'values']

export function mergeDraft(current: IdentifierRecord, patch: unknown, nowSeconds: number): DraftResult {
  const faults = new FaultList()
  const object = requireObject(patch, faults)
  checkMembers(object, { path: '', known: MEMBERS, ignored: ECHOED_MEMBERS }, faults)
  const named = readNewTemplate(object, current, faults)
  const merge = { current, named, nowSeconds, faults }
  const held = splitCurrent(current)
  const attributes = mergeAttributes(ownMember(object, 'attributes'), held.attributes, merge)
  const free = mergeFree(ownMember(object, 'values'), held.free, merge)
  const merged = finishDraft({ named, attributes, free, faults, attributePath })
  return merged.ok ? { ok: true, value: { ...merged.value, values: withTimes(merged.value.values, current) } } : merged
}

interface Merge {
  readonly current: IdentifierRecord
  readonly named: NamedTemplate
  readonly nowSeconds: number
  readonly faults: FaultList
}

function readNewTemplate(patch: JsonObject, current: IdentifierRecord, faults: FaultList): NamedTemplate {
  const input = ownMember(patch, 'template')
  if (input === null) return { kind: 'none' }
  return readTemplateName(input === undefined ? current.template : input, faults)
}

/** Attributes are what the record's own template names; anything else it holds counts as free. */
function splitCurrent({ template: name, values }: IdentifierRecord): { attributes: Map<string, Value>; free: Value[] } {
  const template = findTemplate(name)
  const attributes = new Map<string, Value>()
  const free: Value[] = []
  for (const value of values) {
    const attribute = template?.attributes.find(({ index }) => index === value.index)
    if (attribute === undefined) free.push(value)
    else attributes.set(attribute.name, value)
  }
  return { attributes, free }
}

function mergeAttributes(input: unknown, held: ReadonlyMap<string, Value>, merge: Merge): readonly Value[] {
  const { named, current, faults } = merge
  if (input !== undefined && input !== null && !isJsonObject(input)) {
    faults.add('attributes', `must be an object of texts by name, or null, not ${kindOf(input)}`)
    return []
  }
  const patch = input ?? {}
  const kept = input === null ? [] : [...held].filter(([name]) => !Object.hasOwn(patch, name))
  const set = Object.keys(patch).filter((name) => ownMember(patch, name) !== null)
  if (named.kind === 'none') {
    if (kept.length > 0 || set.length > 0) faults.add('attributes', `${needsTemplate()}, or remove them with null`)
    return []
  }
  if (named.kind !== 'known') return []
  checkRemoved(patch, { template: named.template, held, faults })
  const isSame = named.template.name === current.template
  return [
    ...(isSame ? kept.map(([, value]) => value) : carryOver(kept, named.template, merge)),
    ...set.flatMap((name) =>
      setAttribute(name, ownMember(patch, name), held.get(name), { ...merge, template: named.template }),
    ),
  ]
}

/** Removing what is not there is no fault, but a name that neither template has is a slip. */
function checkRemoved(
  patch: JsonObject,
  { template, held, faults }: { template: Template; held: ReadonlyMap<string, Value>; faults: FaultList },
): void {
  for (const name of Object.keys(patch)) {
    if (patch[name] === null && !held.has(name)) requireAttribute(template, name, { path: attributePath(name), faults })
  }
}

/** Under another template every attribute must find its place anew. */
function carryOver(kept: readonly (readonly [string, Value])[], template: Template, merge: Merge): readonly Value[] {
  return kept.flatMap(([name, value]) => {
    if (findAttribute(template, name) !== undefined)
      return setAttribute(name, value.data, value, { ...merge, template })
    merge.faults.add(attributePath(name), `is no attribute of template ${template.name}: remove it with null`)
    return []
  })
}

function setAttribute(
  name: string,
  input: unknown,
  held: Value | undefined,
  { template, nowSeconds, faults }: Merge & { readonly template: Template },
): readonly Value[] {
  const where = { path: attributePath(name), faults }
  const attribute = requireAttribute(template, name, where)
  const text = attribute && readAttributeText(attribute, input, where)
  if (attribute === undefined || text === undefined) return []
  const fresh = attributeValue(attribute, text, { ttlSeconds: DEFAULT_TTL_SECONDS, nowSeconds })
  return [held === undefined ? fresh : { ...held, index: fresh.index, data: text, timestampSeconds: nowSeconds }]
}

function mergeFree(input: unknown, held: readonly Value[], merge: Merge): readonly Value[] {
  const { named, nowSeconds, faults } = merge
  if (input === undefined) {
    checkRoom(held, merge)
    return held
  }
  const template = named.kind === 'known' ? named.template : undefined
  const setting = { template, ttlSeconds: DEFAULT_TTL_SECONDS, nowSeconds, faults }
  return readFreeValues(input === null ? [] : input, setting)
}

/** Free values may stand where the attributes of a template belong that the record did not have before. */
function checkRoom(held: readonly Value[], { named, current, faults }: Merge): void {
  if (named.kind !== 'known' || named.template.name === current.template) return
  for (const { index } of held) {
    if (index < FIRST_ATTRIBUTE_INDEX) continue
    const owner = `from ${FIRST_ATTRIBUTE_INDEX} on indexes belong to template ${named.template.name}`
    faults.add('values', `hold index ${index}: ${owner}; send the values to keep`)
  }
}

function withTimes(values: readonly Value[], current: IdentifierRecord): readonly Value[] {
  const held = new Map(current.values.map((value) => [value.index, value]))
  return values.map((value) => {
    const before = held.get(value.index)
    return before !== undefined && isSameContent(before, value) ? before : value
  })
}

function isSameContent(a: Value, b: Value): boolean {
  return (
    a.type === b.type &&
    a.ttlSeconds === b.ttlSeconds &&
    a.permissions === b.permissions &&
    isSameData(a.data, b.data) &&
    isSameReferences(a.references ?? [], b.references ?? [])
  )
}

function isSameData(a: Value['data'], b: Value['data']): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return Buffer.compare(a, b) === 0
}

function isSameReferences(a: NonNullable<Value['references']>, b: NonNullable<Value['references']>): boolean {
  return (
    a.length === b.length &&
    a.every(({ handle, index }, place) => handle === b[place]!.handle && index === b[place]!.index)
  )
}
