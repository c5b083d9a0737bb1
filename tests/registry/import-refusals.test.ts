import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { NodeError } from '../../src/platform/errors.js'
import { requireImport } from '../../src/registry/import-jobs.js'
import { HEADER, type ImportSetUp, importSetUp, PLAIN, PREFIX, piecesOf, productRows } from './import-set-up.js'

let s: ImportSetUp
const setUps: ImportSetUp[] = []

beforeEach(async () => {
  s = await importSetUp()
  setUps.push(s)
})
afterAll(() => Promise.all(setUps.map((setUp) => setUp.close())))

describe('an identifier that clashes is explained in the words of an import', () => {
  const twice = `${HEADER}${PREFIX}/a,One\n${PREFIX}/b,B\n${PREFIX}/a,Two\n`
  const other = 'has the same identifier with other content'
  const tried = { ...PLAIN, dryRun: true }

  test.each<[string, object, number, string]>([
    ['in one chunk', PLAIN, 4_000, `an earlier row of this file (row 1) ${other}`],
    ['in one chunk of a dry run', tried, 4_000, `an earlier row of this file (row 1) ${other}`],
    ['in another chunk of a dry run', tried, 1, `an earlier row of this file ${other}`],
    [
      'in another chunk',
      PLAIN,
      1,
      `${PREFIX}/a was registered with other content after this import was opened, most likely by an earlier row of this file; mode upsert (--mode upsert) replaces it`,
    ],
  ])('with an earlier row %s', async (_name, options, chunkRows, reason) => {
    const job = await s.run(twice, { options, chunkRows })
    expect(await s.errorsOf(job)).toMatchObject([{ row: 3, field: 'identifier', reason }])
  })

  test.each([PLAIN, tried])('with what was registered before', async (options) => {
    await s.run(`${HEADER}${PREFIX}/a,Zero\n`)
    const job = await s.run(twice, { options })
    const reason = `${PREFIX}/a is registered already with other content; mode upsert (--mode upsert) replaces it`
    expect((await s.errorsOf(job)).map((error) => [error.row, error.reason])).toEqual([
      [1, reason],
      [3, reason],
    ])
  })

  test('although the mode is upsert, when the row itself demands that it is new', async () => {
    await s.run(HEADER + productRows(1))
    const item = { identifier: `${PREFIX}/ITEM-1`, ifNoneMatch: '*', attributes: { name: 'New' } }
    const options = { format: 'ndjson', template: 'product', mode: 'upsert' }
    const [error] = await s.errorsOf(await s.run(`${JSON.stringify(item)}\n`, { options }))
    expect(error?.reason).toContain('the row itself (ifNoneMatch) demands that it is new')
  })
})

describe('files that cannot be meant are refused at once', () => {
  test.each<[string, string | Buffer, RegExp]>([
    [
      'a required column is missing',
      'identifier,Name\n',
      /"name", which template product requires, is missing; the nearest that is there: "Name"/,
    ],
    [
      'the identifiers are missing',
      'Identifer,name\n',
      /"identifier", for the identifiers, is missing; the nearest that is there: "Identifer"/,
    ],
    [
      'a column is unknown',
      'identifier,name,brnd\n',
      /"brnd" is no attribute of template product \(did you mean "brand"\?\)/,
    ],
    ['a column repeats', 'identifier,name,name\n', /"name" stands there twice/],
    ['the header is broken', 'identifier,na"me\n', /header of the file cannot be read: a quote/],
    [
      'lines end with CR alone',
      `identifier,name\r${PREFIX}/a,A\r`,
      /header of the file cannot be read: a carriage return/,
    ],
    ['the file is empty', '', /is empty/],
    [
      'semicolons separate the fields',
      `identifier;name\n${PREFIX}/a;A\n`,
      /only one column, "identifier;name": is it separated by ';'\? Save it with commas between its fields\.$/,
    ],
    ['tabs separate the fields', 'identifier\tname\n', /is it separated by tabs\? Then its format is tsv\.$/],
    ['too many columns', `identifier,name${',x'.repeat(999)}\n`, /has 1001 columns, and 1000 are the most/],
    ['UTF-16, little end first', utf16(`\ufeff${HEADER}`), /is UTF-16; save it as UTF-8/],
    ['UTF-16, big end first', utf16(`\ufeff${HEADER}`).swap16(), /is UTF-16; save it as UTF-8/],
    ['UTF-16 without a mark', utf16(HEADER), /is UTF-16; save it as UTF-8/],
  ])('%s', async (_name, text, reason) => {
    const job = await s.open()
    await expect(s.send(job, pieces(text))).rejects.toThrow(reason)
    expect(await requireImport(s.db, s.maker, job.id)).toMatchObject({
      state: 'halted',
      halted: { code: 'record-invalid', reason: expect.stringMatching(reason) },
    })
  })

  test('UTF-16 that comes octet by octet, in a file whose rows are no table', async () => {
    const job = await s.open({ format: 'ndjson' })
    await expect(s.send(job, piecesOf(utf16('{"identifier":"a/b"}\n'), 1))).rejects.toThrow(/is UTF-16/)
    expect(await requireImport(s.db, s.maker, job.id)).toMatchObject({ state: 'halted', rowsDone: 0 })
  })

  test.each(['name', 'identifier', 'extra'])('a column named twice is said to be so once: %s', async (name) => {
    const error = (await s.run(`identifier,name,${name},${name}\n`).catch((refusal: unknown) => refusal)) as NodeError
    expect(error.faults.filter(({ reason }) => reason.includes('twice'))).toHaveLength(1)
    expect(error.faults).toHaveLength(name === 'extra' ? 2 : 1)
  })

  test.each([
    [null, /requires "name", and the mapping of the column "name" ignores it/],
    ['brand', /requires "name", and the mapping of the column "name" fills "brand" with it/],
  ])('a required column that the mapping takes away: %s', async (target, reason) => {
    const options = { ...PLAIN, columns: { name: target } }
    await expect(s.run(HEADER, { options })).rejects.toThrow(reason)
  })

  test('what is told of a header full of faults is bounded', async () => {
    const names = Array.from({ length: 900 }, (_, index) => `${'x'.repeat(500)}${index}`)
    const job = await s.open()
    const error = await s.send(job, pieces(`identifier,name,${names}\n`)).catch((refusal: unknown) => refusal)
    expect(error).toMatchObject({ message: expect.stringMatching(/; and 880 more\.$/) })
    expect((error as NodeError).faults).toHaveLength(100)
    expect(JSON.stringify((error as NodeError).faults).length).toBeLessThan(100_000)
    const { halted } = await requireImport(s.db, s.maker, job.id)
    expect(halted?.reason.length).toBe(4_000)
  })

  test('columns that are not wanted can be ignored', async () => {
    const options = { ...PLAIN, otherColumns: 'ignore' }
    expect((await s.run(`identifier,name,colour\n${PREFIX}/a,A,red\n`, { options })).counts.created).toBe(1)
  })

  test('a quote that is never closed: the rows before it go in, the message names its line', async () => {
    const job = await s.open()
    const text = `${HEADER}${productRows(3)}${PREFIX}/x,"open\n${productRows(3, 10)}`
    await expect(s.send(job, pieces(text))).rejects.toThrow(/quote opened in line 5 is never closed/)
    expect(await requireImport(s.db, s.maker, job.id)).toMatchObject({ state: 'halted', counts: { created: 3 } })
  })
})

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}

function pieces(content: string | Buffer) {
  return piecesOf(Buffer.from(content))
}
