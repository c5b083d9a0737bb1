/** Random records and answers, of every shape the types allow. */
import fc from 'fast-check'
import type { Answer } from '../../src/record/answer.js'
import type { IdentifierRecord, Value } from '../../src/record/record.js'

/** Any well-formed text: NUL, controls and characters beyond the BMP included. */
export const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 400 }))
const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes))
const safeNumber = fc.oneof(fc.maxSafeNat(), fc.nat(200), fc.constantFrom(0x7f, 0x80, 0x7fff_ffff, 0x8000_0000))

const plainValue = fc.record({
  index: fc.oneof(fc.integer({ min: 1, max: 0xffff_ffff }), fc.integer({ min: 1, max: 3000 })),
  type: text,
  data: fc.oneof(text, octets),
  ttlSeconds: fc.integer({ min: 0, max: 0x7fff_ffff }),
  permissions: fc.integer({ min: 0, max: 15 }),
  timestampSeconds: safeNumber,
})

const references = fc.array(fc.record({ handle: text, index: fc.integer({ min: 0, max: 0xffff_ffff }) }), {
  minLength: 1,
  maxLength: 3,
})

export const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 4, arbitrary: plainValue },
  { weight: 1, arbitrary: fc.tuple(plainValue, references).map(([plain, its]) => ({ ...plain, references: its })) },
)

/** Ascending, as a record has them. */
export const values: fc.Arbitrary<Value[]> = fc
  .uniqueArray(value, { selector: ({ index }) => index, maxLength: 12 })
  .map((list) => list.sort((a, b) => a.index - b.index))

const common = { key: text, prefix: text, version: safeNumber, tier: fc.constant('redis' as const), stamp: safeNumber }

const record: fc.Arbitrary<IdentifierRecord> = fc.record({
  key: text,
  spelling: text,
  prefix: text,
  version: safeNumber,
  template: text,
  values,
  registeredAtMs: safeNumber,
  recordedAtMs: safeNumber,
})

export const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constant('found' as const), ...common, record }),
  // As the registry gives them: record and answer agree on key, prefix and version.
  fc.record({ kind: fc.constant('found' as const), ...common, record }).map((found) => ({
    ...found,
    record: { ...found.record, key: found.key, prefix: found.prefix, version: found.version },
  })),
  fc.record({
    kind: fc.constant('withdrawn' as const),
    ...common,
    spelling: text,
    withdrawnAtMs: safeNumber,
    reason: text,
  }),
  fc.record({ kind: fc.constant('absent' as const), ...common }),
  fc.record({
    kind: fc.constant('referral' as const),
    ...common,
    service: fc.record({ handle: text, sites: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }) }),
  }),
)
