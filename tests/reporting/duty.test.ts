import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { COLLECTORS } from '../../src/reporting/collect/collectors.js'
import { noteAbnormal, noteRecovered } from '../../src/reporting/duty/events.js'
import { sendAgain } from '../../src/reporting/duty/ledger.js'
import { DAY_MS, type DutyFixture, dutyFixture, HOUR_MS, scriptedDestination } from './duty-fixture.js'

let at: DutyFixture
beforeEach(async () => {
  at = await dutyFixture()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await at.close()
})

const periodsOf = (received: readonly { readonly [name: string]: unknown }[]) =>
  received.map(({ period }) => (period as { key: string }).key)

test('each period is reported once it has ended and settled, and never twice', async () => {
  const top = scriptedDestination()
  const duty = at.duty({ destinations: [top] })
  duty.start()
  await untilDelivered()
  expect(top.of('T6')).toEqual([])

  at.clock.advanceMs(30 * 60_000)
  await duty.tick()
  expect(await made('T6')).toEqual([])
  at.clock.advanceMs(2 * 60_000)
  await duty.tick()
  await duty.tick()
  await untilDelivered()
  expect(periodsOf(top.of('T6'))).toEqual(['2026-11-25T02Z'])
  expect(periodsOf(top.of('T7'))).toEqual(['2026-11-25T02Z'])
  expect(top.of('T3')).toEqual([])

  // Beijing's midnight.
  at.clock.advanceMs(13 * HOUR_MS)
  await duty.tick()
  await untilDelivered()
  for (const table of ['T3', 'T4', 'T8', 'T9', 'performance', 'enterprise-performance'] as const)
    expect(periodsOf(top.of(table))).toEqual(['2026-11-25'])
  expect(top.of('month')).toEqual([])

  at.clock.advanceMs(5 * DAY_MS)
  for (let round = 0; round < 8; round++) await duty.tick()
  await untilDelivered()
  for (const table of ['T5', 'T10', 'month'] as const) expect(periodsOf(top.of(table))).toEqual(['2026-11'])
  expect(at.warnings).toEqual([])
})

test('after an outage of days every period that was missed is made and sent, in order, none of them twice', async () => {
  const top = scriptedDestination()
  const before = at.duty({ destinations: [top] })
  await before.tick()
  await before.stop()
  at.clock.advanceMs(3 * DAY_MS)
  const after = at.duty({ destinations: [top] })
  after.start()
  for (let round = 0; round < 6; round++) await after.tick()
  await untilDelivered()
  expect(periodsOf(top.of('T3'))).toEqual(['2026-11-25', '2026-11-26', '2026-11-27'])
  const hours = periodsOf(top.of('T6'))
  expect(hours).toHaveLength(72)
  expect(new Set(hours).size).toBe(72)
  expect(hours).toEqual([...hours].sort())
})

test('of two processes one reports; when it dies the other goes on, and nothing is made twice', async () => {
  const top = scriptedDestination()
  const [one, other] = [at.duty({ destinations: [top] }), at.duty({ destinations: [top] })]
  at.clock.advanceMs(0)
  expect([await one.tick(), await other.tick()]).toEqual([true, false])
  at.clock.advanceMs(DAY_MS)
  await Promise.all([one.tick(), other.tick()])
  // A dead process gives no lease back: it runs out.
  await at.db.query(`update report_duty set lease_until = clock_timestamp() - interval '1 second'`)
  expect([await other.tick(), await one.tick()]).toEqual([true, false])
  at.clock.advanceMs(DAY_MS)
  await Promise.all([one.tick(), other.tick()])
  const rows = await at.db.query<{ period: string; times: number }>(
    `select period, count(*) as times from report where table_name = 'T3' and is_complete group by period order by period`,
  )
  expect(rows).toEqual([
    { period: '2026-11-25', times: 1 },
    { period: '2026-11-26', times: 1 },
  ])
})

test('whoever loses the lease in the middle of a collection completes nothing; the next holder makes it anew', async () => {
  const top = scriptedDestination()
  const [slow, next] = [at.duty({ destinations: [top] }), at.duty({ destinations: [top] })]
  await slow.tick()
  at.clock.advanceMs(DAY_MS)
  const collect = COLLECTORS.T3
  vi.spyOn(COLLECTORS as { T3: typeof collect }, 'T3').mockImplementationOnce(async (collecting, give) => {
    await collect(collecting, give)
    await at.db.query(`update report_duty set holder = gen_random_uuid()`)
  })
  await slow.tick()
  expect(at.warnings.join()).toContain('Another process has taken over')
  expect(await made('T3')).toEqual([])
  await at.db.query('update report_duty set lease_until = clock_timestamp()')
  await next.tick()
  expect(await made('T3')).toEqual([{ period: '2026-11-25', revision: 1, part: 1 }])
})

test('a period that cannot be collected holds up its table alone, and is made as soon as it can be', async () => {
  const duty = at.duty({ destinations: [scriptedDestination()] })
  await duty.tick()
  at.clock.advanceMs(2 * DAY_MS)
  // Once: the day after could be made, and would leave this one behind for ever.
  vi.spyOn(COLLECTORS, 'T8').mockRejectedValueOnce(new Error('broken for once'))
  await duty.tick()
  expect(at.warnings.join()).toContain('T8 of 2026-11-25 failed and is tried again: broken for once')
  expect(await made('T8')).toEqual([])
  expect((await made('T9')).map(({ period }) => period)).toEqual(['2026-11-25', '2026-11-26'])
  await duty.tick()
  expect((await made('T8')).map(({ period }) => period)).toEqual(['2026-11-25', '2026-11-26'])
})

test('states are told when they are other than they were told last', async () => {
  const top = scriptedDestination()
  let website: string | undefined
  const findOperator = async () => ({ subject: { name: '省节点', ...(website && { website }) } })
  const duty = at.duty({ destinations: [top], findOperator })
  const look = async () => {
    at.clock.advanceMs(31_000)
    await duty.tick()
  }
  duty.start()
  await look()
  await look()
  website = 'https://example.com'
  await look()
  await look()
  await untilDelivered()
  expect(top.of('T1').map(({ revision, data }) => [revision, data.website])).toEqual([
    [1, undefined],
    [2, 'https://example.com'],
  ])
  const missing = top.of('T1')[1]!['missing'].map(({ field }: { field: string }) => field)
  expect(missing).toContain('data.legalPerson')
  expect(missing).not.toContain('data.website')
})

test('events are told as they come, a recovery with the event that it ends', async () => {
  const top = scriptedDestination()
  const duty = at.duty({ destinations: [top] })
  duty.start()
  await duty.tick()
  at.clock.advanceMs(1_000)
  const atMs = at.clock.nowMs()
  const began = await noteAbnormal(at.db, { subject: 'acme', atMs, cause: 'no answer', type: 'network' })
  expect(await noteAbnormal(at.db, { subject: 'acme', atMs, cause: 'again', type: 'network' })).toBeUndefined()
  await noteAbnormal(at.db, { subject: 'globex', atMs, cause: 'no answer', type: 'attack' })
  await noteRecovered(at.db, { subject: 'acme', atMs: atMs + 5_000, cause: 'answers' })
  expect(await noteRecovered(at.db, { subject: 'acme', atMs, cause: 'answers' })).toBeUndefined()
  await duty.tick()
  await untilDelivered()
  expect(top.of('event').map(({ data }) => [data.subject, data.state, data.type, data.ends])).toEqual([
    ['acme', 'abnormal', 1, undefined],
    ['globex', 'abnormal', 3, undefined],
    ['acme', 'recovered', 1, began],
  ])
})

test('minutes in which nobody served are an event and its recovery; a short restart is none', async () => {
  const duty = at.duty()
  const serve = async (...minutes: readonly number[]) => {
    for (const minute of minutes)
      await at.db.query('insert into service_minute values ($1, 60)', [new Date(minuteMs(minute))])
  }
  const minuteMs = (minute: number) => Date.parse('2026-11-25T02:00:00Z') + minute * 60_000
  await serve(25, 26, 28, 29)
  await duty.tick()
  expect(await events()).toEqual([])
  at.clock.advanceMs(10 * 60_000)
  await duty.tick()
  expect(at.warnings).toEqual([])
  expect(await events()).toMatchObject([{ state: 'abnormal', at: new Date(minuteMs(30)), type: 2, ends: null }])
  await serve(40)
  await duty.tick()
  await serve(41, 60, 61)
  at.clock.advanceMs(22 * 60_000)
  await duty.tick()
  const [first, recovered, second, again, ...more] = await events()
  expect(recovered).toMatchObject({ state: 'recovered', ends: first!['number'], at: new Date(minuteMs(40)) })
  expect(second).toMatchObject({ state: 'abnormal', at: new Date(minuteMs(42)) })
  expect(again).toMatchObject({ state: 'recovered', ends: second!['number'], at: new Date(minuteMs(60)) })
  expect(more).toEqual([])
})

test('a destination that is away gets all when it is back; one that is slow holds up neither another nor the making', async () => {
  const [dead, slow, quick] = [scriptedDestination('dead'), scriptedDestination('slow'), scriptedDestination('quick')]
  dead.answer = () => ({ kind: 'failed', detail: 'nothing listens there' })
  slow.answer = (_document, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve({ kind: 'failed', detail: 'broken off' })))
  const duty = at.duty({ destinations: [dead, slow, quick] })
  duty.start()
  await duty.tick()
  at.clock.advanceMs(DAY_MS)
  for (let round = 0; round < 3; round++) await duty.tick()
  await vi.waitUntil(async () => quick.of('T3').length > 0 && (await due('quick')) === 0, { timeout: 30_000 })
  expect(await due('dead')).toBe(quick.received.length)
  expect(slow.received).toEqual([])
  dead.answer = undefined
  await vi.waitUntil(async () => (await due('dead')) === 0, { timeout: 30_000 })
  expect(dead.received.map(nameOf).sort()).toEqual(quick.received.map(nameOf).sort())
  const [log] = await at.db.query<{ failed: number; delivered: number }>(
    `select count(*) filter (where outcome = 'failed') as failed, count(*) filter (where outcome = 'delivered') as delivered
     from report_attempt where destination = 'dead'`,
  )
  expect(log!.failed).toBeGreaterThan(0)
  expect(log!.delivered).toBe(dead.received.length)
})

test('a document that is refused is set aside with the reason, one that always fails lets others pass', async () => {
  const top = scriptedDestination()
  top.answer = ({ table }) => {
    if (table === 'T4') return { kind: 'refused', detail: '400 no such template' }
    return table === 'T3' ? { kind: 'failed', detail: '500' } : { kind: 'delivered', detail: '' }
  }
  const duty = at.duty({ destinations: [top] })
  duty.start()
  await duty.tick()
  at.clock.advanceMs(DAY_MS)
  await duty.tick()
  const others = ['T8', 'T9', 'performance'] as const
  await vi.waitUntil(() => others.every((table) => top.of(table).length === 1), { timeout: 30_000 })
  const states = () =>
    at.db.query(
      `select r.table_name as "table", d.state, d.last_problem as problem from report_delivery d
       join report r on r.id = report_id where r.table_name in ('T3', 'T4') order by 1`,
    )
  expect(await states()).toEqual([
    { table: 'T3', state: 'due', problem: '500' },
    { table: 'T4', state: 'refused', problem: '400 no such template' },
  ])
  top.answer = undefined
  await sendAgain(at.db, { table: 'T4', period: '2026-11-25', destinations: ['top'] })
  await untilDelivered()
  expect(top.of('T4')).toHaveLength(1)
})

test('a destination that is new is told the states that others know, and gets the rest when it is asked for', async () => {
  const [old, added] = [scriptedDestination('old'), scriptedDestination('added')]
  const before = at.duty({ destinations: [old] })
  before.start()
  await before.tick()
  at.clock.advanceMs(DAY_MS)
  await before.tick()
  await vi.waitUntil(() => old.of('T1').length === 1 && old.of('T4').length === 1, { timeout: 30_000 })
  await before.stop()

  const after = at.duty({ destinations: [added] })
  after.start()
  await after.tick()
  await vi.waitUntil(() => ['T1', 'T2', 'T11'].every((table) => added.of(table as 'T1').length === 1), {
    timeout: 30_000,
  })
  expect(added.of('T4')).toEqual([])
  expect(await sendAgain(at.db, { table: 'T4', period: '2026-11-25', destinations: ['added'] })).toBe(1)
  await vi.waitUntil(() => added.of('T4').length === 1, { timeout: 30_000 })
  expect(added.of('T4')).toEqual(old.of('T4'))
})

test('a period can be collected anew: it comes as the next revision, and brings back no period', async () => {
  const top = scriptedDestination()
  const duty = at.duty({ destinations: [top] })
  duty.start()
  await duty.tick()
  at.clock.advanceMs(2 * DAY_MS)
  await duty.tick()
  await at.db.query(`insert into report_request (table_name, period) values ('T3', '2026-11-25'), ('T3', '2026-11-20')`)
  for (let round = 0; round < 3; round++) await duty.tick()
  await untilDelivered()
  expect(
    top
      .of('T3')
      .map(({ period, revision }) => [period.key, revision])
      .sort(),
  ).toEqual([
    ['2026-11-20', 1],
    ['2026-11-25', 1],
    ['2026-11-25', 2],
    ['2026-11-26', 1],
  ])
})

test('one that cannot be collected anew lets those asked for later pass, and is made as soon as it can be', async () => {
  const duty = at.duty({ destinations: [scriptedDestination()] })
  await duty.tick()
  at.clock.advanceMs(2 * DAY_MS)
  await duty.tick()
  const collecting = vi.spyOn(COLLECTORS, 'T8').mockRejectedValue(new Error('broken for a while'))
  const days = Array.from({ length: 25 }, (_, place) => `2026-10-${String(place + 1).padStart(2, '0')}`)
  await at.db.query(`insert into report_request select 'T8', day, day::date from unnest($1::text[]) as day`, [days])
  await at.db.query(`insert into report_request (table_name, period) values ('T3', '2026-11-20')`)
  for (let round = 0; round < 2; round++) await duty.tick()
  expect((await made('T3')).map(({ period }) => period)).toContain('2026-11-20')
  expect(at.warnings.join()).toContain('collecting T8 of 2026-10-01 anew failed and is tried again: broken for a while')
  collecting.mockRestore()
  for (const _ of days) await duty.tick()
  expect((await made('T8')).filter(({ period }) => period < '2026-11')).toHaveLength(25)
  expect(await at.db.query('select from report_request')).toEqual([])
})

function made(table: string) {
  return at.db.query<{ period: string; revision: number; part: number }>(
    'select period, revision, part from report where table_name = $1 and is_complete order by period, revision, part',
    [table],
  )
}

function events() {
  return at.db.query<Record<string, unknown>>('select number, state, ends, at, type from monitor_event order by number')
}

async function due(destination: string): Promise<number> {
  const [row] = await at.db.query<{ due: number }>(
    `select count(*) as due from report_delivery where destination = $1 and state = 'due'`,
    [destination],
  )
  return row!.due
}

async function untilDelivered(): Promise<void> {
  await vi.waitUntil(
    async () => {
      const [row] = await at.db.query<{ due: number }>(
        `select count(*) as due from report_delivery where state = 'due'`,
      )
      return row!.due === 0
    },
    { timeout: 20_000, interval: 20 },
  )
}

function nameOf({ table, period, revision, part }: Record<string, unknown>): string {
  return `${table} ${(period as { key: string }).key} ${revision} ${part}`
}
