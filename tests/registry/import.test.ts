import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { draftOfRow } from '../../src/record/draft.js'
import { findTemplate } from '../../src/record/template.js'
import { writeIdentifier } from '../../src/registry/identifiers.js'
import { requireImport } from '../../src/registry/import-jobs.js'
import { HEADER, holder, type ImportSetUp, importSetUp, PLAIN, PREFIX, piecesOf, productRows } from './import-set-up.js'

let s: ImportSetUp
const setUps: ImportSetUp[] = []

beforeEach(async () => {
  s = await importSetUp()
  setUps.push(s)
})
afterAll(() => Promise.all(setUps.map((setUp) => setUp.close())))

const UPSERT = { ...PLAIN, mode: 'upsert' }

describe('rows become identifiers', () => {
  test('each at version 1, with the spelling of the file and the prefix that is responsible', async () => {
    const job = await s.run(`${HEADER}${PREFIX}/Pump-1,Pump\n${PREFIX}/valve,Valve\n`)
    expect(job).toMatchObject({ state: 'finished', rowsDone: 2, counts: { created: 2, failed: 0 } })
    expect(await s.identifiers()).toEqual([
      row(`${PREFIX}/pump-1`, { spelling: `${PREFIX}/Pump-1` }),
      row(`${PREFIX}/valve`),
    ])
  })

  test('what is imported equals what is registered one by one', async () => {
    const cells = { name: 'Pump', gtin: '06901234567892', brand: '上海', 'value:1:URL': 'https://example.com/p' }
    const text = `identifier,${Object.keys(cells)}\n${PREFIX}/a,${Object.values(cells)}\n${PREFIX}/b,${Object.values(cells)}\n`
    await register('a', cells)
    expect(await s.run(text)).toMatchObject({ counts: { unchanged: 1, created: 1 } })
    expect(await register('b', cells)).toMatchObject({ outcome: 'unchanged', version: 1 })
    const bodies = await s.db.query<{ body: Buffer }>('select body from identifier')
    expect(bodies[0]!.body.length).toBe(bodies[1]!.body.length)
  })

  test('in chunks, each with one change row that is made known', async () => {
    const job = await s.run(HEADER + productRows(10), { chunkRows: 3, pieceBytes: 10 })
    expect(job.counts.created).toBe(10)
    expect(s.changes.map(({ keys }) => keys.length)).toEqual([3, 3, 3, 1])
    const feed = await s.db.query<{ keys: string[]; versions: number[]; xid: number }>(
      'select xid, keys, versions from change where cardinality(keys) > 0 order by xid',
    )
    expect(feed).toEqual(s.changes)
    expect(feed[0]).toMatchObject({
      keys: [1, 2, 3].map((number) => `i:${PREFIX}/item-${number}`),
      versions: [1, 1, 1],
    })
  })

  test('identifiers are built from a prefix and a column of suffixes, which may be an attribute too', async () => {
    const options = { ...PLAIN, prefix: PREFIX, suffixColumn: 'gtin' }
    const job = await s.run('gtin,name\n06901234567892,Tea\n,Nothing\n', { options })
    expect(job.counts).toMatchObject({ created: 1, failed: 1 })
    expect(await s.identifiers()).toEqual([row(`${PREFIX}/06901234567892`)])
  })

  test('columns are mapped to attributes and to free values, or ignored', async () => {
    const columns = { 品名: 'name', Link: 'value:1:URL', remark: null }
    const options = { ...PLAIN, columns }
    await s.run(`identifier,品名,Link,remark\n${PREFIX}/a,泵,https://example.com/1,x\n`, { options })
    const same = await s.run(`identifier,name,value:1:URL\n${PREFIX}/a,泵,https://example.com/1\n`)
    expect(same.counts.unchanged).toBe(1)
  })

  test('tsv and ndjson', async () => {
    await s.run(`identifier\tname\n${PREFIX}/a\t5" pipe\n`, { options: { ...PLAIN, format: 'tsv' } })
    const items = [
      { identifier: `${PREFIX}/a`, template: 'product', attributes: { name: '5" pipe' } },
      { identifier: `${PREFIX}/b`, values: [{ index: 1, type: 'URL', data: 'https://example.com' }] },
    ]
    const content = items.map((item) => `${JSON.stringify(item)}\n`).join('')
    expect((await s.run(content, { options: { format: 'ndjson' } })).counts).toMatchObject({ unchanged: 1, created: 1 })
  })

  test('ndjson rows may withdraw, and demand versions', async () => {
    await s.run(HEADER + productRows(3))
    const items = [
      { identifier: `${PREFIX}/ITEM-1`, intent: 'withdraw', reason: 'sold out' },
      { identifier: `${PREFIX}/ITEM-2`, ifMatch: 1, attributes: { name: 'New' } },
      { identifier: `${PREFIX}/ITEM-3`, ifMatch: 7, attributes: { name: 'New' } },
      { identifier: `${PREFIX}/ITEM-4`, intent: 'withdraw' },
      { identifier: `${PREFIX}/ITEM-5`, intent: 'destroy' },
      { identifier: 7 },
      [],
    ]
    const content = `${items.map((item) => JSON.stringify(item)).join('\n')}\n{"identifier":`
    const job = await s.run(content, { options: { format: 'ndjson', template: 'product', mode: 'upsert' } })
    expect(job.counts).toEqual({ created: 0, replaced: 1, unchanged: 0, withdrawn: 1, failed: 6 })
    expect((await s.errorsOf(job)).map(({ row, field }) => [row, field])).toEqual([
      [3, 'identifier'],
      [4, 'identifier'],
      [5, 'intent'],
      [6, 'identifier'],
      [7, 'row'],
      [8, 'row'],
    ])
  })

  test('a file of a header alone is an import of nothing', async () => {
    expect(await s.run(HEADER)).toMatchObject({ state: 'finished', rowsDone: 0, offsetBytes: HEADER.length })
  })
})

describe('what is there already', () => {
  test('importing a file again changes nothing and appends nothing to the feed', async () => {
    const text = HEADER + productRows(5)
    await s.run(text)
    const before = s.changes.length
    expect((await s.run(text)).counts).toMatchObject({ created: 0, unchanged: 5, failed: 0 })
    expect((await s.run(text, { options: UPSERT })).counts).toMatchObject({ unchanged: 5 })
    expect(s.changes.length).toBe(before)
  })

  test('create: other content is a row error; upsert: it is a new version', async () => {
    await s.run(HEADER + productRows(3))
    const changed = `${HEADER}${PREFIX}/ITEM-2,Other\n${PREFIX}/ITEM-9,Pump 9\n`
    const refused = await s.run(changed)
    expect(refused.counts).toMatchObject({ created: 1, failed: 1 })
    expect(await s.errorsOf(refused)).toMatchObject([
      {
        row: 1,
        line: 2,
        reason: `${PREFIX}/ITEM-2 is registered already with other content; mode upsert (--mode upsert) replaces it`,
      },
    ])
    const replaced = await s.run(changed, { options: UPSERT })
    expect(replaced.counts).toMatchObject({ replaced: 1, unchanged: 1 })
    expect(s.changes.at(-1)).toMatchObject({ keys: [`i:${PREFIX}/item-2`], versions: [2] })
  })

  test('new rows and changed ones of a chunk share one change row', async () => {
    await s.run(HEADER + productRows(2))
    await s.run(`${HEADER}${PREFIX}/ITEM-1,Other\n${PREFIX}/ITEM-7,New\n`, { options: UPSERT })
    const feed = await s.db.query('select xid from change where cardinality(keys) > 0')
    expect(feed).toHaveLength(2)
    expect([...s.changes.at(-1)!.keys].sort()).toEqual([`i:${PREFIX}/item-1`, `i:${PREFIX}/item-7`])
  })

  test('what was withdrawn is registered anew, as the next version', async () => {
    await s.run(HEADER + productRows(1))
    await writeIdentifier(s.registry, s.maker, { ...item('ITEM-1'), intent: 'withdraw' })
    expect((await s.run(HEADER + productRows(1))).counts).toMatchObject({ created: 1 })
    expect(await s.identifiers()).toMatchObject([{ version: 3, state: 1 }])
  })

  test.each(['one', 'another', 'a third'])(
    'rivals who register the same keys meanwhile disturb nothing, %s time',
    async () => {
      const text = Buffer.from(HEADER + productRows(400))
      const jobs = await Promise.all([40, 33, 29, 37].map((chunkRows) => s.run(text, { chunkRows })))
      for (const job of jobs) expect(await s.errorsOf(job)).toEqual([])
      const sum = (kind: 'created' | 'unchanged') => jobs.reduce((count, { counts }) => count + counts[kind], 0)
      expect([sum('created'), sum('unchanged')]).toEqual([400, 3 * 400])
      expect((await s.identifiers()).every(({ version }) => version === 1)).toBe(true)
    },
  )
})

describe('identifiers that repeat within a file', () => {
  const text = `${HEADER}${PREFIX}/A,One\n${PREFIX}/a,One\n${PREFIX}/a,Two\n${PREFIX}/b,B\n${PREFIX}/A,One\n`

  test.each([4_000, 1, 2])('create keeps the first, chunks of %i', async (chunkRows) => {
    const job = await s.run(text, { chunkRows })
    expect(job.counts).toMatchObject({ created: 2, unchanged: 2, failed: 1 })
    const reason = /earlier row of this file/
    expect(await s.errorsOf(job)).toMatchObject([{ row: 3, line: 4, reason: expect.stringMatching(reason) }])
    expect(await s.identifiers()).toMatchObject([{ version: 1 }, { version: 1 }])
  })

  test.each([4_000, 1, 2])('upsert applies them in order, chunks of %i', async (chunkRows) => {
    const job = await s.run(text, { options: UPSERT, chunkRows })
    expect(job.counts).toMatchObject({ created: 2, replaced: 2, unchanged: 1, failed: 0 })
    expect(await s.identifiers()).toMatchObject([{ version: 3 }, { version: 1 }])
  })

  test.each([4_000, 1, 2])('a dry run says the same of both, chunks of %i', async (chunkRows) => {
    const create = await s.run(text, { options: { ...PLAIN, dryRun: true }, chunkRows })
    expect(create.counts).toMatchObject({ created: 2, unchanged: 2, failed: 1 })
    const upsert = await s.run(text, { options: { ...UPSERT, dryRun: true }, chunkRows })
    expect(upsert.counts).toMatchObject({ created: 2, replaced: 2, unchanged: 1, failed: 0 })
    expect(await s.identifiers()).toEqual([])
  })
})

describe('a dry run', () => {
  test('finds what the import would, and writes no identifier', async () => {
    await s.run(HEADER + productRows(2))
    const text = `${HEADER}${productRows(2)}${PREFIX}/ITEM-1,Other\n${PREFIX}/new,New\n88.1.2/x,Stranger\n${PREFIX}/n,\nshort\n`
    const before = s.changes.length
    const tried = await s.run(text, { options: { ...PLAIN, dryRun: true } })
    expect(await s.identifiers()).toHaveLength(2)
    expect(s.changes.length).toBe(before)
    expect(await s.db.query('select from import_trial')).toEqual([])

    const done = await s.run(text)
    expect(tried.counts).toEqual(done.counts)
    expect(tried.counts).toEqual({ created: 1, replaced: 0, unchanged: 2, withdrawn: 0, failed: 4 })
    expect(await s.errorsOf(tried)).toEqual(await s.errorsOf(done))
  })
})

describe('row errors', () => {
  test('name row, line, field, reason and identifier; the good rows go in', async () => {
    const text = Buffer.concat([
      Buffer.from(`identifier,name,gtin\n${PREFIX}/1,"two\nlines",\n${PREFIX}/2,,\n${PREFIX}/3,Tea,06901234567890\n`),
      Buffer.from(`no slash,Tea,\n${PREFIX}/4,Tea\n${PREFIX}/5,T"ea,\n`),
      Buffer.from(`${PREFIX}/6,`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(`,\n${PREFIX}/7,Tea,\n`),
    ])
    const job = await s.run(text)
    expect(job).toMatchObject({ state: 'finished', rowsDone: 8, counts: { created: 2, failed: 6 }, errorsStored: 6 })
    expect(await s.errorsOf(job)).toEqual([
      { row: 2, ordinal: 0, line: 4, field: 'name', identifier: `${PREFIX}/2`, reason: expect.any(String) },
      { row: 3, ordinal: 0, line: 5, field: 'gtin', identifier: `${PREFIX}/3`, reason: expect.any(String) },
      { row: 4, ordinal: 0, line: 6, field: 'identifier', identifier: 'no slash', reason: expect.any(String) },
      {
        row: 5,
        ordinal: 0,
        line: 7,
        field: 'row',
        identifier: `${PREFIX}/4`,
        reason: expect.stringContaining('2 fields'),
      },
      { row: 6, ordinal: 0, line: 8, field: 'row', identifier: '', reason: expect.stringContaining('quote') },
      { row: 7, ordinal: 0, line: 9, field: 'row', identifier: '', reason: expect.stringContaining('UTF-8') },
    ])
  })

  test('prefixes of others, of nobody, and suspended ones', async () => {
    await holder(s.db, { enterpriseId: 'other', apiKeyId: 'otherkey0001', prefix: '88.118.9' })
    await s.db.query("insert into prefix (name, enterprise_id, state) values ('88.118.7', 'maker', 'suspended')")
    const job = await s.run(`${HEADER}88.118.9/a,A\n88.5/b,B\n88.118.7/c,C\n${PREFIX}/d,D\n`)
    expect(job.counts).toMatchObject({ created: 1, failed: 3 })
    expect((await s.errorsOf(job)).map(({ reason }) => reason)).toEqual([
      expect.stringContaining('not held'),
      expect.stringContaining('not allotted'),
      expect.stringContaining('suspended'),
    ])
  })

  test('too many of them halt the import, with what was good before kept', async () => {
    const text = `${HEADER}${PREFIX}/good,Good\n${'bad\n'.repeat(108_000)}${productRows(10)}`
    const job = await s.open()
    await expect(s.send(job, pieces(text))).rejects.toMatchObject({ code: 'record-invalid' })
    const halted = await requireImport(s.db, s.maker, job.id)
    expect(halted).toMatchObject({ state: 'halted', errorsStored: 100_000, counts: { created: 1 } })
    expect(halted.halted?.reason).toContain('100000 faults')
    await expect(s.send(job, pieces(''), { offset: halted.offsetBytes })).rejects.toMatchObject({
      code: 'import-conflict',
    })
  })
})

describe('who may', () => {
  test('a key that is revoked in the midst of an import stops it, and the job says so', async () => {
    const job = await s.open()
    async function* content() {
      yield Buffer.from(HEADER + productRows(4))
      while ((await s.identifiers()).length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
      await s.db.query('update api_key set revoked_at = clock_timestamp()')
      yield Buffer.from(productRows(4, 5))
    }
    await expect(s.send(job, content(), { chunkRows: 2 })).rejects.toMatchObject({ code: 'not-authenticated' })
    expect(await requireImport(s.db, s.maker, job.id)).toMatchObject({
      state: 'halted',
      halted: { code: 'not-authenticated', reason: expect.stringContaining('revoked') },
    })
    expect(await s.identifiers()).toHaveLength(4)
  })

  test('nobody sees or feeds the imports of others', async () => {
    const job = await s.open()
    const stranger = await holder(s.db, { enterpriseId: 'other', apiKeyId: 'otherkey0001', prefix: '88.118.9' })
    await expect(requireImport(s.db, stranger, job.id)).rejects.toMatchObject({ code: 'not-found' })
    await expect(requireImport(s.db, { kind: 'anonymous' }, job.id)).rejects.toMatchObject({
      code: 'not-authenticated',
    })
    const reader = { ...s.maker, scopes: ['read'] as const }
    expect(await requireImport(s.db, reader, job.id)).toMatchObject({ id: job.id })
  })

  test('no more uploads at a time than the node takes', async () => {
    const small = await importSetUp({ maxUploads: 0 })
    setUps.push(small)
    await expect(small.run(HEADER)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 5 })
  })
})

function row(key: string, more: object = {}) {
  return { key, version: 1, state: 1, prefix: PREFIX, spelling: null, template: 'product', ...more }
}

function item(suffix: string) {
  const identifier = parseIdentifier(`${PREFIX}/${suffix}`)
  if (!identifier.ok) throw new Error(identifier.message)
  return { identifier: identifier.value, intent: 'register' as const, template: 'product', values: [] }
}

async function register(suffix: string, cells: Record<string, string>) {
  const draft = draftOfRow(findTemplate('product')!, cells, 1_800_000_000)
  if (!draft.ok) throw new Error(JSON.stringify(draft.faults))
  return writeIdentifier(s.registry, s.maker, { ...item(suffix), ...draft.value })
}

async function* pieces(content: string | Buffer) {
  yield* piecesOf(Buffer.from(content))
}
