/**
 * The reports a node owes: T1 to T11 as the national top-level node lists them, its monitoring and its monthly report.
 * Shapes of `data` are our own, for no public one exists; each has a JSON Schema at /v1/schemas/reports/{table}.
 */
import { type TSchema, Type } from 'typebox'
import type { Cadence } from '../periods.js'
import {
  Application,
  Count,
  closed,
  list,
  Metadata,
  Milliseconds,
  Performance,
  PrefixText,
  Resolution,
  Statistics,
  Subject,
  Text,
  Time,
} from './shapes.js'

export const TABLES = [
  'T1', 'T2', 'T3', 'T4', 'T5', 'T6', 'T7', 'T8', 'T9', 'T10', 'T11',
  'performance', 'enterprise-performance', 'event', 'month',
] as const // biome-ignore format: one glance
export type TableName = (typeof TABLES)[number]

export interface Table {
  readonly title: { readonly en: string; readonly zh: string }
  readonly cadence: Cadence
  readonly data: TSchema
}

const Enterprise = { enterpriseId: Text('of this node'), enterpriseName: Text('企业名称') }
const partly = <Shape extends Parameters<typeof Type.Partial>[0]>(shape: Shape) => Type.Partial(shape, closed)

const IdentifierData = Type.Object(
  {
    identifier: Text('标识'),
    prefix: PrefixText,
    version: Type.Integer({ minimum: 1 }),
    registeredAt: Time,
    recordedAt: Time,
    template: Type.String({ description: 'empty: free values only' }),
    operation: Type.Enum([1, 2, 3], { description: '1 add, 2 delete, 3 modify' }),
    productType: Type.Optional(Type.String()),
    brand: Type.Optional(Type.String()),
    productName: Type.Optional(Type.String()),
    manufacturer: Type.Optional(Type.String()),
    productionTime: Type.Optional(Type.String()),
    expiry: Type.Optional(Type.String()),
  },
  closed,
)

const EventData = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: '事件编号' }),
    subject: Text('"node", or the id of an enterprise, whose node for `prefix` it is then'),
    prefix: Type.Optional(PrefixText),
    state: Type.Enum(['abnormal', 'recovered']),
    ends: Type.Optional(
      Type.Integer({ minimum: 1, description: 'number of the abnormal event that this recovery ends' }),
    ),
    at: Time,
    cause: Text('原因'),
    type: Type.Enum([1, 2, 3, 4], { description: '1 network, 2 system, 3 attack, 4 other' }),
  },
  closed,
)

const Availability = Type.Object(
  {
    month: Type.String({ pattern: '^\\d{4}-\\d{2}$' }),
    percent: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'of the seconds since it was first measured' }),
    ),
    hoursInService: Type.Number({ minimum: 0 }),
    hoursMeasured: Type.Number({ minimum: 0, description: 'of the month, since counting began' }),
  },
  closed,
)

const ProbedAvailability = Type.Object(
  {
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'of the probes; absent without any' })),
    probes: Count('how often the node was asked whether it is there'),
    answered: Count('how often it said so; its latencies are of these'),
  },
  closed,
)

const MonthData = Type.Object(
  {
    operator: Type.Optional(Type.String()),
    ...Availability.properties,
    history: Type.Array(Availability, { maxItems: 6, description: 'the months before, the newest first' }),
    registration: Performance,
    resolution: Performance,
    registrationEffective: Type.Object(
      {
        meanMs: Type.Optional(Milliseconds),
        slowest: Type.Optional(Type.Object({ tookMs: Milliseconds, at: Time }, closed)),
        everywhereWithinMs: Type.Optional(Milliseconds),
      },
      {
        ...closed,
        description:
          'from the arrival of a registration until it is committed, when the authority resolves it; no answer of a cache is older after everywhereWithinMs more. There is no manual audit of single identifiers at this node',
      },
    ),
    maintenance: Type.Optional(Type.Array(Type.Object({ from: Time, to: Time, reason: Text('原因') }, closed))),
    incidents: Type.Array(EventData),
  },
  closed,
)

export const REPORT_TABLES: Readonly<Record<TableName, Table>> = {
  T1: { title: { en: 'Operator', zh: '二级节点主体数据' }, cadence: 'on-change', data: partly(Subject) },
  T2: {
    title: { en: 'Own resolution configuration', zh: '二级节点解析配置' },
    cadence: 'on-change',
    data: list(Resolution),
  },
  T3: {
    title: { en: 'Own statistics', zh: '二级节点统计数据' },
    cadence: 'daily',
    data: Type.Object(
      {
        prefix: PrefixText,
        enterprisePrefixesRegistered: Count('that day'),
        enterprisePrefixesTotal: Count('at the end of the day'),
        ...Statistics,
      },
      closed,
    ),
  },
  T4: { title: { en: 'Own metadata', zh: '二级节点元数据' }, cadence: 'daily', data: list(Metadata) },
  T5: { title: { en: 'Own applications', zh: '二级节点应用' }, cadence: 'monthly', data: list(Application) },
  T6: {
    title: { en: 'Enterprises', zh: '企业主体数据' },
    cadence: 'hourly',
    data: list(
      Type.Object(
        { ...Enterprise, prefixes: Type.Array(PrefixText), state: Text('active, suspended'), subject: partly(Subject) },
        closed,
      ),
    ),
  },
  T7: {
    title: { en: 'Resolution routes of enterprises', zh: '企业解析路由' },
    cadence: 'hourly',
    data: list(
      Type.Object(
        {
          ...Enterprise,
          prefix: PrefixText,
          state: Text('active, suspended'),
          mode: Type.Enum(['hosted', 'self-built'], { description: '托管 or 自建' }),
          resolution: Type.Optional(Type.Array(Resolution)),
        },
        closed,
      ),
    ),
  },
  T8: {
    title: { en: 'Statistics of enterprises', zh: '企业统计数据' },
    cadence: 'daily',
    data: list(
      Type.Object(
        {
          ...Enterprise,
          prefix: PrefixText,
          identifiersRegistered: Count('that day'),
          identifiersTotal: Count('at the end of the day'),
          ...Statistics,
        },
        closed,
      ),
    ),
  },
  T9: {
    title: { en: 'Identifiers of enterprises', zh: '企业标识主数据' },
    cadence: 'daily',
    data: list(IdentifierData),
  },
  T10: {
    title: { en: 'Applications of enterprises', zh: '企业应用' },
    cadence: 'monthly',
    data: list(Type.Object({ ...Enterprise, applications: Type.Array(Application) }, closed)),
  },
  T11: {
    title: { en: 'Metadata of enterprises', zh: '企业元数据' },
    cadence: 'on-change',
    data: list(Type.Object({ ...Enterprise, metadata: Type.Array(Metadata) }, closed)),
  },
  performance: {
    title: { en: 'Daily monitoring', zh: '运行监测（日）' },
    cadence: 'daily',
    data: Type.Object({ prefix: PrefixText, resolution: Performance, registration: Performance }, closed),
  },
  'enterprise-performance': {
    title: { en: 'Daily monitoring of enterprise nodes', zh: '企业节点运行监测（日）' },
    cadence: 'daily',
    data: list(
      Type.Object(
        { ...Enterprise, prefix: PrefixText, resolution: Performance, availability: ProbedAvailability },
        closed,
      ),
    ),
  },
  event: { title: { en: 'Events', zh: '运行监测事件' }, cadence: 'on-change', data: EventData },
  month: { title: { en: 'Monthly report', zh: '月度运行报告' }, cadence: 'monthly', data: MonthData },
}

export function isTable(name: string): name is TableName {
  return (TABLES as readonly string[]).includes(name)
}
