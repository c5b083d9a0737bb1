import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EntryMac } from '../../src/resolution/entry-mac.js'

test('it is HMAC-SHA256, its first 16 octets, over the Redis key, NUL and the content, whatever their lengths', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((octets) => Buffer.from(octets))
  fc.assert(
    fc.property(bytes(200), fc.string({ unit: 'binary', maxLength: 80 }), bytes(2_000), (key, redisKey, content) => {
      expect(Buffer.from(new EntryMac(key).of(redisKey, content))).toEqual(hmac(key, redisKey, content))
    }),
    { numRuns: 500 },
  )
})

test('one after the other, long ones among them, they do not mix', () => {
  const key = Buffer.alloc(32, 7)
  const mac = new EntryMac(key)
  for (const length of [0, 65_400, 10, 65_536, 1_000_000, 1, 65_470]) {
    const content = Buffer.alloc(length, length % 251)
    expect(Buffer.from(mac.of(`key-${length}`, content))).toEqual(hmac(key, `key-${length}`, content))
  }
})

function hmac(key: Buffer, redisKey: string, content: Buffer): Buffer {
  return createHmac('sha256', key).update(redisKey).update('\0').update(content).digest().subarray(0, 16)
}
