/**
 * JSON (RFC 8259) that means one thing to everybody: what other parsers would read differently is refused, with its
 * position and the member it stands in. Refused beyond bad grammar: members that repeat, nesting deeper than 32,
 * numbers that a double would change, lone surrogates and U+0000 (Postgres stores neither), `__proto__`.
 *
 * The text is checked in one pass over its code units; JSON.parse then builds the values.
 */
import { isUtf8 } from 'node:buffer'
import { type Fault, NodeError } from '../../platform/errors.js'

export const MAX_DEPTH = 32

/** @throws NodeError `request-malformed`, its one fault naming member and position (UTF-16 code units; for bytes that are not UTF-8, octets). */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  checkJson(text)
  return JSON.parse(text)
}

/** @throws NodeError `request-malformed` when the bytes are not UTF-8 (RFC 3629: no overlong forms, no surrogates). */
export function decodeUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.toString('utf8')
  if (!isUtf8(buffer)) throw refusal('body', firstBadOctet(buffer, text), 'this octet is not UTF-8')
  return text
}

/** @throws NodeError as parseStrictJson */
export function checkJson(text: string): void {
  const scan: Scan = { text, at: 0, open: [] }
  for (;;) {
    skipSpace(scan)
    if (startValue(scan)) continue
    while (endOfValue(scan)) skipSpace(scan)
    if (scan.open.length === 0) break
  }
  skipSpace(scan)
  if (scan.at < text.length) fail(scan, 'nothing may follow the value')
}

interface Level {
  /** Names seen so far in an object; undefined in an array. */
  readonly names: Set<string> | undefined
  name: string
  index: number
}

interface Scan {
  readonly text: string
  at: number
  readonly open: Level[]
}

const QUOTE = 34
const MINUS = 45
const ZERO = 48
const NINE = 57
const BACKSLASH = 92
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y
const HEX = /^[\da-fA-F]{4}$/
const ESCAPES = '"\\/bfnrt'

/** True when it has opened an object or array, whose first value comes next. */
function startValue(scan: Scan): boolean {
  const { text } = scan
  const unit = text.charCodeAt(scan.at)
  if (unit === QUOTE) string(scan)
  else if (unit === MINUS || (unit >= ZERO && unit <= NINE)) number(scan)
  else if (unit === 0x7b || unit === 0x5b) return openLevel(scan, unit === 0x7b)
  else word(scan)
  return false
}

/** Takes "{" or "["; an empty one is a whole value, and then false. */
function openLevel(scan: Scan, isObject: boolean): boolean {
  if (scan.open.length === MAX_DEPTH) fail(scan, `nested deeper than ${MAX_DEPTH} levels`)
  scan.at += 1
  skipSpace(scan)
  if (scan.text[scan.at] === (isObject ? '}' : ']')) {
    scan.at += 1
    return false
  }
  scan.open.push({ names: isObject ? new Set() : undefined, name: '', index: 0 })
  if (isObject) member(scan)
  return true
}

/** After a value: takes what closes its surroundings, and says whether those were a value that has now ended too. */
function endOfValue(scan: Scan): boolean {
  const level = scan.open.at(-1)
  if (level === undefined) return false
  skipSpace(scan)
  const next = scan.text[scan.at]
  if (next === ',') {
    scan.at += 1
    level.index += 1
    if (level.names !== undefined) member(scan)
    return false
  }
  if (next !== (level.names === undefined ? ']' : '}')) fail(scan, unexpected(scan))
  scan.at += 1
  scan.open.pop()
  return true
}

function member(scan: Scan): void {
  skipSpace(scan)
  const level = scan.open[scan.open.length - 1]!
  level.name = ''
  const start = scan.at
  if (scan.text.charCodeAt(start) !== QUOTE) fail(scan, 'a member name in double quotes must stand here')
  const plain = string(scan)
  const name = plain ? scan.text.slice(start + 1, scan.at - 1) : (JSON.parse(scan.text.slice(start, scan.at)) as string)
  level.name = name
  if (level.names!.has(name)) fail({ ...scan, at: start }, 'this member stands here twice')
  if (name === '__proto__') fail({ ...scan, at: start }, 'this name is not allowed')
  level.names!.add(name)
  skipSpace(scan)
  if (scan.text[scan.at] !== ':') fail(scan, 'a colon must stand here')
  scan.at += 1
  skipSpace(scan)
}

/** True when it has no escapes, so that what stands between the quotes is the string. */
function string(scan: Scan): boolean {
  const { text } = scan
  let plain = true
  for (scan.at += 1; ; scan.at += 1) {
    const unit = text.charCodeAt(scan.at)
    if (unit === QUOTE) break
    if (unit === BACKSLASH) {
      plain = false
      escapeSequence(scan)
    } else if (!(unit >= 0x20)) {
      fail(scan, scan.at >= text.length ? 'the text ends within a string' : 'a control character must be escaped')
    }
  }
  scan.at += 1
  return plain
}

/** At the backslash; leaves `at` on the last unit of the escape. */
function escapeSequence(scan: Scan): void {
  const { text, at } = scan
  if (text[at + 1] !== 'u') {
    if (at + 1 >= text.length || !ESCAPES.includes(text[at + 1]!)) fail(scan, 'there is no such escape')
    scan.at += 1
    return
  }
  const unit = hex(scan, at + 2)
  scan.at += 5
  if (unit === 0) fail({ ...scan, at }, 'U+0000 cannot be stored')
  if (unit < 0xd800 || unit > 0xdfff) return
  const low = unit < 0xdc00 && text.startsWith('\\u', at + 6) ? hex(scan, at + 8) : 0
  if (low < 0xdc00 || low > 0xdfff) fail({ ...scan, at }, 'half of a surrogate pair stands alone')
  scan.at += 6
}

function hex(scan: Scan, start: number): number {
  const digits = scan.text.slice(start, start + 4)
  if (!HEX.test(digits)) fail(scan, 'four hexadecimal digits must follow \\u')
  return Number.parseInt(digits, 16)
}

function number(scan: Scan): void {
  NUMBER.lastIndex = scan.at
  const found = NUMBER.exec(scan.text)
  if (found === null) fail(scan, unexpected(scan))
  const value = Number(found[0])
  const isInteger = found[1] === undefined && found[2] === undefined
  if (!Number.isFinite(value) || (isInteger && !Number.isSafeInteger(value)))
    fail(scan, 'this number is too large to be kept exactly; write it as a string')
  scan.at += found[0].length
}

function word(scan: Scan): void {
  for (const one of ['true', 'false', 'null']) {
    if (scan.text.startsWith(one, scan.at)) {
      scan.at += one.length
      return
    }
  }
  fail(scan, unexpected(scan))
}

function skipSpace(scan: Scan): void {
  for (;;) {
    const unit = scan.text.charCodeAt(scan.at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
    scan.at += 1
  }
}

function unexpected({ text, at }: Scan): string {
  return at >= text.length ? 'the text ends too early' : `${named(text.codePointAt(at)!)} must not stand here`
}

const BYTE_ORDER_MARK = 0xfeff

/** What cannot be seen is told by its number. */
function named(codePoint: number): string {
  if (codePoint === BYTE_ORDER_MARK) return 'U+FEFF (byte order mark)'
  const character = String.fromCodePoint(codePoint)
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return JSON.stringify(character)
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`
}

function fail(scan: Scan, reason: string): never {
  throw refusal(pathOf(scan), scan.at, reason)
}

/** `attributes.name`, `items[3].values[0]`; the whole is `body`. */
function pathOf({ open }: Scan): string {
  let path = ''
  for (const { names, name, index } of open) {
    if (names === undefined) path += `[${index}]`
    else if (name !== '') path += path === '' ? name : `.${name}`
  }
  return path === '' ? 'body' : path.slice(0, 200)
}

function refusal(field: string, position: number, reason: string): NodeError {
  const fault: Fault = { field, position, reason }
  return new NodeError('request-malformed', `The JSON cannot be taken: ${reason} (${field}, position ${position}).`, {
    faults: [fault],
  })
}

function firstBadOctet(buffer: Buffer, text: string): number {
  // Decoding put U+FFFD where something was wrong; one that the sender wrote stands there as EF BF BD.
  let octet = 0
  let from = 0
  for (;;) {
    const unit = text.indexOf('\ufffd', from)
    if (unit < 0) return octet
    octet += Buffer.byteLength(text.slice(from, unit))
    if (!(buffer[octet] === 0xef && buffer[octet + 1] === 0xbf && buffer[octet + 2] === 0xbd)) return octet
    octet += 3
    from = unit + 1
  }
}
