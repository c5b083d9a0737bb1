/**
 * What a schema finds wrong with a request, in words: each fault with its field as one would write it, what was expected,
 * and an example where the schema has one.
 */
import type { FastifySchemaValidationError } from 'fastify'
import { type Fault, NodeError } from '../../platform/errors.js'
import { shown } from '../../record/faults.js'
import { nameAdvice } from '../../record/nearest.js'

export type SchemaFault = FastifySchemaValidationError

export interface Checked {
  /** `body`, `querystring`, `params` or `headers`: the field, where the whole is meant. */
  readonly part: string
  readonly schema: unknown
}

const MAX_FAULTS = 50

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': 'a time such as 2026-01-31T12:00:00Z',
  date: 'a date such as 2026-01-31',
  uri: 'an address such as https://example.com/',
}

export function shapeRefused(found: readonly SchemaFault[], checked: Checked): NodeError {
  const faults = found
    .filter((one) => !isToldOtherwise(one, found))
    .flatMap((one) => faultsOf(one, checked))
    .slice(0, MAX_FAULTS)
  const fields = [...new Set(faults.map((fault) => fault.field))].join(', ')
  return new NodeError('request-malformed', `The request does not have the shape asked for: see ${fields}.`, { faults })
}

/** An unknown member is also told as one whose schema is `false`; a choice that fails, once for each of its branches. */
function isToldOtherwise({ keyword, schemaPath }: SchemaFault, found: readonly SchemaFault[]): boolean {
  if (keyword === 'boolean') return true
  return found.some((other) => other.keyword === 'anyOf' && schemaPath.startsWith(`${other.schemaPath}/anyOf/`))
}

function faultsOf(found: SchemaFault, { part, schema }: Checked): readonly Fault[] {
  const params = found.params as Readonly<Record<string, unknown>>
  const at = found.instancePath.split('/').slice(1).map(unescaped)
  const here = schemaAt(schema, found.schemaPath)
  if (found.keyword === 'additionalProperties') {
    const known = Object.keys(here['properties'] ?? {})
    return names(params['additionalProperties']).map((name) => ({
      field: fieldOf([...at, name], part),
      reason: `unknown; ${nameAdvice(name, known)}`,
    }))
  }
  if (found.keyword === 'required')
    return names(params['requiredProperties']).map((name) => ({
      field: fieldOf([...at, name], part),
      reason: 'is missing',
    }))
  return [{ field: fieldOf(at, part), reason: `${expected(found, params, here)}${exampleOf(here)}` }]
}

type Schema = Readonly<Record<string, unknown>>

function expected(found: SchemaFault, params: Readonly<Record<string, unknown>>, here: Schema): string {
  switch (found.keyword) {
    case 'enum':
      return `must be one of ${listed(names(params['allowedValues']))}`
    case 'const':
      return `must be ${JSON.stringify(params['allowedValue'])}`
    case 'format':
      return `must be ${FORMATS[String(params['format'])] ?? String(params['format'])}`
    case 'pattern':
      return `must be ${here['description'] ?? `of the form ${params['pattern']}`}`
    case 'anyOf':
      return `must be ${kindsOf(here['anyOf'])}`
    case 'minLength':
      return params['limit'] === 1 ? 'is empty' : `must have at least ${params['limit']} characters`
    case 'maxLength':
      return `must have at most ${params['limit']} characters`
    case 'minItems':
      return params['limit'] === 1 ? 'is an empty list' : `must have at least ${params['limit']} items`
    case 'maxItems':
      return `must have at most ${params['limit']} items`
    default:
      return found.message ?? 'is not as described at /docs'
  }
}

function exampleOf(here: Schema): string {
  const examples = here['examples']
  return Array.isArray(examples) && examples.length > 0 ? `, such as ${JSON.stringify(examples[0])}` : ''
}

function kindsOf(branches: unknown): string {
  const kinds = Array.isArray(branches) ? branches.map((branch: Schema) => branch['const'] ?? branch['type']) : []
  return kinds.map((kind) => (typeof kind === 'string' ? kind : 'as described at /docs')).join(' or ')
}

function listed(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(', ')
}

function names(list: unknown): readonly string[] {
  return [list].flat().map(String)
}

/** `scopes[0]`, `items[3].name`. */
function fieldOf(steps: readonly string[], part: string): string {
  let field = ''
  for (const step of steps) {
    if (/^\d+$/.test(step)) field += `[${step}]`
    else field += field === '' ? shown(step) : `.${shown(step)}`
  }
  return field === '' ? part : field
}

/** The part of a schema that a path such as `#/properties/scopes/items` leads to; empty where it leads nowhere. */
function schemaAt(schema: unknown, path: string): Schema {
  let here = schema
  for (const step of path.split('/').slice(1).map(unescaped)) {
    if (typeof here !== 'object' || here === null) return {}
    here = (here as Schema)[step]
  }
  return typeof here === 'object' && here !== null ? (here as Schema) : {}
}

/** RFC 6901 §4. */
function unescaped(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}
