/** Shapes that several tables share. Whatever nobody has said is left out, and named in the report's `missing`. */
import { Type } from 'typebox'

export const Text = (description: string) => Type.String({ minLength: 1, maxLength: 2_000, description })
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })
export const Count = (description: string) => Type.Integer({ minimum: 0, description })
export const Milliseconds = Type.Number({ minimum: 0, description: 'milliseconds' })
export const PrefixText = Type.String({
  minLength: 1,
  maxLength: 255,
  description: 'canonical',
  examples: ['88.118.8'],
})

/** Nothing that the schema does not know is taken for known. */
const closed = { additionalProperties: false } as const

export const Industry = Type.Object(
  {
    section: Type.String({ pattern: '^[A-T]$', description: 'GB/T 4754 门类' }),
    division: Type.Optional(Type.String({ pattern: '^\\d{2}$', description: '大类' })),
    group: Type.Optional(Type.String({ pattern: '^\\d{3}$', description: '中类' })),
    class: Type.Optional(Type.String({ pattern: '^\\d{4}$', description: '小类' })),
  },
  closed,
)

export const Person = Type.Object(
  {
    name: Text('姓名'),
    certificateType: Type.Optional(Text('证件类型')),
    certificateNumber: Type.Optional(Text('证件号码')),
    telephone: Type.Optional(Text('联系电话')),
    email: Type.Optional(Text('电子邮箱')),
  },
  closed,
)

const Addresses = {
  ipv4: Type.Optional(Type.Array(Type.String({ format: 'ipv4' }), { maxItems: 64 })),
  ipv6: Type.Optional(Type.Array(Type.String({ format: 'ipv6' }), { maxItems: 64 })),
}

export const Site = Type.Object({ place: Text('所在地'), ...Addresses }, closed)

/** T1 and T6. */
export const Subject = Type.Object(
  {
    name: Text('单位名称'),
    nature: Text('单位性质'),
    address: Text('单位地址'),
    certificateType: Text('证件类型'),
    certificateNumber: Text('证件号码'),
    legalPerson: Person,
    contacts: Type.Array(Person, { minItems: 1, maxItems: 10 }),
    industry: Industry,
    website: Text('官方网站'),
    licences: Type.Array(Type.Object({ name: Text('许可名称'), number: Text('许可编号') }, closed), { maxItems: 32 }),
    registrationSystem: Site,
    data: Site,
    backups: Type.Array(Site, { maxItems: 32 }),
    resolvers: Type.Array(Site, { minItems: 1, maxItems: 64 }),
  },
  closed,
)

export const CODE_TYPES = ['Handle', 'OID', 'DID:BID', 'VAA', 'Ecode', 'GS1'] as const

const Port = Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 }))

/** T2 and T7. */
export const Resolution = Type.Object(
  {
    codeType: Type.Enum(CODE_TYPES),
    prefixes: Type.Array(PrefixText, { minItems: 1, maxItems: 1_000 }),
    ...Addresses,
    tcpPort: Port,
    udpPort: Port,
    httpPort: Port,
  },
  closed,
)

export const APPLICATION_TYPES = ['1', '2', '3', '4', '5'] as const

/** T5; T10 with its port. */
export const Application = Type.Object(
  {
    name: Text('应用名称'),
    type: Type.Enum(APPLICATION_TYPES, { description: '1 APP, 2 小程序, 3 网页, 4 PC, 5 other' }),
    description: Text('应用描述'),
    users: Type.Optional(Count('用户数')),
    recursiveIp: Type.Optional(Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })])),
    developer: Text('开发者'),
    port: Port,
  },
  closed,
)

/** T4 and T11. */
export const Metadata = Type.Object(
  {
    template: Text('模板标识'),
    version: Type.Integer({ minimum: 1 }),
    industry: Type.Optional(Industry),
    isForActiveCarriers: Type.Optional(Type.Boolean({ description: '是否主动标识载体' })),
    attributes: Type.Array(
      Type.Object(
        {
          name: Text('英文名'),
          alias: Text('中文别名'),
          type: Text('数据类型'),
          maxOctets: Count('最大长度, octets of UTF-8'),
          isRequired: Type.Boolean(),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** Of a day, as far as they are known by heavy-hitters.ts. */
export const Sources = Type.Object(
  {
    addresses: Type.Array(
      Type.Object(
        { address: Type.String({ description: '"unknown": the door did not say' }), count: Count('at least') },
        closed,
      ),
      { maxItems: 1_000, description: 'the most frequent, the largest count first' },
    ),
    countError: Count(
      'each true count is at most this much larger; an address that is not listed has at most this many, or as many as the smallest listed',
    ),
    others: Count('requests of all addresses that are not listed, and what counts fall short by'),
  },
  closed,
)

export const Statistics = {
  requests: Count('解析请求数: look-ups that reached the resolver'),
  successes: Count('成功应答数: answered with a record or a referral'),
  sources: Sources,
}

export const Extreme = Type.Object({ tookMs: Milliseconds, at: Time }, closed)
export const Peak = Type.Object({ perSecond: Count('in that second'), second: Time }, closed)

export const Performance = Type.Object(
  {
    count: Count('how many there were'),
    meanMs: Type.Optional(Milliseconds),
    fastest: Type.Optional(Extreme),
    slowest: Type.Optional(Extreme),
    peak: Type.Optional(Peak),
  },
  closed,
)

export const list = <Item extends Parameters<typeof Type.Array>[0]>(item: Item) =>
  Type.Object({ items: Type.Array(item) }, closed)
export { closed }
