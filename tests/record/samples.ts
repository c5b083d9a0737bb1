/** A record as a product's registration makes it, and its answer. */
import type { Found } from '../../src/record/answer.js'
import type { IdentifierRecord, Value } from '../../src/record/record.js'

export const NOW_SECONDS = 1_790_000_000

export function sampleValue(index: number, type: string, data: string | Uint8Array): Value {
  return { index, type, data, ttlSeconds: 86_400, permissions: 14, timestampSeconds: NOW_SECONDS }
}

export const PUMP: IdentifierRecord = {
  key: '88.118.8/jxdy2106023',
  spelling: '88.118.8/JXDY2106023',
  prefix: '88.118.8',
  version: 3,
  template: 'product',
  values: [
    sampleValue(1, 'URL', 'https://www.example.com/pump'),
    sampleValue(100, 'HS_ADMIN', Uint8Array.of(0x07, 0xf3)),
    sampleValue(2000, 'name', '离心泵 P-7'),
    sampleValue(2001, 'gtin', '06901234567892'),
  ],
  registeredAtMs: 1_780_000_000_000,
  recordedAtMs: 1_790_000_000_000,
}

export const PUMP_FOUND: Found = {
  kind: 'found',
  key: PUMP.key,
  prefix: PUMP.prefix,
  version: PUMP.version,
  tier: 'redis',
  stamp: 4711,
  record: PUMP,
}
