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
import { timingSafeEqual } from 'node:crypto'
import type { Answer } from '../record/answer.js'
import { encodeAnswer, lazyAnswer } from '../record/codec.js'
import type { EntryMac } from './entry-mac.js'

/** Another layout, or another codec, gets another one: entries of a node that is older or newer are as good as none. */
const MAGIC = 'J1'
const DIGITS = 16
const HEAD_OCTETS = MAGIC.length + 2 * DIGITS
const MAC_OCTETS = 16

/** The key an answer is kept under; another epoch has other keys. */
export function sharedKey(epoch: string, key: string): string {
  return `e:${epoch}:${key}`
}

export function encodeEntry(mac: EntryMac, redisKey: string, answer: Answer): Buffer {
  const encoded = encodeAnswer(answer)
  const entry = Buffer.allocUnsafe(HEAD_OCTETS + encoded.length + MAC_OCTETS)
  entry.write(MAGIC + digits(answer.version) + digits(answer.stamp), 'latin1')
  entry.set(encoded, HEAD_OCTETS)
  const macStart = HEAD_OCTETS + encoded.length
  entry.set(mac.of(redisKey, entry.subarray(0, macStart)).subarray(0, MAC_OCTETS), macStart)
  return entry
}

/**
 * The answer, or undefined when the bytes are not an entry that a node with this key wrote for this Redis key. It reads
 * the entry's octets on, which must not change any more.
 */
export function decodeEntry(mac: EntryMac, redisKey: string, entry: Buffer): Answer | undefined {
  const macStart = entry.length - MAC_OCTETS
  if (macStart < HEAD_OCTETS || entry.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  const expected = mac.of(redisKey, entry.subarray(0, macStart)).subarray(0, MAC_OCTETS)
  if (!timingSafeEqual(expected, entry.subarray(macStart))) return undefined
  return lazyAnswer(entry.subarray(HEAD_OCTETS, macStart))
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
