/**
 * Structured log: one JSON object a line, `{"time","level","msg",…fields}`. Lines are bounded, and secrets do not get in:
 * fields named like one are replaced, and so are our API keys and the passwords of addresses wherever they stand.
 *
 * Takes `(message, fields)` as well as `(fields, message)`, as pino and Fastify do.
 */
import type { Clock } from './clock.js'
import { heldLines } from './held-lines.js'

const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 100 } as const
export type Level = keyof typeof LEVELS

export type Fields = Readonly<Record<string, unknown>>
export type Write = (first: string | object, second?: string | object) => void

export interface Logger {
  readonly level: Level
  readonly trace: Write
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
  readonly fatal: Write
  readonly silent: Write
  /** The same log with these fields on every line. */
  child(fields: Fields): Logger
  /** The same log for lines that come often and may wait a moment, to be written together. */
  unhurried(): Logger
}

export interface LoggerOptions {
  readonly level: Level
  readonly clock: Clock
  readonly fields?: Fields
  /** Takes lines with their line ends. Default: standard output. */
  readonly write?: (lines: string) => unknown
}

const MAX_TEXT_LENGTH = 2_000
const MAX_STACK_LENGTH = 4_000
const MAX_MEMBERS = 32
const MAX_DEPTH = 4
const SECRET_NAME = /pass(word|wd)?$|secret|token|authorization|cookie|(api|admin|mac|private)[-_]?key/i
const API_KEY = /\bjx_[a-z0-9]+_[\w-]{20,}/gi
const ADDRESS_PASSWORD = /(:\/\/[^\s/:@]*:)[^\s/@]+@/g
/** What the two begin with: most texts hold neither, and one search is enough for them. */
const MAY_HOLD_SECRET = /jx_|:\/\//i
const HIDDEN = '[hidden]'

export function logger(options: LoggerOptions): Logger {
  const write = options.write ?? ((lines: string) => process.stdout.write(lines))
  const at = (level: Level): Write => {
    if (LEVELS[level] < LEVELS[options.level] || level === 'silent') return ignore
    return (first, second) => {
      const [fields, message] = typeof first === 'string' ? [second, first] : [first, second]
      const time = new Date(options.clock.nowMs()).toISOString()
      const own = fieldsOf(fields)
      const msg = cleanText(String(message ?? own['message'] ?? ''))
      const line = { time, level, msg }
      addBounded(line, options.fields ?? {}, MAX_DEPTH)
      addBounded(line, own, MAX_DEPTH)
      write(`${JSON.stringify(line)}\n`)
    }
  }
  return {
    level: options.level,
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    silent: ignore,
    child: (fields) => logger({ ...options, fields: { ...options.fields, ...fields } }),
    unhurried: () => logger({ ...options, write: heldLines(write) }),
  }
}

function fieldsOf(fields: unknown): Fields {
  if (fields instanceof Error) return { err: fields }
  return typeof fields === 'object' && fields !== null ? (fields as Fields) : {}
}

function boundedValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return describeError(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth === 0) return Array.isArray(value) ? '[…]' : '{…}'
  if (!Array.isArray(value)) return addBounded({}, value as Fields, depth)
  const shown = value.slice(0, MAX_MEMBERS).map((member) => boundedValue(member, depth - 1))
  return value.length > MAX_MEMBERS ? [...shown, `… ${value.length - MAX_MEMBERS} more`] : shown
}

/** Adds the members to what is shown already. Spreading one object after another into a new one would take most of a line's time. */
function addBounded(shown: Record<string, unknown>, value: Fields, depth: number): Fields {
  const names = Object.keys(value)
  for (let at = 0; at < names.length && at < MAX_MEMBERS; at++) {
    const name = names[at]!
    const member = value[name]
    const isSecret = member !== undefined && member !== null && SECRET_NAME.test(name)
    shown[name] = isSecret ? HIDDEN : boundedValue(member, depth - 1)
  }
  if (names.length > MAX_MEMBERS) shown['…'] = names.length - MAX_MEMBERS
  return shown
}

/** Of an error only what is known to be harmless: drivers hang parameters and whole requests on theirs. */
function describeError(error: Error, depth: number): object {
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: cleanText(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack ? { stack: cleanText(error.stack, MAX_STACK_LENGTH) } : {}),
    ...(error.cause instanceof Error && depth > 0 ? { cause: describeError(error.cause, depth - 1) } : {}),
  }
}

function cleanText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  // Cut before searching, so that the search is bounded too; a margin keeps a secret at the cut whole.
  const start = text.length > maxLength + 200 ? text.slice(0, maxLength + 200) : text
  const clean = MAY_HOLD_SECRET.test(start)
    ? start.replace(API_KEY, HIDDEN).replace(ADDRESS_PASSWORD, `$1${HIDDEN}@`)
    : start
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength)}…`
}

function ignore(): void {
  // Below the level.
}
