/** Records that come as values: the same rules as for JSON. */
import { expect, test } from 'vitest'
import { readDraft } from '../../src/record/draft.js'
import { checkRecord } from '../../src/record/draft-checked.js'
import type { Value } from '../../src/record/record.js'

const value = (index: number, type: string, data: Value['data'], more: Partial<Value> = {}): Value => ({
  index,
  type,
  data,
  ttlSeconds: 60,
  permissions: 14,
  timestampSeconds: 1,
  ...more,
})
const PART = [value(2000, 'partNumber', 'P-1'), value(2001, 'name', 'Pump')]

function faultsOf(template: string, values: readonly Value[]): readonly string[] {
  const draft = checkRecord(template, values)
  return draft.ok ? [] : draft.faults.map(({ field, reason }) => `${field} ${reason}`)
}

test('a record that may be is given back in the order of its indexes', () => {
  const draft = checkRecord('part', [...PART, value(1, 'URL', 'x')])
  expect(draft).toMatchObject({
    ok: true,
    value: { template: 'part', values: [{ index: 1 }, { index: 2000 }, { index: 2001 }] },
  })
  expect(checkRecord('', [value(2000, 'X', new Uint8Array(3))])).toMatchObject({ ok: true })
})

test.each<[string, string, readonly Value[], RegExp]>([
  ['an index of 0', '', [value(0, 'URL', 'x')], /values\[0\]\.index/],
  ['an index that is reserved', '', [value(1001, 'URL', 'x')], /values\[1001\]\.index is reserved/],
  ['a type with a control character', '', [value(1, 'U\u0007', 'x')], /values\[1\]\.type/],
  ['a text with a NUL', '', [value(1, 'URL', 'a\0b')], /values\[1\]\.data/],
  ['too much text', '', [value(1, 'URL', 'x'.repeat(65_537))], /values\[1\]\.data/],
  ['too many octets', '', [value(1, 'URL', new Uint8Array(65_537))], /65537 octets/],
  ['too many references', '', [value(1, 'A', '', { references: Array(101).fill({ handle: 'a/b', index: 1 }) })], /101/],
  ['a reference to nothing', '', [value(1, 'A', '', { references: [{ handle: '', index: 1 }] })], /references\[0\]/],
  ['too many values', '', Array.from({ length: 201 }, (_, at) => value(at + 1, 'N', '')), /at most 200/],
  [
    'more than a record holds',
    '',
    [1, 2, 3, 4, 5].map((at) => value(at, 'N', new Uint8Array(60_000))),
    /in all values/,
  ],
  ['a required attribute that is missing', 'part', [PART[0]!], /attributes\.name is missing/],
  ['an attribute that is not what it must be', 'part', [...PART, value(2009, 'mass', 'heavy')], /attributes\.mass/],
  ['an attribute of octets', 'part', [...PART, value(2009, 'mass', new Uint8Array(1))], /must be text/],
  ['an attribute by another name', 'part', [...PART, value(2009, 'weight', '1')], /must be of type mass/],
  ['an index that the template does not have', 'part', [...PART, value(2500, 'x', '1')], /2500/],
])('%s is a fault', (_name, template, values, fault) => {
  expect(faultsOf(template, values).join('\n')).toMatch(fault)
})

test('what JSON may say may be said in values too', () => {
  const json = readDraft(
    {
      template: 'part',
      attributes: { partNumber: 'P-1', name: 'Pump' },
      values: [{ index: 7, type: 'URL', data: 'x' }],
    },
    1,
  )
  if (!json.ok) throw new Error('no draft')
  expect(checkRecord(json.value.template, json.value.values)).toEqual(json)
})

test('a template that nobody knows is one', () => {
  expect(checkRecord('pump', [])).toMatchObject({ ok: false, code: 'template-unknown' })
})
