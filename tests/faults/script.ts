/**
 * The language of faults: what happens to which part of the lab, when, and for how long.
 *
 *   script   = line *( ( LF / ";" ) line )
 *   line     = "at" time subject [ amount ] [ "for" time ] ; "#" begins a comment
 *   subject  = "redis." … / "postgres." … / "net." … / "node" ( "1" / "2" / "3" ) "." …
 *            / "proxy." ( "node" ( "1" / "2" / "3" ) / "all" ) "." ( "redis" / "postgres" / "both" ) "." …
 *   amount   = time / rate / offset / factor     ; whichever the fault takes
 *   time     = number ( "ms" / "s" / "min" )
 *   rate     = number ( "B" / "kB" / "MB" )      ; octets a second
 *   offset   = ( "+" / "-" ) number ( "ms" / "s" / "min" / "h" / "d" )
 *   factor   = "x" number
 *
 *   at 3s redis.stop for 2s
 *   at 6s postgres.kill; at 10s proxy.node1.postgres.latency 80ms for 1s
 *   at 12s node2.clock -400d for 2s
 *
 * Times count from the beginning of the storm.
 */
import { AMOUNTS, parseTime } from './amounts.js'
import { FAULT_KINDS, type FaultKind, type FaultName } from './fault-kinds.js'

export interface Fault {
  readonly atMs: number
  readonly name: FaultName
  /** 0, 1 or 2; undefined: all of them, or none in particular. */
  readonly node: number | undefined
  /** Milliseconds, octets a second or a factor, as the fault takes it; 0 for none. */
  readonly amount: number
  /** 0 for what happens at once. */
  readonly forMs: number
  /** As written, without "at …". */
  readonly text: string
}

const LINE = /^at\s+(\S+)\s+(\S+)(?:\s+(?!for\b)(\S+))?(?:\s+for\s+(\S+))?$/
const SUBJECT = /^(?:(redis|postgres|net)|node([123])|proxy\.(?:node([123])|all)\.(redis|postgres|both))\.([a-z-]+)$/

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
  const amountKind = kind.amount && AMOUNTS[kind.amount]
  if (amountKind && amount === undefined)
    throw new Error(`${name} needs an amount, such as "${subject} ${amountKind.example} for 1s"`)
  if (!amountKind && amount !== undefined) throw new Error(`${name} takes no amount ("${amount}")`)
  if (kind.forMs === undefined && duration !== undefined) throw new Error(`${name} happens at once: leave out "for"`)
  return {
    atMs: parseTime(at),
    name,
    node,
    amount: amountKind ? amountKind.parse(amount!) : 0,
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
