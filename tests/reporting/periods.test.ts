import { expect, test } from 'vitest'
import { periodAt, periodNamed } from '../../src/reporting/periods.js'

const SHANGHAI = 'Asia/Shanghai'
const utc = (text: string) => Date.parse(`${text}Z`)
const iso = (ms: number) => new Date(ms).toISOString().slice(0, 16)

test.each([
  ['2026-11-25T15:59', '2026-11-25'],
  ['2026-11-25T16:00', '2026-11-26'],
  ['2026-12-31T16:00', '2027-01-01'],
  ['2028-02-28T17:00', '2028-02-29'],
])('%s of UTC lies on %s of Beijing, whose day begins at 16:00 of UTC', (at, day) => {
  const period = periodAt('daily', utc(at), SHANGHAI)
  expect(period.key).toBe(day)
  expect(iso(period.fromMs)).toMatch(/T16:00$/)
  expect(period.toMs - period.fromMs).toBe(86_400_000)
})

test('a month goes from midnight to midnight, over the end of the year', () => {
  const december = periodAt('monthly', utc('2026-12-10T00:00'), SHANGHAI)
  expect([december.key, iso(december.fromMs), iso(december.toMs)]).toEqual([
    '2026-12',
    '2026-11-30T16:00',
    '2026-12-31T16:00',
  ])
  expect(periodAt('monthly', december.toMs, SHANGHAI).key).toBe('2027-01')
})

test('hours are those of UTC, so that each has one name', () => {
  expect(periodAt('hourly', utc('2026-11-25T06:59'), SHANGHAI)).toEqual({
    key: '2026-11-25T06Z',
    fromMs: utc('2026-11-25T06:00'),
    toMs: utc('2026-11-25T07:00'),
  })
})

test('where clocks change, a day has 23 or 25 hours, and days follow each other without a gap', () => {
  const zone = 'Europe/Berlin'
  const hours = (at: string) => {
    const { fromMs, toMs } = periodAt('daily', utc(at), zone)
    return (toMs - fromMs) / 3_600_000
  }
  expect([hours('2026-03-29T12:00'), hours('2026-10-25T12:00'), hours('2026-10-26T12:00')]).toEqual([23, 25, 24])
  let period = periodAt('daily', utc('2026-01-01T12:00'), zone)
  for (let day = 0; day < 365; day++) {
    const next = periodAt('daily', period.toMs, zone)
    expect(next.fromMs).toBe(period.toMs)
    expect(next.key > period.key).toBe(true)
    period = next
  }
  expect(period.key).toBe('2027-01-01')
})

test.each(['America/Santiago', 'America/Havana', 'Atlantic/Azores', 'Asia/Beirut', 'Africa/Cairo'])(
  'in %s, where a day may begin at one o’clock, each day follows the one before, and is found by its name',
  (zone) => {
    let period = periodAt('daily', utc('2024-01-01T12:00'), zone)
    for (let day = 0; day < 2 * 365; day++) {
      expect(periodNamed('daily', period.key, zone)).toEqual(period)
      const next = periodAt('daily', period.toMs, zone)
      expect(next.fromMs).toBe(period.toMs)
      expect(next.key > period.key).toBe(true)
      period = next
    }
    expect(period.key).toBe('2025-12-31')
  },
)

test('a period is found by its name, and whatever is none is refused with an example', () => {
  for (const [cadence, key] of [
    ['daily', '2028-02-29'],
    ['monthly', '2026-11'],
    ['hourly', '2026-11-25T23Z'],
  ] as const)
    expect(periodNamed(cadence, key, SHANGHAI).key).toBe(key)
  for (const [cadence, key] of [
    ['daily', '2026-02-29'],
    ['daily', '2026-11'],
    ['monthly', '2026-13'],
    ['hourly', '2026-11-25T24Z'],
    ['daily', '../../etc/passwd'],
  ] as const)
    expect(() => periodNamed(cadence, key, SHANGHAI)).toThrow(/is no period/)
})
