import { expect, test } from 'vitest'
import { ratioOf, spreadOf, takeTurns } from '../../bench/load/rounds.js'

test('sides take turns, after one warm-up each that no figure comes from', async () => {
  const order: string[] = []
  const side = (name: string) => ({
    name,
    measure: async () => {
      order.push(name)
      return { perSecond: order.length }
    },
  })
  const [a, b] = await takeTurns([side('A'), side('B')], { rounds: 3, warmUp: true })
  expect(order.join('')).toBe('ABABABAB')
  expect(a!.samples.map(({ perSecond }) => perSecond)).toEqual([3, 5, 7])
  expect(b!.samples.map(({ perSecond }) => perSecond)).toEqual([4, 6, 8])
})

test('a ratio is the median of the rounds, so one disturbed round does not move it', () => {
  const side = (...rates: number[]) => ({ name: '', samples: rates.map((perSecond) => ({ perSecond })) })
  expect(ratioOf(side(90, 10, 80), side(100, 100, 100))).toEqual({ median: 0.8, lowest: 0.1, highest: 0.9 })
})

test('the median of an even number is the middle of the two', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, lowest: 1, highest: 4 })
  expect(spreadOf([]).median).toBeNaN()
})
