import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fieldsOf } from '../../src/registry/import-fields.js'
import type { ImportFormat } from '../../src/registry/import-quotes.js'
import { recordSplitter, type SourceEnd, type SourceRecord } from '../../src/registry/import-records.js'

describe('fields', () => {
  test.each<[string, string, string[][]]>([
    [
      'plain rows',
      'a,b\nc,d\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'a last row without a line end',
      'a,b\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\nc,d\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    [
      'CRLF and LF mixed',
      'a,b\r\nc,d\ne,f\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ],
    ],
    [
      'empty fields',
      ',\na,\n,b\n',
      [
        ['', ''],
        ['a', ''],
        ['', 'b'],
      ],
    ],
    ['a delimiter in quotes', '"a,b",c\n', [['a,b', 'c']]],
    ['quotes in quotes', '"say ""hi""","""",""\n', [['say "hi"', '"', '']]],
    [
      'a line end in quotes',
      '"a\nb\r\nc",d\ne,f\n',
      [
        ['a\nb\r\nc', 'd'],
        ['e', 'f'],
      ],
    ],
    ['a carriage return in quotes', '"a\rb",c\n', [['a\rb', 'c']]],
    ['a quoted field at the end of the file', 'a,"b"', [['a', 'b']]],
    ['an empty last field at the end of the file', '"a",', [['a', '']]],
    [
      'empty lines are no rows',
      '\na,b\n\r\n\nc,d\n\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a byte order mark', '\ufeffa,b\n', [['a', 'b']]],
    ['a byte order mark before a quote', '\ufeff"a",b\n', [['a', 'b']]],
    ['white space is kept', ' a , b \n', [[' a ', ' b ']]],
    [
      'other scripts',
      '名称,北京\n"泵, 大",😀\n',
      [
        ['名称', '北京'],
        ['泵, 大', '😀'],
      ],
    ],
  ])('csv: %s', (_name, text, fields) => {
    expect(split(text).records.map((record) => fieldsOf(record, ','))).toEqual(fields)
  })

  test('tsv: a quote inside a field is a plain character, a field that starts with one is quoted', () => {
    const { records } = split('5" pipe\t"a\tb"\ta,b\n', { format: 'tsv' })
    expect(records.map((record) => fieldsOf(record, '\t'))).toEqual([['5" pipe', 'a\tb', 'a,b']])
  })

  test('ndjson: quotes mean nothing to the cutting', () => {
    const { records } = split('{"a":"x\\"y"}\r\n"\n', { format: 'ndjson' })
    expect(records.map(({ text }) => text)).toEqual(['{"a":"x\\"y"}', '"'])
  })
})

describe('faults concern one record only', () => {
  test.each<[string, string, RegExp]>([
    ['a quote in a plain field', 'a"b,c', /quote inside a field/],
    ['text after a closing quote', '"a"b,c', /after the closing quote.*line 2/],
    ['a space after a closing quote', '"a" ,c', /after the closing quote/],
    ['a lone carriage return', 'a\rb,c', /carriage return/],
    ['a carriage return after a quote', '"a"\rb,c', /carriage return/],
  ])('%s', (_name, row, reason) => {
    const { records } = split(`1,2\n${row}\n3,4\n`)
    expect(records.map(({ fault }) => fault)).toEqual([undefined, expect.stringMatching(reason), undefined])
    expect(fieldsOf(records[2]!, ',')).toEqual(['3', '4'])
  })

  test('octets that are not UTF-8', () => {
    const { records } = split(Buffer.from('612c620a63ff2c640a652c660a', 'hex'))
    expect(records.map(({ fault }) => fault)).toEqual([undefined, expect.stringMatching(/UTF-8/), undefined])
  })

  test.each([1, 7, 64, 4096])('a row that is too long, in pieces of %i', (pieceBytes) => {
    const text = `a,b\n${'x'.repeat(500)},y\n"${'\n'.repeat(300)}",z\nc,d\n`
    const { records, end } = split(text, { maxRecordBytes: 100, pieceBytes })
    expect(records.map(({ fault, line }) => [line, fault])).toEqual([
      [1, undefined],
      [2, 'the row is longer than 100 octets'],
      [3, expect.stringMatching(/longer than 100 octets, taken from lines 3 to 303; a quote that is not closed/)],
      [304, undefined],
    ])
    expect(end).toMatchObject({ endOffset: Buffer.byteLength(text), endLine: 304 })
  })

  test('a quote that is never closed is told with its line', () => {
    const { records, end } = split('a,b\nc,"d\ne,f\n')
    expect(records).toHaveLength(1)
    expect(end.unclosedQuoteLine).toBe(2)
  })
})

describe('against csv-parse, on texts at random', () => {
  const piece = fc.constantFrom('a', 'bc', '"', '""', ',', '\n', '\r\n', '\r', ' ', '泵')
  const texts = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))

  test('what both accept, both read alike; what csv-parse refuses has a fault', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 9 }), (text, pieceBytes) => {
        const { records, end } = split(text, { pieceBytes })
        const accepted = records.every(({ fault }) => fault === undefined) && end.unclosedQuoteLine === undefined
        const oracle = oracleRows(text)
        if (oracle === undefined) expect(accepted).toBe(false)
        else if (accepted) expect(records.map((record) => fieldsOf(record, ','))).toEqual(oracle)
      }),
      { numRuns: 3_000 },
    )
  })

  test('whatever csv-parse accepts is accepted, but for carriage returns outside quotes', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { records, end } = split(text)
        if (oracleRows(text) === undefined) return
        const faults = records.flatMap(({ fault }) => fault ?? [])
        expect(faults.filter((fault) => !fault.includes('carriage return'))).toEqual([])
        expect(end.unclosedQuoteLine).toBeUndefined()
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('offsets', () => {
  const text = Buffer.from('\ufeffid,name\r\n1,"a\r\nb"\n\n2,名称\r\n"3 ""x""",y\r\n4,"z"')

  test('cutting at any record end and going on there gives the rest, with the same lines and offsets', () => {
    const whole = split(text)
    expect(whole.records).toHaveLength(5)
    for (const [index, { endOffset, endLine }] of whole.records.entries()) {
      const rest = split(text.subarray(endOffset), { offset: endOffset, lines: endLine })
      expect(rest.records).toEqual(whole.records.slice(index + 1))
    }
    expect(whole.end).toMatchObject({ endOffset: text.length })
  })

  test('the size of the pieces makes no difference', () => {
    const whole = split(text)
    for (let pieceBytes = 1; pieceBytes <= text.length; pieceBytes++) expect(split(text, { pieceBytes })).toEqual(whole)
  })

  test('at random: every record ends right after its line end', () => {
    const piece = fc.constantFrom('a', '"b"', '"\n"', ',', '\n', '\r\n', '名')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (pieces, pieceBytes) => {
        const bytes = Buffer.from(pieces.join(''))
        const { records } = split(bytes, { pieceBytes })
        for (const { endOffset, endLine } of records) {
          if (endOffset < bytes.length) expect(bytes[endOffset - 1]).toBe(10)
          const lines = bytes.subarray(0, endOffset).toString('latin1').split('\n').length - 1
          expect(endLine).toBe(bytes[endOffset - 1] === 10 ? lines : lines + 1)
        }
      }),
    )
  })
})

interface How {
  readonly format?: ImportFormat
  readonly pieceBytes?: number
  readonly maxRecordBytes?: number
  readonly offset?: number
  readonly lines?: number
}

function split(
  content: string | Buffer,
  how: How = {},
): { readonly records: readonly SourceRecord[]; readonly end: SourceEnd } {
  const bytes = Buffer.from(content)
  const { pieceBytes = bytes.length || 1, format = 'csv', offset = 0, lines = 0, maxRecordBytes = 1_000_000 } = how
  const splitter = recordSplitter({ format, offset, lines, maxRecordBytes })
  const records: SourceRecord[] = []
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    records.push(...splitter.push(bytes.subarray(from, from + pieceBytes)))
  }
  const end = splitter.end()
  return { records: [...records, ...end.records], end: { ...end, records: [] } }
}

function oracleRows(text: string): string[][] | undefined {
  try {
    return parse(text, { record_delimiter: ['\r\n', '\n'], relax_column_count: true, skip_empty_lines: true })
  } catch {
    return undefined
  }
}
