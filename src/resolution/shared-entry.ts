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
import { type EntryMac, TAG_OCTETS } from './entry-mac.js'

/** Another layout, or another codec, gets another one: entries of a node that is older or newer are as good as none. */
const MAGIC = 'J1'
const DIGITS = 16
const HEAD_OCTETS = MAGIC.length + 2 * DIGITS

/** The key an answer is kept under; another epoch has other keys. */
export function sharedKey(epoch: string, key: string): string {
  return `e:${epoch}:${key}`
}

export function encodeEntry(mac: EntryMac, redisKey: string, answer: Answer): Buffer {
  const encoded = encodeAnswer(answer)
  const entry = Buffer.allocUnsafe(HEAD_OCTETS + encoded.length + TAG_OCTETS)
  entry.write(MAGIC + digits(answer.version) + digits(answer.stamp), 'latin1')
  entry.set(encoded, HEAD_OCTETS)
  const macStart = HEAD_OCTETS + encoded.length
  entry.set(mac.of(redisKey, entry.subarray(0, macStart)), macStart)
  return entry
}

/**
 * The answer, or undefined when the bytes are not an entry that a node with this key wrote for this Redis key. It reads
 * the entry's octets on, which must not change any more.
 */
export function decodeEntry(mac: EntryMac, redisKey: string, entry: Buffer): Answer | undefined {
  const macStart = entry.length - TAG_OCTETS
  if (macStart < HEAD_OCTETS || !isOurs(entry)) return undefined
  const expected = mac.of(redisKey, entry.subarray(0, macStart))
  if (!timingSafeEqual(expected, entry.subarray(macStart))) return undefined
  return lazyAnswer(entry.subarray(HEAD_OCTETS, macStart))
}

/**
 * Puts entries, each under its key, and gives how many it took: of one key the higher version stays, and of one version
 * the later stamp. What is no entry there, of whatever type, gives way.
 * KEYS entries' keys; ARGV: milliseconds to live, then for each key its entry, and '1' to replace whatever is there.
 */
export const PUT_ENTRIES_LUA = `
local function standing(entry)
  return tonumber(string.sub(entry, 3, 18)) or -1, tonumber(string.sub(entry, 19, 34)) or -1
end
local taken = 0
for at, key in ipairs(KEYS) do
  local entry, replace = ARGV[2 * at], ARGV[2 * at + 1]
  local held = redis.pcall('GETRANGE', key, 0, 33)
  local stays = false
  if type(held) == 'string' and replace ~= '1' then
    local heldVersion, heldStamp = standing(held)
    local version, stamp = standing(entry)
    stays = heldVersion > version or (heldVersion == version and heldStamp >= stamp)
  end
  if not stays then
    redis.call('SET', key, entry, 'PX', ARGV[1])
    taken = taken + 1
  end
end
return taken
`

function isOurs(entry: Buffer): boolean {
  for (let at = 0; at < MAGIC.length; at++) if (entry[at] !== MAGIC.charCodeAt(at)) return false
  return true
}

function digits(number: number): string {
  return String(number).padStart(DIGITS, '0')
}
