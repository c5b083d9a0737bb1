/**
 * Readers: each asks its own node, once more another one when that fails, and puts down what it was told. Most ask for
 * one identifier at a time, as people do; some for many at once, which makes many checked answers of little work.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Catalogue, pickIn } from './catalogue.js'
import { HttpLine } from './http-line.js'
import type { NodeProcess } from './node-process.js'
import type { Random } from './random.js'
import { readItems, readReply, type Told, UNANSWERED } from './read-replies.js'
import type { ReadLog } from './record.js'
import type { Frontier } from './writer.js'

export interface ReadersOptions {
  readonly nodes: readonly NodeProcess[]
  readonly catalogue: Catalogue
  readonly frontier: Frontier
  readonly log: ReadLog
  readonly random: Random
  readonly count: number
  /** Of all readers together. */
  readonly perSecond: number
  readonly signal: AbortSignal
}

/** A node that says nothing for longer is left for another one. */
const PATIENCE_MS = 1_500
const TOKEN_SHARE = 0.02
const MIN_VERSION_SHARE = 0.03
/** Identifiers that are asked for in batches, of all. */
const BATCH_SHARE = 0.6
export const BATCH_SIZE = 40
const BATCH_READERS = 3

/** Resolves when all have ended, soon after the signal. */
export async function runReaders(options: ReadersOptions): Promise<void> {
  const { count, perSecond } = options
  const singly = (perSecond * (1 - BATCH_SHARE)) / count
  const batches = (perSecond * BATCH_SHARE) / BATCH_SIZE / BATCH_READERS
  const readers = Array.from({ length: count + BATCH_READERS }, (_, session) =>
    session < count
      ? runReader(options, { session, perSecond: singly, read: readOne })
      : runReader(options, { session, perSecond: batches, read: readBatch }),
  )
  await Promise.all(readers)
}

interface Task {
  readonly session: number
  readonly perSecond: number
  readonly read: (reader: Reader) => Promise<void>
}

async function runReader(options: ReadersOptions, { session, perSecond, read }: Task): Promise<void> {
  const { nodes, signal } = options
  const random = options.random.fork()
  const reader: Reader = {
    ...{ ...options, session, random, lines: nodes.map(({ port }) => new HttpLine(port)) },
    newest: new Map(),
  }
  const pauseMs = 1000 / perSecond
  let dueAtMs = performance.now() + random.next() * pauseMs
  while (!signal.aborted) {
    // Late ones are not made up for: a storm is no benchmark.
    const aheadMs = dueAtMs - performance.now()
    if (aheadMs >= 1) await delay(aheadMs)
    dueAtMs = Math.max(dueAtMs + pauseMs, performance.now() - pauseMs)
    await read(reader)
  }
  for (const line of reader.lines) line.close()
}

interface Reader extends ReadersOptions {
  readonly session: number
  readonly lines: readonly HttpLine[]
  /** The newest version it was shown, by key: what it may demand again anywhere. */
  readonly newest: Map<number, number>
}

async function readOne(reader: Reader): Promise<void> {
  const key = pickKey(reader)
  const demand = pickDemand(reader, key)
  const askedAtMs = performance.now()
  const node = ownNode(reader)
  if (await ask(reader, { key, node, askedAtMs, demand })) return
  await ask(reader, { key, node: otherNode(reader), askedAtMs, demand, isRetry: true })
}

async function readBatch(reader: Reader): Promise<void> {
  const keys = Array.from({ length: BATCH_SIZE }, () => pickKey(reader))
  const askedAtMs = performance.now()
  const left = await askMany(reader, { keys, node: ownNode(reader), askedAtMs })
  if (left.length > 0) await askMany(reader, { keys: left, node: otherNode(reader), askedAtMs, isRetry: true })
}

function ownNode({ session, lines }: Reader): number {
  return session % lines.length
}

function otherNode(reader: Reader): number {
  const { lines, random } = reader
  return (ownNode(reader) + 1 + random.below(lines.length - 1)) % lines.length
}

function pickKey({ catalogue, frontier, random }: Reader): number {
  const dice = random.next()
  if (dice < 0.7) return pickIn(catalogue.hot, random)
  if (dice < 0.85) return pickIn(catalogue.cool, random)
  if (dice < 0.87) return pickIn(catalogue.never, random)
  // Just registered, or about to be.
  const { from, to } = catalogue.newborn
  return Math.min(to - 1, Math.max(from, frontier.nextNewborn + 4 - random.below(12)))
}

/** What the look-up may not fall behind of. */
interface Demand {
  readonly token?: string
  readonly minVersion: number
}

function pickDemand({ frontier, newest, random }: Reader, key: number): Demand | undefined {
  const dice = random.next()
  if (dice < TOKEN_SHARE) {
    const receipt = frontier.newest.get(key)
    return receipt && { token: receipt.token, minVersion: receipt.version }
  }
  const minVersion = dice < TOKEN_SHARE + MIN_VERSION_SHARE ? newest.get(key) : undefined
  return minVersion === undefined ? undefined : { minVersion }
}

interface Asking {
  readonly node: number
  readonly askedAtMs: number
  readonly isRetry?: boolean
}

/** Whether there was an answer. */
async function ask(
  reader: Reader,
  { key, demand, ...asking }: Asking & { readonly key: number; readonly demand: Demand | undefined },
): Promise<boolean> {
  const { catalogue, lines, newest } = reader
  const query = demand !== undefined && demand.token === undefined ? `?min-version=${demand.minVersion}` : ''
  const headers = demand?.token === undefined ? [] : [`Jiexi-Token: ${demand.token}`]
  const path = `/v1/identifiers/${catalogue.keys[key]}${query}`
  const at = begun(reader, asking)
  const told = readReply(await lines[asking.node]!.ask({ method: 'GET', path, headers }, PATIENCE_MS))
  note(reader, { ...at, key, told, minVersion: demand?.minVersion ?? 0, isOfBatch: false })
  if (told.version > (newest.get(key) ?? 0)) newest.set(key, told.version)
  return told.outcome !== 'unanswered'
}

/** The keys for which there was none. */
async function askMany(
  reader: Reader,
  { keys, ...asking }: Asking & { readonly keys: readonly number[] },
): Promise<readonly number[]> {
  const { catalogue, lines } = reader
  const body = JSON.stringify({ identifiers: keys.map((key) => catalogue.keys[key]) })
  const at = begun(reader, asking)
  const reply = await lines[asking.node]!.ask({ method: 'POST', path: '/v1/resolve', body }, PATIENCE_MS)
  const items = readItems(reply, keys.length)
  const left: number[] = []
  for (const [place, key] of keys.entries()) {
    const told = items[place] ?? UNANSWERED
    note(reader, { ...at, key, told, minVersion: 0, isOfBatch: true })
    if (told.outcome === 'unanswered') left.push(key)
  }
  return left
}

function begun({ nodes }: Reader, { node, askedAtMs, isRetry = false }: Asking) {
  return { node, askedAtMs, isRetry, incarnation: nodes[node]!.incarnation, startedAtMs: performance.now() }
}

interface Noted extends ReturnType<typeof begun> {
  readonly key: number
  readonly told: Told
  readonly minVersion: number
  readonly isOfBatch: boolean
}

function note({ log, session }: Reader, { told, ...read }: Noted): void {
  log.add({ ...told, ...read, session, endedAtMs: performance.now() })
}
