import { getPriority } from 'node:os'
import { expect, test } from 'vitest'
import { behindOthers } from '../../bench/stage/pinning.js'

test('what is done behind others has a lower priority where it can be taken back, and the old one afterwards', async () => {
  const before = getPriority()
  const within = await behindOthers(async () => getPriority())
  expect(within).toBe(process.getuid?.() === 0 ? 10 : before)
  await expect(behindOthers(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(getPriority()).toBe(before)
})
