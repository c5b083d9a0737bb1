/** Whatever the input: an answer and no exception; what is accepted is within bounds and comes back from its bytes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeValues, encodeValues } from '../../src/record/codec.js'
import { type DraftResult, draftOfRow, mergeDraft, readDraft } from '../../src/record/draft.js'
import { TEMPLATES } from '../../src/record/template.js'
import { NOW_SECONDS, PUMP } from './samples.js'

const names = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', ''),
  fc.constantFrom(
    'template',
    'attributes',
    'values',
    'ttlSeconds',
    'index',
    'type',
    'data',
    'permissions',
    'format',
    'value',
  ),
  fc.constantFrom(...TEMPLATES.flatMap(({ attributes }) => attributes.map(({ name }) => name))),
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 12 }),
)
const leaves = fc.oneof(
  fc.constantFrom(
    'product',
    'part',
    'base64',
    'hex',
    '1110',
    '2026-01-01',
    '6901234567892',
    'https://a.example/',
    '88.1/x',
  ),
  fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 20 }),
  fc.constantFrom(0, 1, 2, 1000, 2000, 2001, -1, 0.5, 2 ** 31, 2 ** 32, 1e308, null, true, false),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

/** JSON that looks like a record, with members of any name, its own `__proto__` included. */
const recordLike = fc
  .object({ key: names, values: [leaves], maxDepth: 5, maxKeys: 12, withNullPrototype: false })
  .chain((inner) =>
    fc.record(
      {
        template: fc.oneof(fc.constantFrom('product', 'part', ''), leaves),
        attributes: fc.oneof(fc.dictionary(names, leaves), fc.constant(inner)),
        values: fc.oneof(
          fc.array(
            fc.record(
              {
                index: leaves,
                type: leaves,
                data: fc.oneof(leaves, fc.dictionary(names, leaves)),
                ttlSeconds: leaves,
                permissions: leaves,
              },
              { requiredKeys: [] },
            ),
            { maxLength: 5 },
          ),
          fc.constant(inner),
        ),
        ttlSeconds: leaves,
        [Object.keys(inner)[0] ?? 'more']: fc.constant(inner),
      },
      { requiredKeys: [] },
    ),
  )

const anyJson = fc.oneof(fc.jsonValue({ maxDepth: 8 }), recordLike)

function expectSound(result: DraftResult): void {
  if (!result.ok) {
    expect(result.faults.length).toBeGreaterThan(0)
    for (const { field, reason } of result.faults) {
      expect(field).not.toBe('')
      // Nothing that a text column, a log or a terminal could choke on.
      expect(`${field}${reason}`).not.toMatch(/[\p{Cc}\p{Surrogate}]/u)
    }
    return
  }
  const { values } = result.value
  expect(decodeValues(encodeValues(values))).toEqual(values)
  expect(values.map(({ index }) => index)).toEqual([...new Set(values.map(({ index }) => index))].sort((a, b) => a - b))
  for (const { type, data } of values)
    expect(`${type}${typeof data === 'string' ? data : ''}`).not.toMatch(/[\0\p{Surrogate}]/u)
}

test('a body of any JSON', () => {
  fc.assert(
    fc.property(anyJson, (input) => {
      expectSound(readDraft(input, NOW_SECONDS))
      // As it arrives: `__proto__` is then a member like any other.
      expectSound(readDraft(JSON.parse(JSON.stringify(input)), NOW_SECONDS))
    }),
    { numRuns: 2000 },
  )
})

test('a patch of any JSON', () => {
  fc.assert(
    fc.property(anyJson, (input) => {
      expectSound(mergeDraft(PUMP, input, NOW_SECONDS))
    }),
    { numRuns: 2000 },
  )
})

test('a row of any cells', () => {
  const column = fc.oneof(
    names,
    fc.tuple(fc.nat(5000), names).map(([index, type]) => `value:${index}:${type}`),
  )
  const cell = leaves.map((leaf) => String(leaf))
  fc.assert(
    fc.property(fc.constantFrom(...TEMPLATES), fc.dictionary(column, cell), (template, cells) => {
      expectSound(draftOfRow(template, cells, NOW_SECONDS))
    }),
    { numRuns: 2000 },
  )
})

test('what is no JSON at all', () => {
  const odd = [undefined, Symbol('x'), 1n, () => 1, new Map(), new Date(0), new Uint8Array(3), Object.create(null), NaN]
  for (const input of odd) {
    for (const body of [
      input,
      { template: input },
      { attributes: input },
      { values: input },
      { values: [input] },
      { values: [{ index: input, type: input, data: input }] },
    ]) {
      expect(() => readDraft(body, NOW_SECONDS)).not.toThrow()
      expect(() => mergeDraft(PUMP, body, NOW_SECONDS)).not.toThrow()
    }
  }
})

test('JSON nested a hundred thousand levels deep', () => {
  let deep: unknown = 'x'
  for (let level = 0; level < 100_000; level++) deep = level % 2 === 0 ? [deep] : { values: deep }
  for (const input of [
    deep,
    { values: deep },
    { values: [deep] },
    { attributes: { name: deep }, template: 'product' },
  ]) {
    expect(readDraft(input, NOW_SECONDS).ok).toBe(false)
    expect(mergeDraft(PUMP, input, NOW_SECONDS).ok).toBe(false)
  }
})

test('nothing of the input is shared with what comes of it: later changes to it change no record', () => {
  const input = { values: [{ index: 1, type: 'T', data: 'x', references: [{ handle: 'a/b', index: 1 }] }] }
  const read = readDraft(input, NOW_SECONDS)
  input.values[0]!.references[0]!.handle = 'changed'
  expect(read.ok && read.value.values[0]!.references).toEqual([{ handle: 'a/b', index: 1 }])
})
