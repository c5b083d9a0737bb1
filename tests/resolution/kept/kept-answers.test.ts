import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer, Found } from '../../../src/record/answer.js'
import type { Face } from '../../../src/record/face.js'
import { KeptAnswers } from '../../../src/resolution/kept/kept-answers.js'
import { PUMP_FOUND, sampleValue } from '../../record/samples.js'

const TEXT_FACE: Face = { id: 1, encode: ({ record }) => String(record.values[0]!.data) }

test('a kept answer is given back whole, decoded when its record is asked for', () => {
  const kept = keptAnswers(1_000_000)
  kept.put(PUMP_FOUND, 4)
  const held = kept.find(PUMP_FOUND.key)!
  expect(held.generation).toBe(4)
  expect(held.answer).toMatchObject({ kind: 'found', key: PUMP_FOUND.key, version: 3, stamp: 4711, tier: 'memory' })
  expect(held.answer.prefix).toBe('88.118.8')
  expect((held.answer as Found).record).toEqual(PUMP_FOUND.record)
})

test('a generation that is noted stays with its answer', () => {
  const kept = keptAnswers(1_000_000)
  kept.put(PUMP_FOUND, 4)
  kept.find(PUMP_FOUND.key)!.generation = 9
  expect(kept.find(PUMP_FOUND.key)!.generation).toBe(9)
})

test('a face is kept beside its answer, and goes with it', () => {
  const kept = keptAnswers(1_000_000)
  kept.put(found('88.1.1/a', 1), 0)
  const before = kept.find('88.1.1/a')!.answer as Found
  expect(before.faces!.find(TEXT_FACE)).toBeUndefined()
  before.faces!.keep(TEXT_FACE, 'octets\xff')
  const after = kept.find('88.1.1/a')!.answer as Found
  expect(after.faces!.find(TEXT_FACE)).toBe('octets\xff')
  expect(after.record).toEqual(before.record)

  kept.put(found('88.1.1/a', 2), 0)
  expect((kept.find('88.1.1/a')!.answer as Found).faces!.find(TEXT_FACE)).toBeUndefined()
})

test('a face made of an answer that has been replaced meanwhile is not kept with the new one', () => {
  const kept = keptAnswers(1_000_000)
  kept.put(found('88.1.1/a', 1), 0)
  const older = kept.find('88.1.1/a')!.answer as Found
  kept.put(found('88.1.1/a', 2), 0)
  older.faces!.keep(TEXT_FACE, 'of version 1')
  expect((kept.find('88.1.1/a')!.answer as Found).faces!.find(TEXT_FACE)).toBeUndefined()
})

test('an answer that somebody still holds stays what it was, though its room was given to others', () => {
  const kept = keptAnswers(60_000)
  kept.put(found('88.1.1/held', 1), 0)
  const held = kept.find('88.1.1/held')!.answer as Found
  for (let n = 0; n < 2_000; n += 1) kept.put(found(`88.1.1/other-${n}`, 1), 0)
  expect(kept.find('88.1.1/held')).toBeUndefined()
  expect(held.record).toEqual(found('88.1.1/held', 1).record)
})

test('identifiers in use outlast a scan of a hundred times as many that are asked for once', () => {
  const kept = keptAnswers(400_000)
  const inUse = Array.from({ length: 200 }, (_, n) => `88.1.1/in-use-${n}`)
  for (const key of inUse) kept.put(found(key, 1), 0)
  const ask = (key: string) => {
    if (kept.find(key) === undefined) kept.put(found(key, 1), 0)
  }
  for (let n = 0; n < 20_000; n += 1) {
    ask(`88.1.1/scan-${n}`)
    // Each of them once in a thousand look-ups.
    if (n % 5 === 0) ask(inUse[(n / 5) % inUse.length]!)
  }
  expect(inUse.filter((key) => kept.standing(key) !== undefined).length).toBeGreaterThan(190)
})

test('what was thrown out a moment ago and is asked for again has proved itself', () => {
  const kept = keptAnswers(200_000)
  const back = Array.from({ length: 40 }, (_, n) => `88.1.1/back-${n}`)
  let filled = 0
  const fill = (count: number) => {
    for (let n = 0; n < count; n += 1) kept.put(found(`88.1.1/other-${filled++}`, 1), 0)
  }
  const areKept = () => back.filter((key) => kept.standing(key) !== undefined).length
  for (const key of back) kept.put(found(key, 1), 0)
  while (areKept() > 0) fill(1)
  for (const key of back) kept.put(found(key, 1), 0)
  fill(1_000)
  // Not all: another that was thrown out since may have taken its place in memory.
  expect(areKept()).toBeGreaterThan(20)
})

test('something new finds room where everything is in use', () => {
  const kept = keptAnswers(200_000)
  for (let n = 0; n < 3_000; n += 1) {
    const key = `88.1.1/part-${n}`
    kept.put(found(key, 1), 0)
    for (let use = 0; use < 4; use += 1) kept.find(key)
    expect(kept.standing(key), key).toBeDefined()
  }
})

test('an answer out of proportion to the cache is not kept, and leaves the others alone', () => {
  const kept = keptAnswers(100_000)
  kept.put(found('88.1.1/a', 1), 0)
  kept.put(found('88.1.1/huge', 1, 'x'.repeat(50_000)), 0)
  expect(kept.standing('88.1.1/huge')).toBeUndefined()
  expect(kept.standing('88.1.1/a')).toBeDefined()
})

test('whatever happens, what is found is what was put last, and the memory stays within its bound', () => {
  const key = fc.constantFrom(...['a', 'b', 'ab', 'é', '泵', '🚀', 'x'.repeat(150)].map((suffix) => `88.1.1/${suffix}`))
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant('put' as const), key, octets: fc.nat(3_000) }) },
    { weight: 4, arbitrary: fc.record({ does: fc.constant('find' as const), key }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('face' as const), key, octets: fc.nat(3_000) }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('remove' as const), key }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant('crowd' as const), count: fc.nat(60) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1_000, max: 60_000 }), (steps, capacityBytes) => {
      const kept = keptAnswers(capacityBytes)
      const last = new Map<string, { readonly answer: Answer; face?: string }>()
      let version = 0
      for (const step of steps) {
        version += 1
        if (step.does === 'put') {
          const answer = found(step.key, version, 'é'.repeat(step.octets))
          kept.put(answer, version)
          last.set(step.key, { answer })
        } else if (step.does === 'remove') {
          kept.remove(step.key)
          last.delete(step.key)
        } else if (step.does === 'crowd') {
          for (let n = 0; n < step.count; n += 1) kept.put(found(`88.1.1/crowd-${version}-${n}`, 1), 0)
        } else {
          const held = kept.find(step.key)
          const wanted = last.get(step.key)
          if (held === undefined) continue
          const answer = held.answer as Found
          expect(answer.record).toEqual((wanted!.answer as Found).record)
          expect([answer.version, held.generation]).toEqual([wanted!.answer.version, wanted!.answer.version])
          const face = answer.faces!.find(TEXT_FACE)
          if (face !== undefined) expect(face).toBe(wanted!.face)
          if (step.does === 'face' && face === undefined) {
            wanted!.face = '\xe9'.repeat(step.octets)
            answer.faces!.keep(TEXT_FACE, wanted!.face)
          }
        }
        const { bytes, payloadBytes, entries } = kept.usage()
        if (entries > 0) expect(bytes).toBeLessThanOrEqual(capacityBytes)
        expect(payloadBytes).toBeLessThanOrEqual(bytes)
      }
    }),
    { numRuns: 300 },
  )
})

test('emptied, it holds nothing and takes no room but its index', () => {
  const kept = keptAnswers(1_000_000)
  const empty = kept.usage()
  for (let n = 0; n < 1_000; n += 1) kept.put(found(`88.1.1/part-${n}`, 1), 0)
  expect(kept.usage().entries).toBe(1_000)
  kept.clear()
  expect(kept.usage()).toEqual(empty)
  expect(kept.find('88.1.1/part-1')).toBeUndefined()
})

test('of a full cache of ordinary records most is payload', () => {
  const kept = keptAnswers(8_000_000)
  for (let n = 0; n < 20_000; n += 1) {
    kept.put(found(`88.1.1/part-${n}`, 1, 'x'.repeat(300)), 0, { id: 1, octets: 'y'.repeat(600) })
  }
  const { bytes, payloadBytes } = kept.usage()
  expect(bytes / payloadBytes).toBeLessThan(1.3)
})

function keptAnswers(capacityBytes: number): KeptAnswers {
  return new KeptAnswers({ capacityBytes, meanEntryBytes: 512 })
}

function found(key: string, version: number, text = 'https://example.com/pump'): Found {
  const record = {
    ...PUMP_FOUND.record,
    key,
    spelling: key,
    version,
    prefix: '88.1.1',
    values: [sampleValue(1, 'URL', text)],
  }
  return { ...PUMP_FOUND, key, version, prefix: '88.1.1', record }
}
