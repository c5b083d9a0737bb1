/** What is asked for when an import is opened: the shape of the file, and what its rows mean. */
import { parsePrefix } from '../identifier/prefix.js'
import { type Fault, NodeError } from '../platform/errors.js'
import { nearestName } from '../record/nearest.js'
import { findTemplate, TEMPLATES } from '../record/template.js'
import { IMPORT_FORMATS, type ImportFormat } from './import-quotes.js'

export const IMPORT_MODES = ['create', 'upsert'] as const
export type ImportMode = (typeof IMPORT_MODES)[number]

export interface ImportOptions {
  readonly format: ImportFormat
  /** '' only for ndjson, whose rows may name their own. */
  readonly template: string
  /** create: an identifier that exists with other content is a row error; upsert: it gets a new version. */
  readonly mode: ImportMode
  /** Everything is checked and reported, no identifier is written. */
  readonly dryRun: boolean
  /** The column that holds whole identifiers. */
  readonly identifierColumn: string
  /** With a suffix column instead, identifiers are `prefix/suffix`. */
  readonly prefix?: string
  readonly suffixColumn?: string
  /** From a column of the file to an attribute, to `value:<index>:<TYPE>`, or to null: the column is ignored. */
  readonly columns: Readonly<Record<string, string | null>>
  readonly otherColumns: 'refuse' | 'ignore'
  readonly source: { readonly name?: string; readonly bytes?: number }
}

const MEMBERS = [
  'id',
  'format',
  'template',
  'mode',
  'dryRun',
  'identifierColumn',
  'prefix',
  'suffixColumn',
  'columns',
  'otherColumns',
  'source',
] as const
const IMPORT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const MAX_COLUMNS = 1_000
const MAX_NAME_LENGTH = 255

/** @throws NodeError `request-malformed` with all faults, `template-unknown` */
export function readImportOptions(input: unknown): { readonly id?: string; readonly options: ImportOptions } {
  const given = isObject(input) ? input : {}
  const faults: Fault[] = isObject(input) ? [] : [{ field: 'body', reason: 'must be a JSON object' }]
  for (const name of Object.keys(given)) if (!MEMBERS.some((known) => known === name)) faults.push(unknownMember(name))

  const read = fieldReader(given, faults)
  const id = read.text('id')
  if (id !== undefined && !IMPORT_ID.test(id))
    faults.push({ field: 'id', reason: 'must be 1 to 64 letters, digits, dots, hyphens or underscores' })
  const format = read.oneOf('format', IMPORT_FORMATS) ?? 'csv'
  if (given['format'] === undefined) faults.push({ field: 'format', reason: `is needed: ${IMPORT_FORMATS.join(', ')}` })
  const template = read.text('template') ?? ''
  if (template === '' && format !== 'ndjson')
    faults.push({ field: 'template', reason: `is needed for ${format}: ${templateNames()}` })
  const prefix = read.text('prefix')
  const suffixColumn = read.text('suffixColumn')
  faults.push(...identifierFaults({ given, prefix, suffixColumn, format }))
  const options: ImportOptions = {
    format,
    template,
    mode: read.oneOf('mode', IMPORT_MODES) ?? 'create',
    dryRun: read.flag('dryRun'),
    identifierColumn: read.text('identifierColumn') ?? 'identifier',
    ...(prefix !== undefined && suffixColumn !== undefined ? { prefix, suffixColumn } : {}),
    columns: readColumns(given['columns'], faults),
    otherColumns: read.oneOf('otherColumns', ['refuse', 'ignore']) ?? 'refuse',
    source: readSource(given['source'], faults),
  }
  if (faults.length > 0)
    throw new NodeError('request-malformed', `The import cannot be opened: ${summaryOf(faults)}`, { faults })
  if (template !== '' && findTemplate(template) === undefined)
    throw new NodeError('template-unknown', `There is no template "${template}". There are: ${templateNames()}.`, {
      faults: [{ field: 'template', reason: `unknown; there are: ${templateNames()}` }],
    })
  return { ...(id !== undefined ? { id } : {}), options }
}

function summaryOf(faults: readonly Fault[]): string {
  return `${faults.map((fault) => `${fault.field} ${fault.reason}`).join('; ')}.`
}

function templateNames(): string {
  return TEMPLATES.map((template) => template.name).join(', ')
}

function unknownMember(name: string): Fault {
  const nearest = nearestName(name, MEMBERS)
  return { field: name, reason: nearest === undefined ? 'is not known here' : `is not known; did you mean ${nearest}?` }
}

function identifierFaults(about: {
  given: Readonly<Record<string, unknown>>
  prefix: string | undefined
  suffixColumn: string | undefined
  format: ImportFormat
}): Fault[] {
  const { given, prefix, suffixColumn, format } = about
  if (prefix === undefined && suffixColumn === undefined) return []
  if (format === 'ndjson') return [{ field: 'prefix', reason: 'is not for ndjson: each row names its identifier' }]
  if (prefix === undefined) return [{ field: 'prefix', reason: 'is needed together with suffixColumn' }]
  if (suffixColumn === undefined) return [{ field: 'suffixColumn', reason: 'is needed together with prefix' }]
  if (given['identifierColumn'] !== undefined)
    return [{ field: 'identifierColumn', reason: 'excludes prefix and suffixColumn: give one or the other' }]
  const parsed = parsePrefix(prefix)
  if (!parsed.ok) return [{ field: 'prefix', position: parsed.position, reason: parsed.message }]
  if (parsed.value.startsWith('urn:'))
    return [{ field: 'prefix', reason: 'must be a handle prefix such as 88.118.8: an OID has no suffix' }]
  return []
}

function readColumns(value: unknown, faults: Fault[]): Record<string, string | null> {
  if (value === undefined) return {}
  const entries = isObject(value) ? Object.entries(value) : undefined
  const good = entries?.every(([, target]) => target === null || (typeof target === 'string' && target !== ''))
  if (entries !== undefined && good && entries.length <= MAX_COLUMNS)
    return Object.fromEntries(entries) as Record<string, string | null>
  faults.push({
    field: 'columns',
    reason: 'must be an object from column name to attribute name, or null to ignore the column',
  })
  return {}
}

function readSource(value: unknown, faults: Fault[]): ImportOptions['source'] {
  if (value === undefined) return {}
  if (!isObject(value)) {
    faults.push({ field: 'source', reason: 'must be an object with name and bytes' })
    return {}
  }
  const { name, bytes } = value
  if (name !== undefined && (typeof name !== 'string' || name.length > MAX_NAME_LENGTH))
    faults.push({ field: 'source.name', reason: `must be a text of at most ${MAX_NAME_LENGTH} characters` })
  if (bytes !== undefined && !(Number.isSafeInteger(bytes) && (bytes as number) >= 0))
    faults.push({ field: 'source.bytes', reason: 'must be a whole number of octets, 0 or more' })
  return {
    ...(typeof name === 'string' ? { name: name.replaceAll('\0', '') } : {}),
    ...(typeof bytes === 'number' ? { bytes } : {}),
  }
}

interface FieldReader {
  text(name: string): string | undefined
  flag(name: string): boolean
  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined
}

function fieldReader(given: Readonly<Record<string, unknown>>, faults: Fault[]): FieldReader {
  return {
    text(name) {
      const value = given[name]
      if (value === undefined) return undefined
      if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH && !value.includes('\0'))
        return value
      faults.push({ field: name, reason: `must be a text of 1 to ${MAX_NAME_LENGTH} characters` })
      return undefined
    },
    flag(name) {
      const value = given[name]
      if (value !== undefined && typeof value !== 'boolean')
        faults.push({ field: name, reason: 'must be true or false' })
      return value === true
    },
    oneOf(name, choices) {
      const value = given[name]
      if (value === undefined) return undefined
      const chosen = choices.find((choice) => choice === value)
      if (chosen === undefined) faults.push({ field: name, reason: `must be one of ${choices.join(', ')}` })
      return chosen
    },
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
