import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Answer } from '../../src/record/answer.js'
import { decodeAnswer, encodeAnswer } from '../../src/record/codec.js'
import { sizeOfAnswer } from '../../src/record/size.js'
import { PUMP, PUMP_FOUND, sampleValue } from './samples.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const COMMON_FIELDS = { key: PUMP.key, prefix: PUMP.prefix, version: 2, tier: 'redis', stamp: 9 } as const
const WITH_TEXTS = (data: string) => ({ ...PUMP_FOUND, record: { ...PUMP, values: [sampleValue(1, 'T', data)] } })

const CASES: readonly [string, Answer, number][] = [
  ['a product', PUMP_FOUND, 20_000],
  [
    'a record of eight texts',
    {
      ...PUMP_FOUND,
      record: {
        ...PUMP,
        values: Array.from({ length: 8 }, (_, place) =>
          sampleValue(place + 1, 'SOME_TYPE', `a text of some length ${place}`),
        ),
      },
    },
    10_000,
  ],
  ['an absence', { kind: 'absent', ...COMMON_FIELDS }, 50_000],
  [
    'a tombstone',
    {
      kind: 'withdrawn',
      ...COMMON_FIELDS,
      spelling: PUMP.spelling,
      withdrawnAtMs: 1_790_000_000_000,
      reason: 'scrapped',
    },
    50_000,
  ],
  [
    'a referral',
    { kind: 'referral', ...COMMON_FIELDS, locations: ['tcp://192.0.2.1:2641', 'udp://192.0.2.1:2641'] },
    30_000,
  ],
  ['a long Chinese text', WITH_TEXTS('泵'.repeat(5_000)), 1_000],
  ['a long ASCII text', WITH_TEXTS('p'.repeat(20_000)), 1_000],
  ['many octets', { ...PUMP_FOUND, record: { ...PUMP, values: [sampleValue(1, 'T', new Uint8Array(20_000))] } }, 1_000],
]

test.each(CASES)('the estimate for %s is near what V8 takes', (_name, answer, count) => {
  const bytes = encodeAnswer(answer)
  const held: Answer[] = new Array(count)
  const before = memoryInUse()
  for (let place = 0; place < count; place++) held[place] = decodeAnswer(bytes)
  const perAnswer = (memoryInUse() - before) / count
  expect(held).toHaveLength(count)
  expect(sizeOfAnswer(answer) / perAnswer).toBeGreaterThan(0.8)
  expect(sizeOfAnswer(answer) / perAnswer).toBeLessThan(1.3)
})

test('a character beyond Latin-1 makes its text twice as large', () => {
  const latin = sizeOfAnswer(WITH_TEXTS('é'.repeat(1_000)))
  expect(sizeOfAnswer(WITH_TEXTS('泵'.repeat(1_000))) - latin).toBe(1_000)
})

test('a mark of staleness and references are counted', () => {
  const stale = { ...PUMP_FOUND, stale: { reason: 'authority-unavailable', asOfMs: 1 } } as const
  expect(sizeOfAnswer(stale)).toBeGreaterThan(sizeOfAnswer(PUMP_FOUND))
  const value = { ...sampleValue(1, 'T', ''), references: [{ handle: 'a/b', index: 1 }] }
  expect(sizeOfAnswer({ ...PUMP_FOUND, record: { ...PUMP, values: [value] } })).toBeGreaterThan(
    sizeOfAnswer(WITH_TEXTS('')),
  )
})

function memoryInUse(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
