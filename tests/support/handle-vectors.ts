/** The vectors of tests/vectors/handle: octets of other programs. */
import { readFileSync } from 'node:fs'

const FOLDER = new URL('../vectors/handle/', import.meta.url)

export interface CapturedMessage {
  /** `peers/what/direction#number` */
  readonly name: string
  readonly transport: 'tcp' | 'udp' | 'http'
  readonly bytes: Buffer
}

/** What goes with what: all that was sent both ways for one purpose. */
export interface Exchange {
  readonly name: string
  readonly requests: readonly CapturedMessage[]
  readonly responses: readonly CapturedMessage[]
}

export function capturedMessages(): readonly CapturedMessage[] {
  const lines = readFileSync(new URL('messages.txt', FOLDER), 'utf8').split('\n')
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(readLine)
}

function readLine(line: string): CapturedMessage {
  const [name, transport, hex] = line.split(' ')
  if (hex === undefined || !['tcp', 'udp', 'http'].includes(transport!)) throw new Error(`not a vector: ${line}`)
  return { name: name!, transport: transport as CapturedMessage['transport'], bytes: Buffer.from(hex, 'hex') }
}

export function exchanges(): readonly Exchange[] {
  const groups = new Map<string, CapturedMessage[]>()
  for (const message of capturedMessages()) {
    const name = message.name.slice(0, message.name.lastIndexOf('/'))
    groups.set(name, [...(groups.get(name) ?? []), message])
  }
  return [...groups].map(([name, messages]) => ({
    name,
    requests: messages.filter((message) => message.name.includes('/request#')),
    responses: messages.filter((message) => message.name.includes('/response#')),
  }))
}

export interface ComputedCase {
  readonly name: string
  readonly description: string
  readonly hex: string
  readonly dataHex?: string
  readonly handle?: string
  readonly hash?: { readonly byPrefix: number; readonly bySuffix: number; readonly byAll: number }
  // biome-ignore lint/suspicious/noExplicitAny: JSON of another program, of many shapes
  readonly json?: any
  readonly [more: string]: unknown
}

export function computedCases(): readonly ComputedCase[] {
  const { cases } = JSON.parse(readFileSync(new URL('computed.json', FOLDER), 'utf8')) as {
    readonly cases: readonly ComputedCase[]
  }
  return cases
}

export function computedCase(name: string): ComputedCase {
  const found = computedCases().find((one) => one.name === name)
  if (found === undefined) throw new Error(`no computed vector ${name}`)
  return found
}

export function octetsOf(hex: unknown): Buffer {
  if (typeof hex !== 'string') throw new Error('no hexadecimal')
  return Buffer.from(hex, 'hex')
}
