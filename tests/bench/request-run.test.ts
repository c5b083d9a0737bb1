import { expect, test } from 'vitest'
import { requestRun } from '../../bench/workload/request-run.js'

test('requests come in the order given, and from the beginning again, each as it was', () => {
  const next = requestRun(
    ['one', 'second', '3'].map((text) => Buffer.from(text)),
    Uint32Array.of(2, 0, 0, 1),
  )
  const sent = Array.from({ length: 6 }, () => next().toString())
  expect(sent).toEqual(['3', 'one', 'one', 'second', '3', 'one'])
})
