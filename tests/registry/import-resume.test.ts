import { EventEmitter, once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pruneImports, requireImport } from '../../src/registry/import-jobs.js'
import { LEASE_SECONDS } from '../../src/registry/import-lease.js'
import {
  brokenAfter,
  HEADER,
  type ImportSetUp,
  importSetUp,
  PLAIN,
  PREFIX,
  piecesOf,
  productRows,
} from './import-set-up.js'

let s: ImportSetUp

beforeAll(async () => {
  s = await importSetUp()
})
afterAll(() => s.close())
beforeEach(async () => {
  await s.db.query('truncate identifier, identifier_version, import, import_error, import_trial')
})

/** All that makes offsets difficult: a byte order mark, CRLF, line ends in quotes, an empty line, a faulty row. */
const DIFFICULT = Buffer.from(
  `\ufeffidentifier,name\r\n${PREFIX}/1,"a\r\nb"\r\n\r\n${PREFIX}/2,泵\r\n${PREFIX}/3,"say ""x\n"""\nbad\n${PREFIX}/4,"z"`,
)

describe('an upload that breaks off', () => {
  test('after any octet: going on from the offset of the job gives every row once, and the same errors', async () => {
    const whole = await s.run(DIFFICULT, { options: { ...PLAIN, id: 'whole', dryRun: true } })
    const errors = await s.errorsOf(whole)
    for (let cut = 0; cut < DIFFICULT.length; cut += 1) {
      await s.db.query('truncate identifier, identifier_version')
      const job = await s.open({ ...PLAIN, id: `cut-${cut}` })
      await expect(s.send(job, brokenAfter(DIFFICULT.subarray(0, cut)))).rejects.toThrow('connection reset')
      const { offsetBytes, state } = await requireImport(s.db, s.maker, job.id)
      expect(state).toBe('interrupted')
      expect(offsetBytes).toBeLessThanOrEqual(cut)
      const done = await s.send(job, piecesOf(DIFFICULT.subarray(offsetBytes)), { offset: offsetBytes })
      expect(done).toMatchObject({
        state: 'finished',
        offsetBytes: DIFFICULT.length,
        rowsDone: 5,
        counts: whole.counts,
      })
      expect(await s.errorsOf(done)).toEqual(errors)
      expect((await s.identifiers()).map(({ version }) => version)).toEqual([1, 1, 1, 1])
    }
  })

  test('at every chunk boundary, again and again', async () => {
    const text = Buffer.from(HEADER + productRows(23))
    const job = await s.open()
    for (let rounds = 0; ; rounds += 1) {
      const { offsetBytes, state } = await requireImport(s.db, s.maker, job.id)
      if (state === 'finished') break
      expect(rounds).toBeLessThan(40)
      const next = text.subarray(offsetBytes, offsetBytes + 90)
      const isLast = offsetBytes + next.length === text.length
      const content = isLast ? piecesOf(next) : brokenAfter(next)
      await s.send(job, content, { offset: offsetBytes, chunkRows: 3 }).catch(() => undefined)
    }
    const done = await requireImport(s.db, s.maker, job.id)
    expect(done).toMatchObject({ rowsDone: 23, counts: { created: 23, unchanged: 0, failed: 0 } })
    expect(await s.identifiers()).toHaveLength(23)
  })

  test('a file sent in parts on purpose', async () => {
    const text = Buffer.from(HEADER + productRows(4))
    const job = await s.open()
    const first = await s.send(job, piecesOf(text.subarray(0, 50)), { last: false })
    expect(first.state).toBe('interrupted')
    const { offsetBytes } = first
    const done = await s.send(job, piecesOf(text.subarray(offsetBytes)), { offset: offsetBytes })
    expect(done).toMatchObject({ state: 'finished', counts: { created: 4 } })
  })

  test('content that ends before the size announced is not the end', async () => {
    const text = Buffer.from(HEADER + productRows(4))
    const job = await s.open({ ...PLAIN, source: { name: 'p.csv', bytes: text.length } })
    const part = await s.send(job, piecesOf(text.subarray(0, 60)))
    expect(part.state).toBe('interrupted')
    const tooMuch = Buffer.concat([text.subarray(part.offsetBytes), Buffer.from('more\n')])
    const sent = s.send(job, piecesOf(tooMuch), { offset: part.offsetBytes })
    await expect(sent).rejects.toMatchObject({ code: 'request-malformed' })
    const done = await s.send(job, piecesOf(text.subarray(part.offsetBytes)), { offset: part.offsetBytes })
    expect(done).toMatchObject({ state: 'finished', counts: { created: 4 } })
  })

  test('between the last row and the end: nothing is left to send but the end', async () => {
    const text = Buffer.from(HEADER + productRows(4))
    const job = await s.open()
    await expect(s.send(job, brokenAfter(text))).rejects.toThrow('connection reset')
    const done = await s.send(job, piecesOf(Buffer.alloc(0)), { offset: text.length })
    expect(done).toMatchObject({ state: 'finished', counts: { created: 4 } })
  })
})

describe('one upload at a time', () => {
  test('a wrong offset is a conflict that names the right one', async () => {
    const job = await s.open()
    const sent = s.send(job, piecesOf(Buffer.from('x')), { offset: 7 })
    await expect(sent).rejects.toMatchObject({
      code: 'import-conflict',
      message: expect.stringContaining('stands at offset 0, not 7'),
      faults: [{ field: 'Upload-Offset', reason: 'must be 0' }],
    })
  })

  test('a finished import takes nothing more', async () => {
    const job = await s.run(HEADER + productRows(1))
    const sent = s.send(job, piecesOf(Buffer.from('x')), { offset: job.offsetBytes })
    await expect(sent).rejects.toThrow(/is finished/)
  })

  test('a second upload is refused while the first is alive, and told when to try again', async () => {
    const job = await s.open()
    const first = pausing(Buffer.from(HEADER + productRows(2)))
    const sending = s.send(job, first.content)
    await first.reached
    await expect(s.send(job, piecesOf(Buffer.from(HEADER)))).rejects.toMatchObject({
      code: 'import-conflict',
      retryAfterSeconds: LEASE_SECONDS,
    })
    first.goOn()
    expect(await sending).toMatchObject({ state: 'finished', counts: { created: 2 } })
  })

  test('past its lease it is taken over, and what the first still sends changes nothing', async () => {
    const text = Buffer.from(HEADER + productRows(4))
    const job = await s.open()
    const first = pausing(text)
    const sending = s.send(job, first.content)
    await first.reached
    await s.db.query("update import set lease_until = clock_timestamp() - interval '1 second'")
    expect(await requireImport(s.db, s.maker, job.id)).toMatchObject({ state: 'interrupted' })
    const done = await s.send(job, piecesOf(text))
    expect(done).toMatchObject({ state: 'finished', counts: { created: 4 } })
    first.goOn()
    await expect(sending).rejects.toMatchObject({ code: 'import-conflict' })
    expect(await requireImport(s.db, s.maker, job.id)).toEqual(done)
  })

  test('many at once: one gets through, the rows are there once', async () => {
    const text = Buffer.from(HEADER + productRows(200))
    const job = await s.open()
    const tries = await Promise.allSettled([1, 2, 3].map(() => s.send(job, piecesOf(text, 500), { chunkRows: 20 })))
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const done = await requireImport(s.db, s.maker, job.id)
    expect(done).toMatchObject({ state: 'finished', rowsDone: 200, counts: { created: 200, unchanged: 0 } })
  })
})

describe('opening', () => {
  test('again with the same id and options gives the same import; with others it is a conflict', async () => {
    const job = await s.open({ ...PLAIN, id: 'mine' })
    expect(await s.open({ ...PLAIN, id: 'mine' })).toEqual(job)
    await expect(s.open({ ...PLAIN, id: 'mine', mode: 'upsert' })).rejects.toMatchObject({ code: 'import-conflict' })
  })

  test.each<[string, object, string]>([
    ['no format', { template: 'product' }, 'format'],
    ['no template', { format: 'csv' }, 'template'],
    ['a suffix column without a prefix', { ...PLAIN, suffixColumn: 'gtin' }, 'prefix'],
    ['a prefix without a suffix column', { ...PLAIN, prefix: PREFIX }, 'suffixColumn'],
    ['an arc for a prefix', { ...PLAIN, prefix: 'urn:oid:1.2.3', suffixColumn: 'gtin' }, 'prefix'],
    ['no prefix', { ...PLAIN, prefix: 'a b', suffixColumn: 'gtin' }, 'prefix'],
    ['a member that is not known', { ...PLAIN, modus: 'upsert' }, 'modus'],
    ['a mode that is not known', { ...PLAIN, mode: 'replace' }, 'mode'],
    ['columns that map to numbers', { ...PLAIN, columns: { a: 1 } }, 'columns'],
    ['a size below zero', { ...PLAIN, source: { bytes: -1 } }, 'source.bytes'],
    ['an id with a slash', { ...PLAIN, id: 'a/b' }, 'id'],
  ])('%s is refused, naming the field', async (_name, options, field) => {
    await expect(s.open(options)).rejects.toMatchObject({ code: 'request-malformed', faults: [{ field }] })
  })

  test('a template that is not known', async () => {
    await expect(s.open({ ...PLAIN, template: 'produkt' })).rejects.toMatchObject({ code: 'template-unknown' })
  })
})

test('jobs that nothing has happened to for long are forgotten, with their errors', async () => {
  const [old, recent] = [await s.run(`${HEADER}bad\n`), await s.run(`${HEADER}bad\n`)]
  await s.db.query("update import set changed_at = changed_at - interval '31 days' where id = $1", [old.id])
  expect(await pruneImports(s.db, 30)).toBe(1)
  expect(await s.errorsOf(old)).toEqual([])
  expect(await s.errorsOf(recent)).toHaveLength(1)
})

/** Gives some octets, then waits to be told to go on. */
function pausing(bytes: Buffer) {
  const signals = new EventEmitter()
  const told = once(signals, 'go on')
  const reached = once(signals, 'reached')
  async function* content() {
    yield bytes.subarray(0, 30)
    signals.emit('reached')
    await told
    yield bytes.subarray(30)
  }
  return { content: content(), reached, goOn: () => signals.emit('go on') }
}
