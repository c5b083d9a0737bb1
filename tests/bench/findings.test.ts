import { expect, test } from 'vitest'
import { findings } from '../../bench/report/findings.js'
import type { Row } from '../../bench/report/report.js'

const ROW = { name: 'absent' } as Row

test('a quick run that is out of time leaves the rest out, and says so', async () => {
  let late = false
  const results = findings({
    only: new Set(['absent', 'malformed', 'redis', 'latency-redis']),
    isInterrupted: () => false,
    isOutOfTime: () => late,
  })
  await results.row('absent', async () => ROW)
  late = true
  await results.row('malformed', () => Promise.reject(new Error('begun after all')))
  await results.group(['redis', 'latency-redis'], () => Promise.reject(new Error('begun after all')))
  expect(results.found.rows).toEqual([ROW])
  expect(results.found.left.map(({ name, failed }) => [name, failed])).toEqual([
    ['malformed', false],
    ['redis', false],
    ['latency-redis', false],
  ])
})
