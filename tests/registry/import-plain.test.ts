/** The short way of an import's rows against the ordinary one: what it takes, it reads alike; what is plain, it takes. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseStrictJson } from '../../src/protocols/http/strict-json.js'
import { type AttributeKind, findTemplate, TEMPLATES } from '../../src/record/template.js'
import { planColumns } from '../../src/registry/import-columns.js'
import { jsonRowReader } from '../../src/registry/import-json-rows.js'
import { type ImportOptions, readImportOptions } from '../../src/registry/import-options.js'
import { plainJsonRows } from '../../src/registry/import-plain-json.js'
import { plainTableRows } from '../../src/registry/import-plain-table.js'
import { recordSplitter, type SourceRecord } from '../../src/registry/import-records.js'
import { type ImportRow, isGood, preconditionOf } from '../../src/registry/import-rows.js'
import { delimiterOf, tableRowReader } from '../../src/registry/import-table-rows.js'

const PLACE = { row: 7, line: 8, nowSeconds: 1_800_000_000 }

/** Texts as files have them, and what the checks are there for. */
const ordinaryText = fc.oneof(
  fc.constantFrom('Pump', 'HX 40/3', '离心泵 P-7', 'a, b; c', ' padded ', '😀', '“quoted”', 'é', 'x'.repeat(130)),
  fc.constantFrom('06901234567892', '2025-01-31', 'https://a.example/p?q=1', '88.1/x', '12.50', 'URN:OID:1.2.3'),
)
const oddText = fc.oneof(
  fc.constantFrom('', ' ', '\u3000', '\u00a0\ufeff', '\u202e', '\u2066x', '\u202a', '\u2069', '\u2065', '\u2029'),
  fc.constantFrom('a"b', 'back\\slash', 'tab\tbed', 'two\nlines', '\u007f', '\u0085', '\u0001', 'é'.repeat(700)),
  fc.constantFrom('06901234567890', '2025-02-30', 'ftp://a.example', 'no slash', '1,5', 'https://u@a.example/'),
  fc.string({ unit: 'binary', maxLength: 12 }),
)
const text = fc.oneof({ weight: 6, arbitrary: ordinaryText }, { weight: 1, arbitrary: oddText })
/** Of an attribute's kind, most of the time. */
const SUITABLE: Readonly<Record<AttributeKind, fc.Arbitrary<string>>> = {
  text: ordinaryText,
  gtin: fc.constantFrom('06901234567892', '6901234567892'),
  date: fc.constantFrom('2025-01-31', '2024-02-29'),
  url: fc.constantFrom('https://a.example/p?q=1', 'http://泵.example/泵'),
  identifier: fc.constantFrom('88.1/x', 'URN:OID:1.2.3', '88.1.2/泵'),
  decimal: fc.constantFrom('12.50', '-0.1', '7'),
}
const textFor = (kind: AttributeKind) =>
  fc.oneof({ weight: 12, arbitrary: SUITABLE[kind] }, { weight: 1, arbitrary: oddText }, { weight: 1, arbitrary: text })
const kindOf = (name: string) =>
  TEMPLATES.flatMap(({ attributes }) => attributes).find((attribute) => attribute.name === name)?.kind ?? 'text'
const names = TEMPLATES.flatMap(({ attributes }) => attributes.map(({ name }) => name))
const identifier = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('88.1.2/abc', '88.1.2/ABC', '88.1.2/泵', '1.2.156.1', 'hdl:88.1/x') },
  { weight: 1, arbitrary: text },
)

describe('ndjson', () => {
  const index = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 999, 1000, 1001, 1999, 2000, 2 ** 32 - 1, 2 ** 32, -1, 1.5, '1', null) },
  )
  const value = fc.record(
    { index, type: fc.oneof(fc.constantFrom('URL', 'T', 'tÿpe'), text), data: text, ttlSeconds: fc.constant(5) },
    { requiredKeys: ['index', 'type', 'data'], noNullPrototype: true },
  )
  const plainValue = fc.record({ index, type: fc.constant('URL'), data: text }, { noNullPrototype: true })
  const attributes = fc
    .uniqueArray(fc.constantFrom(...TEMPLATES[1]!.attributes.map(({ name }) => name), 'gtin', 'brand'), {
      maxLength: 8,
    })
    .chain((some) => fc.tuple(...some.map((name) => fc.tuple(fc.constant(name), textFor(kindOf(name))))))
    .map((members) => ({ name: 'Pump', partNumber: 'P-1', ...Object.fromEntries(members as [string, string][]) }))
  const item = fc.record(
    {
      identifier,
      template: fc.constantFrom('part', 'part', 'part', 'part', 'product', '', 'unknown'),
      attributes: fc.oneof({ weight: 5, arbitrary: attributes }, { weight: 1, arbitrary: fc.constant({}) }),
      values: fc.array(fc.oneof({ weight: 4, arbitrary: plainValue }, { weight: 1, arbitrary: value }), {
        maxLength: 3,
      }),
    },
    { requiredKeys: ['identifier', 'attributes'], noNullPrototype: true },
  )
  /** Members in any order, sometimes spaced, sometimes with one written twice or with an octet changed. */
  const line = fc
    .tuple(
      item,
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(0, 0, 0, 1, 3),
      fc.constantFrom('', '', '', 'twice', 'more', 'odd'),
    )
    .map(([members, stream, spaces, twist]) => {
      const shuffled = Object.fromEntries(
        Object.entries(members)
          .map((member) => ({ member, place: stream.next().value }))
          .sort((one, other) => one.place - other.place)
          .map(({ member }) => member),
      )
      const json = JSON.stringify(shuffled, undefined, spaces).replaceAll('\n', ' ')
      if (twist === 'twice')
        return Buffer.from(json.replace('{', `{"identifier":${JSON.stringify(members.identifier)},`))
      if (twist === 'more') return Buffer.from(json.replace(/}$/, ',"more":1}'))
      const octets = Buffer.from(json)
      if (twist === 'odd') octets[stream.next().value! % octets.length] = 0x20 + (stream.next().value! % 0x60)
      return octets
    })
  const options = [
    ndjson({}),
    ndjson({ template: 'part' }),
    ndjson({ template: 'product', mode: 'create' }),
    ndjson({ template: 'product', mode: 'upsert' }),
  ]

  test('whatever the line, the short way reads it as the ordinary one does, or not at all', () => {
    fc.assert(
      fc.property(line, fc.constantFrom(...options), (octets, asked) => {
        if (!isUtf8(octets)) return
        const plain = plainJsonRows(asked)(octets, PLACE)
        if (plain !== undefined) expect(comparable(plain)).toEqual(comparable(ordinaryJson(octets, asked)))
      }),
      { numRuns: 5_000 },
    )
  })

  test.each([
    '{"identifier":"88.1.2/x","template":"part","attributes":{"partNumber":"1","name":"泵"},"values":[{"index":1,"type":"URL","data":"https://a.example"}]}',
    '{ "values": [], "attributes": { "name": "“Pump”", "productionDate": "2025-01-31" }, "template": "product", "identifier": "88.1.2/X" }',
    '{"identifier":"1.2.156.3","values":[{"data":"","type":"T","index":4294967295}]}',
  ])('takes what is plain: %s', (json) => {
    const [asked] = options
    const octets = Buffer.from(json)
    const plain = plainJsonRows(asked!)(octets, PLACE)
    expect(comparable(plain!)).toEqual(comparable(ordinaryJson(octets, asked!)))
    expect(isGood(plain!)).toBe(true)
  })

  test.each([
    ['attributes twice', '"attributes":{}'],
    ['a member of a value twice', '"values":[{"index":1,"index":2,"type":"T","data":"x"}]'],
    ['an index twice', '"values":[{"index":1,"type":"T","data":"x"},{"index":1,"type":"T","data":"x"}]'],
    ['indexes that do not ascend', '"values":[{"index":2,"type":"T","data":"x"},{"index":1,"type":"T","data":"x"}]'],
    ['an index with a zero before it', '"values":[{"index":01,"type":"T","data":"x"}]'],
    ['a type that is too long', `"values":[{"index":1,"type":"${'T'.repeat(129)}","data":"x"}]`],
    ['something after the row', '"values":[]}'],
    ['no end of a list', '"values":['],
  ])('leaves to the ordinary way: %s', (_name, members) => {
    const json = `{"identifier":"88.1.2/x","template":"part","attributes":{"name":"a","partNumber":"1"},${members}}`
    for (const asked of options) expect(plainJsonRows(asked)(Buffer.from(json), PLACE)).toBeUndefined()
  })

  test('leaves to the ordinary way: an attribute twice', () => {
    const json = '{"identifier":"88.1.2/x","template":"part","attributes":{"name":"a","partNumber":"1","name":"b"}}'
    expect(plainJsonRows(options[0]!)(Buffer.from(json), PLACE)).toBeUndefined()
  })

  test('takes the most part of plain rows', () => {
    const sample = fc.sample(line, { numRuns: 1_000, seed: 7 })
    const taken = sample.filter((octets) => plainJsonRows(options[1]!)(octets, PLACE) !== undefined)
    const good = sample.filter((octets) => isUtf8(octets) && isGood(ordinaryJson(octets, options[1]!)))
    expect(good.length).toBeGreaterThan(50)
    expect(taken.length / good.length).toBeGreaterThan(0.5)
  })

  test('a row beyond any usual size goes the ordinary way', () => {
    const data = 'x'.repeat(70_000)
    const json = JSON.stringify({ identifier: '88.1.2/x', values: [{ index: 1, type: 'T', data }] })
    expect(plainJsonRows(options[0]!)(Buffer.from(json), PLACE)).toBeUndefined()
  })
})

describe('tables', () => {
  const columns = fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...names), { maxLength: 6 }),
      fc.uniqueArray(
        fc.constantFrom(
          'value:1:URL',
          'value:2:URL',
          'value:2:T',
          'value:1000:T',
          'value:2000:T',
          'value:3:tÿpe',
          'other',
        ),
        { maxLength: 3 },
      ),
    )
    .map(([attributes, others]) => [...new Set(['name', 'partNumber', ...attributes, ...others])])
  const table = columns.chain((header) =>
    fc.record({
      header: fc.constant(['identifier', ...header]),
      fields: fc.tuple(
        identifier,
        ...header.map((column) =>
          fc.oneof({ weight: 4, arbitrary: textFor(kindOf(column)) }, { weight: 1, arbitrary: fc.constant('') }),
        ),
      ),
      format: fc.constantFrom('csv' as const, 'tsv' as const),
      template: fc.constantFrom('part', 'product'),
      suffix: fc.boolean(),
      drop: fc.constantFrom(0, 0, 0, 1, -1),
    }),
  )

  test('whatever the row, the short way reads it as the ordinary one does, or not at all', () => {
    let taken = 0
    fc.assert(
      fc.property(table, ({ header, fields, format, template, suffix, drop }) => {
        const byIdentifier = suffix ? { prefix: '88.1.2', suffixColumn: 'identifier' } : {}
        const { options } = readImportOptions({ format, template, otherColumns: 'ignore', ...byIdentifier })
        const delimiter = delimiterOf(options)
        const row = drop > 0 ? fields.slice(drop) : drop < 0 ? [...fields, 'more'] : fields
        const line = `${row.map((field) => quoted(field, delimiter)).join(delimiter)}\n`
        const { records } = { records: recordSplitter({ format, offset: 0, lines: 0 }).push(Buffer.from(`x\n${line}`)) }
        const record = records[1]
        if (record === undefined || record.fault !== undefined) return
        const found = findTemplate(template)!
        const known = header.filter((column) => column === 'identifier' || isColumn(column, template))
        const plan = planColumns(header, options, found)
        const readPlain = plainTableRows({ template: found, plan, delimiter, precondition: preconditionOf(options) })
        const plain = readPlain?.(record, PLACE)
        if (plain === undefined) return
        taken += 1
        expect(known.length).toBeGreaterThan(1)
        const ordinary = tableRowReader(options, { template: found, header })(ordinaryOnly(record), PLACE)
        expect(comparable(plain)).toEqual(comparable(ordinary))
      }),
      { numRuns: 5_000 },
    )
    expect(taken).toBeGreaterThan(500)
  })

  function isColumn(column: string, template: string): boolean {
    return column.startsWith('value:') || findTemplate(template)!.attributes.some(({ name }) => name === column)
  }
})

function ndjson(more: object): ImportOptions {
  return readImportOptions({ format: 'ndjson', ...more }).options
}

function ordinaryJson(octets: Buffer, options: ImportOptions): ImportRow {
  const reader = jsonRowReader(options, (json) => parseStrictJson(Buffer.from(json)))
  const record = { octets, text: octets.toString(), quoted: false, line: PLACE.line, endOffset: 0, endLine: 0 }
  return reader(ordinaryOnly(record), PLACE)
}

/** The short way reads octets, the ordinary one text. */
function ordinaryOnly({ text, quoted, line, endOffset, endLine }: SourceRecord): SourceRecord {
  return { octets: Buffer.from('\\'), text, quoted, line, endOffset, endLine }
}

function quoted(field: string, delimiter: string): string {
  return /["\r\n]/.test(field) || field.includes(delimiter) ? `"${field.replaceAll('"', '""')}"` : field
}

function comparable(row: ImportRow): object {
  if (!isGood(row)) return row
  const { template, octets } = row.registration.content!
  return { ...row, registration: { ...row.registration, content: { template, octets: octets.toString('hex') } } }
}
