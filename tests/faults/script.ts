/**
 * The language of faults: what happens to which part of the lab, when, and for how long.
 *
 *   script   = line *( ( LF / ";" ) line )
 *   line     = "at" time subject [ amount ] [ "for" time ] ; "#" begins a comment
 *   time     = number ( "ms" / "s" / "min" )
 *   subject  = "redis." … / "postgres." … / "node" ( "1" / "2" / "3" ) "." …
 *            / "proxy." ( "node" ( "1" / "2" / "3" ) / "all" ) "." ( "redis" / "postgres" ) "." …
 *
 *   at 3s redis.stop for 2s
 *   at 6s postgres.kill; at 10s proxy.node1.postgres.latency 80ms for 1s
 *
 * Times count from the beginning of the storm.
 */
export interface FaultKind {
  /** How long it lasts when the line does not say; undefined: it happens at once, and `for` is refused. */
  readonly forMs?: number
  /** Takes an amount of milliseconds. */
  readonly amount?: true
  readonly meaning: string
}

const LINE_FAULTS = {
  latency: { forMs: 1_000, amount: true, meaning: 'every byte is late by the amount' },
  hang: { forMs: 1_000, meaning: 'connections stay open and pass nothing on' },
  'hold-requests': { forMs: 1_000, meaning: 'black hole towards the server' },
  'hold-answers': { forMs: 1_000, meaning: 'black hole towards the node' },
  cut: { forMs: 1_000, meaning: 'connections end, new ones are refused' },
  reset: { meaning: 'every connection is reset, once' },
} as const satisfies Record<string, FaultKind>

export const FAULT_KINDS = {
  'redis.stop': { forMs: 1_500, meaning: 'SIGSTOP' },
  'redis.kill': { forMs: 500, meaning: 'SIGKILL; it comes back empty' },
  'redis.flush': { meaning: 'FLUSHALL' },
  'redis.rollback': { meaning: 'fail over to the replica, which is some seconds behind' },
  'redis.split': { forMs: 2_000, meaning: 'the first node uses the stale replica, the others the primary' },
  'redis.full': { forMs: 1_500, meaning: 'maxmemory reached, noeviction: every write is refused' },
  'redis.corrupt': { forMs: 1_500, meaning: 'bits flip on the way to and from Redis' },
  'redis.attack': { meaning: 'somebody writes garbage, wrong types, replayed and swapped entries into our keys' },
  'postgres.stop': { forMs: 1_500, meaning: 'SIGSTOP of all its processes' },
  'postgres.kill': { meaning: 'SIGKILL of all its processes, right after aborted transactions; it recovers' },
  'postgres.hold': { forMs: 2_000, meaning: 'a transaction that wrote to the feed stays open, then aborts' },
  'node.kill': { forMs: 300, meaning: 'SIGKILL; started again afterwards' },
  'node.pause': { forMs: 1_500, meaning: 'SIGSTOP' },
  'node.restart': { meaning: 'SIGTERM, and started again when it has ended' },
  ...prefixed('proxy.redis', LINE_FAULTS),
  ...prefixed('proxy.postgres', LINE_FAULTS),
} as const satisfies Record<string, FaultKind>

export type FaultName = keyof typeof FAULT_KINDS

export interface Fault {
  readonly atMs: number
  readonly name: FaultName
  /** 0, 1 or 2; undefined: all of them, or none in particular. */
  readonly node: number | undefined
  readonly amountMs: number
  /** 0 for what happens at once. */
  readonly forMs: number
  /** As written, without "at …". */
  readonly text: string
}

const LINE = /^at\s+(\S+)\s+(\S+)(?:\s+(?!for\b)(\S+))?(?:\s+for\s+(\S+))?$/
const SUBJECT = /^(?:(redis|postgres)|node([123])|proxy\.(?:node([123])|all)\.(redis|postgres))\.([a-z-]+)$/
const TIME = /^(\d+(?:\.\d+)?)(ms|s|min)$/
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000 }

/** In order of time. @throws Error that names each line at fault and what was expected */
export function parseScript(script: string): Fault[] {
  const faults: Fault[] = []
  const complaints: string[] = []
  for (const [index, line] of script.split('\n').entries()) {
    for (const part of line.replace(/#.*/, '').split(';')) {
      if (part.trim() === '') continue
      try {
        faults.push(parseLine(part.trim()))
      } catch (error) {
        complaints.push(`line ${index + 1}, "${part.trim()}": ${(error as Error).message}`)
      }
    }
  }
  if (complaints.length > 0) throw new Error(`The script of faults cannot be used.\n${complaints.join('\n')}`)
  return faults.sort((one, other) => one.atMs - other.atMs)
}

function parseLine(line: string): Fault {
  const [, at, subject, amount, duration] = LINE.exec(line) ?? []
  if (at === undefined || subject === undefined) throw new Error('write "at 3s redis.stop for 2s"')
  const { name, node } = parseSubject(subject)
  const kind: FaultKind = FAULT_KINDS[name]
  if (kind.amount && amount === undefined) throw new Error(`${name} needs an amount, such as "${subject} 80ms for 1s"`)
  if (!kind.amount && amount !== undefined) throw new Error(`${name} takes no amount ("${amount}")`)
  if (kind.forMs === undefined && duration !== undefined) throw new Error(`${name} happens at once: leave out "for"`)
  return {
    atMs: parseTime(at),
    name,
    node,
    amountMs: amount === undefined ? 0 : parseTime(amount),
    forMs: duration === undefined ? (kind.forMs ?? 0) : parseTime(duration),
    text: line.replace(/^at\s+\S+\s+/, ''),
  }
}

function parseSubject(subject: string): { name: FaultName; node: number | undefined } {
  const [, server, node, behindNode, behind, action] = SUBJECT.exec(subject) ?? []
  const name = `${server ?? (behind ? `proxy.${behind}` : 'node')}.${action}`
  const number = node ?? behindNode
  if (action !== undefined && isFaultName(name)) {
    return { name, node: number === undefined ? undefined : Number(number) - 1 }
  }
  throw new Error(`there is no fault "${subject}"; there are ${Object.keys(FAULT_KINDS).map(written).join(', ')}`)
}

function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(FAULT_KINDS, name)
}

/** `node.kill` → `node1.kill`, as it may be written. */
function written(name: string): string {
  return name.replace(/^node\./, 'node1.').replace(/^proxy\./, 'proxy.node1.')
}

function parseTime(text: string): number {
  const [, number, unit] = TIME.exec(text) ?? []
  if (number === undefined || unit === undefined) throw new Error(`"${text}" is no time: write 250ms, 3s or 1.5min`)
  return Number(number) * UNIT_MS[unit]!
}

function prefixed<Kinds extends Record<string, FaultKind>, Prefix extends string>(prefix: Prefix, kinds: Kinds) {
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [`${prefix}.${name}`, kind])) as {
    readonly [Name in keyof Kinds as `${Prefix}.${Name & string}`]: Kinds[Name]
  }
}
