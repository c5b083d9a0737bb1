/** The bounds of a record, on both sides of each. */
import { describe, expect, test } from 'vitest'
import { MAX_DATA_OCTETS, MAX_RECORD_OCTETS, MAX_VALUES, readDraft } from '../../src/record/draft.js'
import { FaultList } from '../../src/record/faults.js'
import { NOW_SECONDS } from './samples.js'

const read = (input: unknown) => readDraft(input, NOW_SECONDS)

function faultsOf(input: unknown) {
  const result = read(input)
  return result.ok ? [] : result.faults
}

function freeValues(count: number, data: unknown = 'x') {
  return Array.from({ length: count }, (_, place) => ({ index: place + 1, type: 'T', data }))
}

describe('how many values', () => {
  test('200 are accepted, 201 refused', () => {
    expect(MAX_VALUES).toBe(200)
    expect(read({ values: freeValues(200) }).ok).toBe(true)
    expect(faultsOf({ values: freeValues(201) })).toEqual([
      { field: 'values', reason: 'are 201: at most 200 are allowed' },
    ])
  })

  test('attributes count too', () => {
    const product = { template: 'product', attributes: { name: 'Pump' } }
    expect(read({ ...product, values: freeValues(199) }).ok).toBe(true)
    expect(faultsOf({ ...product, values: freeValues(200) })).toEqual([
      { field: 'values', reason: 'are 201 with the attributes: at most 200 are allowed' },
    ])
  })

  test('a million of them cost one fault', () => {
    expect(faultsOf({ values: new Array(1_000_000).fill({}) })).toHaveLength(1)
  })
})

describe('how large a value', () => {
  test('text of 64 KiB is accepted, one octet more refused where it begins', () => {
    expect(MAX_DATA_OCTETS).toBe(65_536)
    expect(read({ values: freeValues(1, 'a'.repeat(65_536)) }).ok).toBe(true)
    expect(faultsOf({ values: freeValues(1, 'a'.repeat(65_537)) })).toEqual([
      {
        field: 'values[0].data',
        position: 65_536,
        reason: 'has 65537 octets of UTF-8: at most 65536 are allowed',
      },
    ])
  })

  test('octets are counted, not characters', () => {
    expect(read({ values: freeValues(1, '泵'.repeat(21_845)) }).ok).toBe(true)
    expect(faultsOf({ values: freeValues(1, '泵'.repeat(21_846)) })[0]).toMatchObject({ position: 21_845 })
  })

  test.each([
    ['base64', (octets: number) => Buffer.alloc(octets, 7).toString('base64')],
    ['hex', (octets: number) => Buffer.alloc(octets, 7).toString('hex')],
  ] as const)('%s of 64 KiB is accepted, one octet more refused', (format, encode) => {
    expect(read({ values: freeValues(1, { format, value: encode(65_536) }) }).ok).toBe(true)
    for (const octets of [65_537, 65_538, 65_539, 1_000_000]) {
      const [fault] = faultsOf({ values: freeValues(1, { format, value: encode(octets) }) })
      expect(fault).toMatchObject({ field: 'values[0].data.value', reason: expect.stringContaining('at most 65536') })
    }
  })
})

describe('how large a record', () => {
  test('256 KiB in types and data are accepted, one octet more refused', () => {
    const whole = freeValues(4, 'a'.repeat(65_535))
    expect(4 * (1 + 65_535)).toBe(MAX_RECORD_OCTETS)
    expect(read({ values: whole }).ok).toBe(true)
    expect(faultsOf({ values: [...whole, { index: 5, type: 'T', data: '' }] })).toEqual([
      { field: 'body', reason: 'holds 262145 octets in all values together: at most 262144 are allowed' },
    ])
  })

  test('references count too', () => {
    const references = [{ handle: 'a/b', index: 1 }]
    const whole = freeValues(4, 'a'.repeat(65_535)).map((value) => ({ ...value, references }))
    expect(faultsOf({ values: whole })[0]?.reason).toContain('262156 octets')
  })
})

describe('how many references', () => {
  test('100 are accepted, 101 refused', () => {
    const references = (count: number) => new Array(count).fill({ handle: 'a/b', index: 1 })
    const value = { index: 1, type: 'T', data: 'x' }
    expect(read({ values: [{ ...value, references: references(100) }] }).ok).toBe(true)
    expect(faultsOf({ values: [{ ...value, references: references(101) }] })).toEqual([
      { field: 'values[0].references', reason: 'are 101: at most 100 are allowed' },
    ])
  })

  test('of at most 255 octets each', () => {
    const value = (handle: string) => ({ index: 1, type: 'T', data: 'x', references: [{ handle, index: 1 }] })
    expect(read({ values: [value('a'.repeat(255))] }).ok).toBe(true)
    expect(faultsOf({ values: [value('a'.repeat(256))] })[0]).toMatchObject({
      field: 'values[0].references[0].handle',
      position: 255,
    })
  })
})

describe('how many faults', () => {
  test('a list that helps nobody is cut, and says so', () => {
    const strangers = Object.fromEntries(Array.from({ length: 5_000 }, (_, count) => [`x${count}`, 1]))
    const faults = faultsOf(strangers)
    expect(faults).toHaveLength(251)
    expect(faults.at(-1)).toEqual({ field: 'body', reason: 'has 4750 faults more: correct those listed first' })
  })

  test('the wording of a fault beyond the list is never looked for', () => {
    const faults = new FaultList()
    let worded = 0
    for (let count = 0; count < 1_000; count++) {
      faults.add('x', () => {
        worded += 1
        return 'is wrong'
      })
    }
    expect(worded).toBe(250)
    expect(faults.list()).toHaveLength(251)
  })

  test('a long name is cut where it is shown', () => {
    const [fault] = faultsOf({ ['y'.repeat(1_000_000)]: 1 })
    expect(fault!.field).toBe(`${'y'.repeat(64)}…`)
  })
})
