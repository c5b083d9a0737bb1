/**
 * One entry in Redis. Redis is an untrusted accelerator: it may lose, resurrect, reorder or alter anything, so an entry
 * names its key and epoch under a MAC, and carries what the change feed is checked against.
 *
 *   entry   = "J1" version stamp body mac
 *   version = 16 decimal digits          ; the Lua script compares it
 *   stamp   = 16 decimal digits
 *   body    = encoded answer             ; record/codec.ts
 *   mac     = 16 octets                  ; HMAC-SHA256 over redis key, NUL, everything before; truncated (RFC 2104 §5)
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Answer } from '../record/answer.js'
import { decodeAnswer, encodeAnswer } from '../record/codec.js'

const MAGIC = 'J1'
const DIGITS = 16
const HEAD_OCTETS = MAGIC.length + 2 * DIGITS
const MAC_OCTETS = 16

/** The key an answer is kept under; another epoch has other keys. */
export function sharedKey(epoch: string, key: string): string {
  return `e:${epoch}:${key}`
}

export function encodeEntry(macKey: Buffer, redisKey: string, answer: Answer): Buffer {
  const head = MAGIC + digits(answer.version) + digits(answer.stamp)
  const content = Buffer.concat([Buffer.from(head, 'latin1'), encodeAnswer(answer)])
  return Buffer.concat([content, macOf(macKey, redisKey, content)])
}

/** The answer, or undefined when the bytes are not an entry that a node with this key wrote for this Redis key. */
export function decodeEntry(macKey: Buffer, redisKey: string, entry: Buffer): Answer | undefined {
  if (entry.length < HEAD_OCTETS + MAC_OCTETS) return undefined
  const content = entry.subarray(0, entry.length - MAC_OCTETS)
  if (!timingSafeEqual(macOf(macKey, redisKey, content), entry.subarray(entry.length - MAC_OCTETS))) return undefined
  const answer = decodeAnswer(content.subarray(HEAD_OCTETS))
  return { ...answer, tier: 'redis' }
}

/**
 * Keeps the higher version, and of one version the later stamp.
 * KEYS[1] entry; ARGV: entry, version, stamp, milliseconds to live, '1' to replace whatever is there.
 */
export const PUT_ENTRY_LUA = `
local held = redis.call('GET', KEYS[1])
if held and ARGV[5] ~= '1' then
  local version = tonumber(string.sub(held, 3, 18)) or -1
  local stamp = tonumber(string.sub(held, 19, 34)) or -1
  if version > tonumber(ARGV[2]) or (version == tonumber(ARGV[2]) and stamp >= tonumber(ARGV[3])) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
return 1
`

function digits(number: number): string {
  return String(number).padStart(DIGITS, '0')
}

function macOf(macKey: Buffer, redisKey: string, content: Buffer): Buffer {
  return createHmac('sha256', macKey).update(redisKey).update('\0').update(content).digest().subarray(0, MAC_OCTETS)
}
