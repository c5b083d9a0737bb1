/** What the tables hold, collected from a real registry and from counts as processes store them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { changeEnterprise } from '../../src/registry/enterprises.js'
import { type Registration, writeIdentifiers } from '../../src/registry/identifiers.js'
import type { Collecting, Part } from '../../src/reporting/collect/collect.js'
import { COLLECTORS } from '../../src/reporting/collect/collectors.js'
import type { Operator } from '../../src/reporting/operator.js'
import { type Period, periodAt } from '../../src/reporting/periods.js'
import { reportFaults } from '../../src/reporting/tables/report-shape.js'
import type { TableName } from '../../src/reporting/tables/tables.js'
import { identifierOf, type RegistryFixture, registration, registryFixture, withdrawal } from '../registry/fixture.js'

const SHANGHAI = 'Asia/Shanghai'
/** The tests' own writes are recorded at the database's time. */
const today = periodAt('daily', Date.now(), SHANGHAI)
const tomorrow = periodAt('daily', today.toMs, SHANGHAI)
const yesterday = periodAt('daily', today.fromMs - 1, SHANGHAI)

let at: RegistryFixture
beforeAll(async () => {
  at = await registryFixture()
  await write(
    registration('88.118.8/kept', 'https://example.com/1'),
    registration('88.118.8/gone', 'https://example.com/2'),
    registration('88.118.8/back', 'https://example.com/3'),
  )
  await write(registration('88.118.8/kept', 'https://example.com/changed'), withdrawal('88.118.8/gone'))
  await write(withdrawal('88.118.8/back'))
  await write(registration('88.118.8/back', 'https://example.com/again'))
  await at.db.query(`update prefix set created_at = $1 where name = '88.118.8'`, [new Date(yesterday.fromMs)])
  // What follows was written on the day before, as far as the database knows.
  await write(registration('88.118.8/older', 'https://example.com/4'))
  await at.db.query(`update identifier set recorded_at = $1, version = version + 1 where key = '88.118.8/older'`, [
    new Date(yesterday.fromMs + 1_000),
  ])
  await at.db.query(`delete from identifier_version where key = '88.118.8/older'`)
  await at.db.query(`alter table identifier disable trigger identifier_keeps_versions`)
  await at.db.query(`update identifier set version = 1 where key = '88.118.8/older'`)
  await at.db.query(`alter table identifier enable trigger identifier_keeps_versions`)
}, 60_000)
afterAll(() => at.close())

function write(...items: readonly Registration[]) {
  return writeIdentifiers(at.registry, at.acme, items)
}

test('every table that is collected is a report of its shape, whatever is known or not', async () => {
  for (const [table, period] of everyTable()) for (const part of await collect(table, period)) expectShape(table, part)
})

test('registrations of a day are first versions and what came back after a withdrawal; totals go on from day to day', async () => {
  const acmeOf = async (period: Period) => {
    const [{ data }] = (await collect('T8', period)) as [{ data: { items: Record<string, unknown>[] } }]
    return data.items.find(({ prefix }) => prefix === '88.118.8')
  }
  expect(await acmeOf(yesterday)).toMatchObject({ identifiersRegistered: 1, identifiersTotal: 1 })
  expect(await acmeOf(today)).toMatchObject({ identifiersRegistered: 4, identifiersTotal: 3 })
  expect(await acmeOf(tomorrow)).toMatchObject({ identifiersRegistered: 0, identifiersTotal: 3 })
  // Asked for anew, nothing has changed.
  expect(await acmeOf(today)).toMatchObject({ identifiersRegistered: 4, identifiersTotal: 3 })
})

test('a total that nothing was carried on to is counted as of the day, not as of now', async () => {
  await at.db.query('truncate registered_total')
  const [{ data }] = (await collect('T8', yesterday)) as [{ data: { items: Record<string, unknown>[] } }]
  expect(data.items.find(({ prefix }) => prefix === '88.118.8')).toMatchObject({ identifiersTotal: 1 })
})

test('each version of a day is told once, as added, modified or deleted', async () => {
  const [{ data }] = (await collect('T9', today)) as [{ data: { items: Record<string, unknown>[] } }]
  const told = data.items.map(({ identifier, version, operation }) => `${identifier} v${version} ${operation}`)
  expect(told.sort()).toEqual([
    '88.118.8/back v1 1',
    '88.118.8/back v2 2',
    '88.118.8/back v3 1',
    '88.118.8/gone v1 1',
    '88.118.8/gone v2 2',
    '88.118.8/kept v1 1',
    '88.118.8/kept v2 3',
  ])
  const [before] = (await collect('T9', yesterday)) as [{ data: { items: unknown[] } }]
  expect(before.data.items).toHaveLength(1)
})

test('a day of many identifiers is told in parts, none of them twice or not at all', async () => {
  const many = Array.from({ length: 2_000 }, (_, place) => registration(`88.118.9/m-${place}`, 'https://example.com/m'))
  await writeIdentifiers(at.registry, at.globex, many)
  await writeIdentifiers(at.registry, at.globex, [registration('88.118.9/last', 'https://example.com/m')])
  const parts = (await collect('T9', today)) as { data: { items: { identifier: string }[] } }[]
  expect(parts).toHaveLength(2)
  const told = parts.flatMap(({ data }) => data.items.map(({ identifier }) => identifier))
  expect(told.filter((one) => one.startsWith('88.118.9/')).length).toBe(2_001)
  expect(new Set(told.filter((one) => one.startsWith('88.118.9/'))).size).toBe(2_001)
})

test('requests are of the day in Beijing, sources the most frequent first, with what the counts may fall short by', async () => {
  const hour = (ms: number) => new Date(Math.floor(ms / 3_600_000) * 3_600_000)
  const row = (at: Date, prefix: string, requests: number, counts: readonly [string, number][], error = 0) => [
    at,
    prefix,
    requests,
    requests - 1,
    JSON.stringify({ total: requests, error, counts }),
  ]
  for (const values of [
    row(
      hour(today.fromMs),
      '88.118.8',
      10,
      [
        ['192.0.2.1', 6],
        ['192.0.2.2', 3],
      ],
      1,
    ),
    row(hour(today.toMs - 1), '88.118.8', 5, [['192.0.2.2', 5]]),
    row(hour(today.fromMs), '', 2, [['192.0.2.7', 2]]),
    row(hour(today.toMs), '88.118.8', 100, [['192.0.2.1', 100]]),
    row(hour(today.fromMs - 1), '88.118.8', 100, [['192.0.2.1', 100]]),
  ])
    await at.db.query('insert into lookup_hour values ($1, $2, $3, $4, $5)', values)
  const [enterprises] = (await collect('T8', today)) as [{ data: { items: Record<string, unknown>[] } }]
  expect(enterprises.data.items.find(({ prefix }) => prefix === '88.118.8')).toMatchObject({
    requests: 15,
    successes: 13,
    sources: {
      addresses: [
        { address: '192.0.2.2', count: 8 },
        { address: '192.0.2.1', count: 6 },
      ],
      countError: 1,
      others: 1,
    },
  })
  const [own] = await collect('T3', today)
  expect(own!.data).toMatchObject({ requests: 17, successes: 14, enterprisePrefixesTotal: 3 })
  expect(own!.data).toMatchObject({ enterprisePrefixesRegistered: 2, sources: { others: 1 } })
})

test('the extremes and the busiest second of a day have their times; the first of equal ones counts', async () => {
  const put = (minuteMs: number, second: number, { count, ms }: { count: number; ms: number }) =>
    at.db.query(`insert into load_minute values ($1, 1, $2, 1, $3, $3, $4, $3, $4)`, [
      new Date(minuteMs),
      Array.from({ length: 60 }, (_, place) => (place === second ? count : 0)),
      ms,
      new Date(minuteMs + second * 1_000 + 500),
    ])
  await put(today.fromMs, 7, { count: 40, ms: 3 })
  await put(today.fromMs + 60_000, 9, { count: 40, ms: 12.5 })
  await put(today.toMs - 60_000, 59, { count: 1, ms: 0.25 })
  await put(today.toMs, 0, { count: 9_000, ms: 900 })
  const [part] = await collect('performance', today)
  const iso = (ms: number) => new Date(ms).toISOString()
  expect((part!.data as Record<string, unknown>)['resolution']).toEqual({
    count: 81,
    meanMs: 5.25,
    fastest: { tookMs: 0.25, at: iso(today.toMs - 500) },
    slowest: { tookMs: 12.5, at: iso(today.fromMs + 69_500) },
    peak: { perSecond: 40, second: iso(today.fromMs + 7_000) },
  })
  expect((part!.data as Record<string, unknown>)['registration']).toEqual({ count: 0 })
})

test('nodes of enterprises have the mean and extremes of their day, with times, and the share of probes they answered', async () => {
  const iso = (ms: number) => new Date(ms).toISOString()
  const put = (hourMs: number, prefix: string, told: readonly unknown[]) =>
    at.db.query('insert into node_probe_hour values ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      new Date(hourMs),
      prefix,
      ...told,
    ])
  const last = today.toMs - 3_600_000
  await put(today.fromMs, '88.118.8', [4, 3, 30, 5, iso(today.fromMs + 1), 20, iso(today.fromMs + 2)])
  await put(last, '88.118.8', [4, 4, 40, 5, iso(last + 1), 20, iso(last + 2)])
  await put(today.fromMs + 3_600_000, '88.118.8', [1, 0, 0, null, null, null, null])
  await put(today.toMs, '88.118.8', [9, 0, 0, null, null, null, null])
  await at.db.query(`update prefix set service = 'self-built', service_handle = '88.1/s' where name = '88.118.9'`)
  const [part, ...more] = await collect('enterprise-performance', today)
  expectShape('enterprise-performance', part!)
  expect(more).toEqual([])
  expect((part!.data as { items: unknown[] }).items).toEqual([
    {
      enterpriseId: 'acme',
      enterpriseName: 'Acme',
      prefix: '88.118.8',
      resolution: {
        count: 7,
        meanMs: 10,
        fastest: { tookMs: 5, at: iso(today.fromMs + 1) },
        slowest: { tookMs: 20, at: iso(today.fromMs + 2) },
      },
      availability: { probes: 9, answered: 7, percent: 77.777778 },
    },
    {
      enterpriseId: 'globex',
      enterpriseName: 'Globex',
      prefix: '88.118.9',
      resolution: { count: 0 },
      availability: { probes: 0, answered: 0 },
    },
  ])
  await at.db.query(`update prefix set service = 'hosted', service_handle = '' where name = '88.118.9'`)
})

test('availability is that of the seconds since it was first measured, and months before that are no history', async () => {
  const month = periodAt('monthly', Date.parse('2026-05-10T00:00:00Z'), SHANGHAI)
  const before = periodAt('monthly', month.fromMs - 1, SHANGHAI)
  // Measured from the 15th of the month before; a quarter of May without service.
  const serve = (fromMs: number, toMs: number, ready: number) =>
    at.db.query(
      `insert into service_minute select minute, $3 from generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', '1 minute') as minute`,
      [new Date(fromMs), new Date(toMs), ready],
    )
  const began = before.fromMs + 14 * 86_400_000
  await serve(began, before.toMs, 60)
  await serve(month.fromMs, month.fromMs + (month.toMs - month.fromMs) / 2, 60)
  await serve(month.fromMs + (month.toMs - month.fromMs) / 2, month.toMs, 30)
  const [part] = await collect('month', month, {}, { beganMs: began })
  expect(part!.data).toMatchObject({
    month: '2026-05',
    percent: 75,
    hoursInService: 31 * 24 * 0.75,
    hoursMeasured: 31 * 24,
    history: [{ month: '2026-04', percent: 100, hoursMeasured: 16 * 24 }],
    registrationEffective: { everywhereWithinMs: 1_000 },
  })
  expectShape('month', part!, month)
  const incidents = (part: Part | undefined) => part!.missing!.filter(({ field }) => field === 'data.incidents')
  expect(incidents(part)).toEqual([])
  const [first] = await collect('month', before, {}, { beganMs: began })
  expect(incidents(first)).toMatchObject([{ reason: expect.stringContaining(new Date(began).toISOString()) }])
  await at.db.query('truncate service_minute')
})

test.each<[TableName, readonly string[]]>([
  ['T3', ['data.requests', 'data.successes', 'data.sources']],
  ['T8', ['data.items[].requests', 'data.items[].successes', 'data.items[].sources']],
  ['performance', ['data.resolution', 'data.registration']],
  ['enterprise-performance', ['data.items[].resolution', 'data.items[].availability']],
])('of %s it is named as missing what was before counting began, or is no longer kept', async (table, fields) => {
  const { fromMs, toMs } = today
  const dayMs = 86_400_000
  const named = async (more: Partial<Collecting>) => {
    const [part] = await collect(table, today, {}, more)
    expectShape(table, part!)
    return part!.missing!.filter(({ field }) => fields.includes(field))
  }
  expect(await named({ beganMs: fromMs })).toEqual([])
  const since = fields.map((field) => ({ field, reason: expect.stringContaining(new Date(fromMs + 1).toISOString()) }))
  expect(await named({ beganMs: fromMs + 1 })).toEqual(since)
  expect(await named({ nowMs: fromMs + 99 * dayMs })).toEqual([])
  const kept = fields.map((field) => ({ field, reason: expect.stringContaining('100 days') }))
  expect(await named({ nowMs: toMs + 100 * dayMs, beganMs: fromMs + 1 })).toEqual(kept)
})

test('where a day begins within an hour of UTC, it is said which hours its requests are of', async () => {
  const timeZone = 'Asia/Kathmandu'
  const period = periodAt('daily', Date.parse('2026-11-25T12:00:00Z'), timeZone)
  expect(new Date(period.fromMs).toISOString()).toBe('2026-11-24T18:15:00.000Z')
  const reason = /from 2026-11-24T19:00:00.000Z to 2026-11-25T19:00:00.000Z/
  const hour = `insert into lookup_hour (hour, prefix, requests) values ($1, '', $2)`
  for (const [began, requests] of [
    ['2026-11-24T18:00Z', 100],
    ['2026-11-24T19:00Z', 1],
    ['2026-11-25T18:00Z', 2],
    ['2026-11-25T19:00Z', 100],
  ])
    await at.db.query(hour, [began, requests])
  const [part] = await collect('T3', period, {}, { timeZone, nowMs: period.toMs })
  expect(part!.data).toMatchObject({ requests: 3 })
  expect(part!.missing).toContainEqual({ field: 'data.requests', reason: expect.stringMatching(reason) })
  const [performance] = await collect('performance', period, {}, { timeZone, nowMs: period.toMs })
  expect(performance!.missing).toEqual([])
})

test('a state of a period long past is said to be that of now', async () => {
  const hour = periodAt('hourly', today.fromMs, SHANGHAI)
  const named = async (nowMs: number) => {
    const parts = await Promise.all((['T6', 'T7'] as const).map((table) => collect(table, hour, {}, { nowMs })))
    return parts.map(([part]) => part!.missing!.filter(({ field }) => field === 'data.items').length)
  }
  expect(await named(hour.toMs + 120_000)).toEqual([0, 0])
  expect(await named(hour.toMs + 3_600_000)).toEqual([1, 1])
})

test('what operator and enterprises have not said is named as missing; what they have is told as it is', async () => {
  await changeEnterprise(at.registry, at.admin, { id: 'globex', name: '环球' })
  await at.db.query(`insert into enterprise_reporting (enterprise_id, subject, resolution) values ('globex', $1, $2)`, [
    JSON.stringify({ name: '环球公司' }),
    JSON.stringify([{ codeType: 'Handle', prefixes: ['88.118.9'], ipv4: ['192.0.2.9'], tcpPort: 2641 }]),
  ])
  const [enterprises] = await collect('T6', today)
  const fields = enterprises!.missing!.map(({ field }) => field)
  expect(fields).toContain('data.items[0].subject')
  expect(fields).toContain('data.items[1].subject.legalPerson')
  expect(fields).not.toContain('data.items[1].subject.name')
  await at.db.query(`update prefix set service = 'self-built', service_handle = '0.NA/x' where name like '88.%'`)
  const [routes] = await collect('T7', today)
  const modes = (routes!.data as { items: { prefix: string; mode: string; resolution?: unknown[] }[] }).items
  expect(modes.map(({ prefix, mode, resolution }) => [prefix, mode, resolution?.length])).toEqual([
    ['88.118.8', 'self-built', undefined],
    ['88.118.9', 'self-built', 1],
    ['urn:oid:1.2.156.3000', 'hosted', undefined],
  ])
  expect(routes!.missing!.map(({ field }) => field)).toEqual(['data.items[0].resolution'])
  expectShape('T7', routes!)
  await at.db.query(`update prefix set service = 'hosted', service_handle = ''`)
  const [own] = await collect('T4', today, { templates: { part: { industry: { section: 'C', division: '34' } } } })
  expect(own!.missing!.map(({ field }) => field)).toEqual([
    'data.items[0].industry',
    'data.items[0].isForActiveCarriers',
    'data.items[1].isForActiveCarriers',
  ])
})

async function collect(
  table: TableName,
  period: Period,
  operator: Operator = {},
  more: Partial<Collecting> = {},
): Promise<Part[]> {
  const parts: Part[] = []
  const collecting = {
    db: at.db,
    node: '88.118',
    operator,
    period,
    timeZone: SHANGHAI,
    beganMs: 0,
    nowMs: today.toMs,
    stalenessBoundMs: 1_000,
    ...more,
  }
  await COLLECTORS[table as keyof typeof COLLECTORS](collecting, async (part) => {
    parts.push(part)
  })
  return parts
}

function everyTable(): [TableName, Period][] {
  const month = periodAt('monthly', Date.now(), SHANGHAI)
  return (Object.keys(COLLECTORS) as TableName[]).map((table) => [
    table,
    ['T5', 'T10', 'month'].includes(table) ? month : today,
  ])
}

function expectShape(table: TableName, part: Part, period: Period = today): void {
  const document = {
    table,
    formatVersion: 1,
    node: '88.118',
    period: {
      key: period.key,
      from: new Date(period.fromMs).toISOString(),
      to: new Date(period.toMs).toISOString(),
      timeZone: SHANGHAI,
    },
    revision: 1,
    part: 1,
    isLast: true,
    collectedAt: new Date().toISOString(),
    missing: [...(part.missing ?? [])],
    data: part.data,
  }
  expect([table, reportFaults(table, JSON.parse(JSON.stringify(document)))]).toEqual([table, []])
}

test('the attributes that are asked for come from the record, under the names of the table', async () => {
  const [index, value] = [2000, '泵']
  const values = [
    { index, type: 'name', data: value, ttlSeconds: 60, permissions: 14, timestampSeconds: 1_800_000_000 },
  ]
  const item = { identifier: identifierOf('88.118.9/pump'), intent: 'register' as const, template: 'product', values }
  await writeIdentifiers(at.registry, at.globex, [item])
  const parts = (await collect('T9', today)) as { data: { items: Record<string, unknown>[] } }[]
  const pump = parts.flatMap(({ data }) => data.items).find(({ identifier }) => identifier === '88.118.9/pump')
  expect(pump).toMatchObject({ template: 'product', operation: 1, productName: value })
})
