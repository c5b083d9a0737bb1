/** Writers: each writes something that tells its number, and tries again on other nodes until it knows what came of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Catalogue, pickIn, recordInput, withdrawalReason } from './catalogue.js'
import { HttpLine, type Reply, type Request } from './http-line.js'
import type { NodeProcess } from './node-process.js'
import type { Random } from './random.js'
import type { Write, WriteReceipt, WriteResult } from './record.js'

/** Where writers are, for readers to look at the same places. */
export interface Frontier {
  nextNewborn: number
  /** The newest receipt of a key. */
  readonly newest: Map<number, WriteReceipt>
}

export interface WritersOptions {
  readonly nodes: readonly NodeProcess[]
  readonly catalogue: Catalogue
  readonly frontier: Frontier
  readonly writes: Write[]
  readonly apiKey: string
  readonly random: Random
  readonly count: number
  /** Of all writers together. */
  readonly perSecond: number
  readonly signal: AbortSignal
}

const PATIENCE_MS = 2_000
const GIVE_UP_AFTER_MS = 20_000
const RETRY_MS = 50
/** The others are written without a key and tried once. */
const IDEMPOTENT_SHARE = 0.7
const WITHDRAWN_SHARE = 0.08
/** Of those with a key: given up so early that the write may well be carried out, and tried again when others have written. */
const IMPATIENT_SHARE = 0.15
const IMPATIENCE_MS = 15
const IMPATIENT_PAUSE_MS = 1_500

/** Resolves when every write has a result, some time after the signal. */
export async function runWriters(options: WritersOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.count }, () => runWriter(options)))
}

async function runWriter(options: WritersOptions): Promise<void> {
  const { nodes, count, perSecond, signal } = options
  const writer = { ...options, random: options.random.fork(), lines: nodes.map(({ port }) => new HttpLine(port)) }
  const pauseMs = (1000 * count) / perSecond
  while (!signal.aborted) {
    await writeOnce(writer, pickKey(writer))
    await delay(pauseMs * 2 * writer.random.next())
  }
  for (const line of writer.lines) line.close()
}

/** Registers every identifier of a span, before the storm. */
export async function registerAll(options: WritersOptions, keys: readonly number[]): Promise<void> {
  const writer = { ...options, isPatient: true, lines: options.nodes.map(({ port }) => new HttpLine(port)) }
  for (const key of keys) await writeOnce(writer, { key, intent: 'register' })
  for (const line of writer.lines) line.close()
}

interface Writer extends WritersOptions {
  readonly lines: readonly HttpLine[]
  readonly isPatient?: boolean
}

interface Plan {
  readonly key: number
  readonly intent: Write['intent']
}

function pickKey({ catalogue, frontier, random }: Writer): Plan {
  const dice = random.next()
  if (dice < 0.15 && frontier.nextNewborn < catalogue.newborn.to) {
    frontier.nextNewborn += 1
    return { key: frontier.nextNewborn - 1, intent: 'register' }
  }
  const key = pickIn(dice < 0.9 ? catalogue.hot : catalogue.cool, random)
  return { key, intent: random.next() < WITHDRAWN_SHARE ? 'withdraw' : 'register' }
}

async function writeOnce(writer: Writer, { key, intent }: Plan): Promise<void> {
  const { writes, random, frontier } = writer
  const number = writes.length + 1
  const write: Write = {
    ...{
      number,
      key,
      intent,
      tries: 0,
      startedAtMs: performance.now(),
      result: { kind: 'unknown', failure: 'not tried' },
    },
    idempotencyKey: random.next() < IDEMPOTENT_SHARE ? `write-${number}` : undefined,
  }
  writes.push(write)
  write.result = await untilKnown(writer, write)
  if (write.result.kind !== 'acknowledged') return
  const { receipt } = write.result
  if (receipt.version > (frontier.newest.get(key)?.version ?? 0)) frontier.newest.set(key, receipt)
}

async function untilKnown(writer: Writer, write: Write): Promise<WriteResult> {
  const { nodes, lines, random } = writer
  const request = requestOf(writer, write)
  for (let node = random.below(nodes.length); ; node = (node + 1) % nodes.length) {
    write.tries += 1
    const { incarnation } = nodes[node]!
    const isImpatient = mayGiveUp(writer, write) && random.next() < IMPATIENT_SHARE
    const reply = await lines[node]!.ask(request, isImpatient ? 1 + random.below(IMPATIENCE_MS) : PATIENCE_MS)
    const result = resultOf(reply, { node, incarnation })
    const isLast = write.idempotencyKey === undefined || performance.now() - write.startedAtMs > GIVE_UP_AFTER_MS
    if (result.kind !== 'unknown' || isLast) return result
    await delay(isImpatient ? random.below(IMPATIENT_PAUSE_MS) : RETRY_MS)
  }
}

function mayGiveUp({ isPatient = false }: Writer, { idempotencyKey, tries }: Write): boolean {
  return !isPatient && idempotencyKey !== undefined && tries === 1
}

function requestOf({ catalogue, apiKey }: Writer, { key, number, intent, idempotencyKey }: Write): Request {
  const spelling = catalogue.keys[key]!
  const headers = [
    `Authorization: Bearer ${apiKey}`,
    ...(idempotencyKey === undefined ? [] : [`Idempotency-Key: ${idempotencyKey}`]),
  ]
  const path = `/v1/identifiers/${spelling}`
  if (intent === 'register')
    return { method: 'PUT', path, headers, body: JSON.stringify(recordInput(spelling, number)) }
  return { method: 'DELETE', path: `${path}?reason=${encodeURIComponent(withdrawalReason(number))}`, headers }
}

function resultOf(reply: Reply | string, by: { readonly node: number; readonly incarnation: number }): WriteResult {
  const atMs = performance.now()
  if (typeof reply === 'string') return { kind: 'unknown', failure: reply }
  if (reply.status >= 500 || reply.status === 409) return { kind: 'unknown', failure: `status ${reply.status}` }
  if (reply.status >= 300) return { kind: 'refused', status: reply.status }
  const { outcome, version, contentSha256, token } = JSON.parse(reply.body)
  return { kind: 'acknowledged', atMs, receipt: { outcome, version, digest: contentSha256, token, ...by } }
}
