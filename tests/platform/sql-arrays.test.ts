import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bigintArray, byteaArray, parseTextArray, smallintArray, textArray } from '../../src/platform/sql-arrays.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

/** What Postgres made of a parameter, element by element. */
async function received(type: string, array: Buffer): Promise<unknown[]> {
  const rows = await database.db.query<{ element: unknown }>(
    `select element from unnest($1::${type}[]) with ordinality as given (element, place) order by place`,
    [array],
  )
  return rows.map(({ element }) => element)
}

test('texts arrive as they are, nulls and all', async () => {
  const odd = ['', '{}', 'a,b', '"', '\\', 'NULL', 'null', ' ', '泵', '😀', '\ufeff', 'x'.repeat(70_000)]
  for (const texts of [odd, [null, 'a', null], []]) expect(await received('text', textArray(texts))).toEqual(texts)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))),
      async (texts) => {
        expect(await received('text', textArray(texts))).toEqual(texts)
      },
    ),
    { numRuns: 30 },
  )
})

test('octets arrive as they are', async () => {
  const values = [Buffer.of(), Buffer.of(0, 1, 255), null, Buffer.from('x'.repeat(70_000)), new Uint8Array([92])]
  const arrived = await received('bytea', byteaArray(values))
  expect(arrived).toEqual(values.map((value) => value && Buffer.from(value)))
})

test('numbers arrive as they are, up to the largest that is safe', async () => {
  const numbers = [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    null,
    -5_000_000_000,
  ]
  expect(await received('bigint', bigintArray(numbers))).toEqual(numbers)
  expect(await received('smallint', smallintArray([1, 2, -3]))).toEqual([1, 2, -3])
})

test('an array of another type than the parameter is refused', async () => {
  await expect(received('text', bigintArray([1]))).rejects.toThrow()
})

test('arrays of text are read as they were written, quoted or not', async () => {
  const lists = [
    [],
    ['i:88.1/a', 'i:88.1/b'],
    ['a"b', 'c'],
    ['a,b', ''],
    ['{'],
    ['NULL'],
    ['x NULL y'],
    [null, 'a'],
    ['\\'],
  ]
  for (const list of lists) {
    const [row] = await database.db.query<{ list: unknown }>('select $1::text[] as list', [textArray(list)])
    expect(row!.list).toEqual(list)
  }
  const [row] = await database.db.query<{ more: unknown; late: unknown }>(
    `select '{{a,b},{c,d}}'::text[] as more, '[3:4]={a,b}'::text[] as late`,
  )
  expect(row).toEqual({
    more: [
      ['a', 'b'],
      ['c', 'd'],
    ],
    late: ['a', 'b'],
  })
})

test('only arrays without quotes, nulls and further dimensions are read without the library', () => {
  const never = () => {
    throw new Error('asked the library')
  }
  expect(parseTextArray('{}', never)).toEqual([])
  expect(parseTextArray('{i:88.1/a,b}', never)).toEqual(['i:88.1/a', 'b'])
})
