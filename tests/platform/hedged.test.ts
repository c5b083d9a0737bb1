import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { hedged } from '../../src/platform/hedged.js'
import { retryBudget } from '../../src/platform/retry-budget.js'

const after = (ms: number, value: string) => (signal: AbortSignal) => delay(ms, value, { signal })
const failing = (message: string) => async () => {
  throw new Error(message)
}

test('one that answers in time is asked alone', async () => {
  let tried = 0
  const second = async () => {
    tried += 1
    return 'second'
  }
  expect(await hedged([after(1, 'first'), second], { afterMs: 5_000 })).toBe('first')
  expect(tried).toBe(0)
})

test('one that keeps silent gets a second beside it; who answers first wins, and the other is told to stop', async () => {
  let stopped = false
  const silent = (signal: AbortSignal) =>
    new Promise<string>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        stopped = true
        reject(signal.reason)
      })
    })
  expect(await hedged([silent, after(1, 'second')], { afterMs: 5 })).toBe('second')
  expect(stopped).toBe(true)
})

test('one that fails is followed by the next at once, whether or not hedging is allowed', async () => {
  const options = { afterMs: 60_000, mayHedge: () => false }
  expect(await hedged([failing('a'), failing('b'), after(1, 'third')], options)).toBe('third')
})

test('without leave the silent one is waited for', async () => {
  let tried = 0
  const second = async () => {
    tried += 1
    return 'second'
  }
  expect(await hedged([after(40, 'first'), second], { afterMs: 1, mayHedge: () => false })).toBe('first')
  expect(tried).toBe(0)
})

test('when all fail, the failure worth telling is told', async () => {
  const worse = (before: unknown, now: unknown) => ((now as Error).message === 'a lie' ? now : before)
  await expect(hedged([failing('a'), failing('a lie'), failing('c')], { afterMs: 1, worse })).rejects.toThrow('a lie')
  await expect(hedged([failing('a'), failing('b')], { afterMs: 1 })).rejects.toThrow('a')
})

test('after a failure that others would repeat, no other is tried', async () => {
  const options = { afterMs: 1, isWorthAnother: () => false }
  await expect(hedged([failing('no'), after(1, 'second')], options)).rejects.toThrow('no')
})

test('repetitions are a share of what is asked', () => {
  const budget = retryBudget({ share: 0.1, most: 2 })
  expect([budget.tryRepeat(), budget.tryRepeat(), budget.tryRepeat()]).toEqual([true, true, false])
  for (let count = 0; count < 11; count++) budget.asked()
  expect([budget.tryRepeat(), budget.tryRepeat()]).toEqual([true, false])
})
