/** Shapes of what this door takes and gives. Query and body are checked against them; answers are described by them. */
import { type TSchema, Type } from 'typebox'

export const MAX_PAGE = 1_000
export const DEFAULT_PAGE = 100

export const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }))

const pageQuery = {
  limit: Limit,
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 300, description: '`next` of the page before' })),
}

/** `limit` and `after`, and what else a list can be narrowed by. */
export function PageQuery<Extra extends Record<string, TSchema>>(extra: Extra) {
  return Type.Object({ ...pageQuery, ...extra }, { additionalProperties: false })
}

export function Page<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], { description: 'null: this was the last page' }),
  })
}

const Time = Type.String({ format: 'date-time' })

export const Data = Type.Union([Type.String(), Type.Object({ format: Type.Literal('base64'), value: Type.String() })])

export const ValueShape = Type.Object({
  index: Type.Integer({ minimum: 1, maximum: 4_294_967_295 }),
  type: Type.String({ examples: ['URL'] }),
  data: Data,
  ttlSeconds: Type.Integer({ minimum: 0 }),
  permissions: Type.String({ pattern: '^[01]{4}$', description: 'admin read, admin write, public read, public write' }),
  timestamp: Time,
  references: Type.Optional(Type.Array(Type.Object({ handle: Type.String(), index: Type.Integer() }))),
})

export const RecordShape = Type.Object({
  identifier: Type.String({ examples: ['88.118.8/JXDY2106023'] }),
  key: Type.String({ description: 'canonical form' }),
  prefix: Type.String(),
  state: Type.Literal('registered'),
  version: Type.Integer({ minimum: 1 }),
  template: Type.String({ description: 'empty: free values only' }),
  attributes: Type.Record(Type.String(), Data),
  values: Type.Array(ValueShape),
  registeredAt: Time,
  recordedAt: Time,
})

export const RecordInput = Type.Object({
  template: Type.Optional(Type.String()),
  attributes: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]))),
  values: Type.Optional(Type.Array(Type.Unknown())),
  ttlSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
})

export const Propagation = Type.Enum(['local', 'queued', 'sent', 'acknowledged', 'refused'], {
  description: 'whether the node above knows of it; local: there is none. What is refused is tried again',
})

export const Refusal = Type.Object({
  code: Type.String(),
  reason: Type.String(),
  tries: Type.Integer(),
  refusedAt: Time,
  nextTryAt: Time,
})

export const Propagated = Type.Object({ state: Propagation, refusal: Type.Optional(Refusal) })

export const ReceiptShape = Type.Object({
  identifier: Type.String(),
  key: Type.String(),
  outcome: Type.Enum(['created', 'replaced', 'unchanged', 'withdrawn']),
  version: Type.Integer({ minimum: 1 }),
  recordedAt: Time,
  contentSha256: Type.Union([Type.String(), Type.Null()]),
  token: Type.String({ description: 'send it as Jiexi-Token to read at least this write' }),
  propagation: Propagation,
  refusal: Type.Optional(Refusal),
  visible: Type.Optional(
    Type.Literal(true, { description: 'with wait=visible: no replica can answer older any more' }),
  ),
})

const FaultShape = Type.Object({
  field: Type.String(),
  position: Type.Optional(Type.Integer()),
  reason: Type.String(),
})

const LocationShape = Type.Object({
  address: Type.String(),
  port: Type.Integer(),
  transport: Type.Enum(['udp', 'tcp', 'http', 'https']),
  use: Type.Enum(['administration', 'lookups', 'both']),
})

const service = {
  serviceHandle: Type.Optional(Type.String({ description: 'a handle whose record says where' })),
  locations: Type.Array(LocationShape),
  sites: Type.Array(Type.String({ description: 'HS_SITE in base64' })),
}

const referral = Type.Optional(
  Type.Object({ prefix: Type.String(), ...service }, { description: 'another server of the Handle System to ask' }),
)

export const ItemProblem = Type.Object({
  code: Type.String(),
  detail: Type.String(),
  faults: Type.Optional(Type.Array(FaultShape)),
  referral,
})

export const ProblemShape = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  instance: Type.String(),
  code: Type.String(),
  faults: Type.Optional(Type.Array(FaultShape)),
  referral,
})

export const ListedIdentifierShape = Type.Object({
  key: Type.String(),
  identifier: Type.String(),
  version: Type.Integer(),
  state: Type.Enum(['registered', 'withdrawn']),
  recordedAt: Time,
})

export const VersionShape = Type.Object({
  version: Type.Integer(),
  state: Type.Enum(['registered', 'withdrawn']),
  template: Type.String(),
  recordedAt: Time,
  recordedBy: Type.Optional(Type.String({ description: 'API key id; for the holder of the prefix' })),
  reason: Type.Union([Type.String(), Type.Null()]),
  contentSha256: Type.Union([Type.String(), Type.Null()]),
})

export const EnterpriseShape = Type.Object({
  id: Type.String(),
  name: Type.String(),
  state: Type.Enum(['active', 'suspended']),
  version: Type.Integer(),
  createdAt: Time,
})

export const PrefixShape = Type.Object({
  prefix: Type.String(),
  enterpriseId: Type.Union([Type.String(), Type.Null()]),
  state: Type.Enum(['active', 'suspended']),
  holderState: Type.Enum(['active', 'suspended']),
  service: Type.Enum(['hosted', 'self-built'], {
    description: "who answers for what lies below it: this node, or the holder's own server",
  }),
  ...service,
  version: Type.Integer(),
  createdAt: Time,
})

export const ApiKeyShape = Type.Object({
  id: Type.String(),
  enterpriseId: Type.Union([Type.String(), Type.Null()]),
  scopes: Type.Array(Type.Enum(['read', 'write', 'keys'])),
  prefixes: Type.Union([Type.Array(Type.String()), Type.Null()]),
  label: Type.String(),
  version: Type.Integer(),
  createdAt: Time,
  expiresAt: Type.Union([Time, Type.Null()]),
  revokedAt: Type.Union([Time, Type.Null()]),
})
