/** Readers: each asks its own node, once more another one when that fails, and puts down what it was told. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Catalogue, contentIn, pickIn } from './catalogue.js'
import { fieldOf, HttpLine, type Reply } from './http-line.js'
import type { NodeProcess } from './node-process.js'
import type { Random } from './random.js'
import type { Outcome, ReadLog } from './record.js'
import type { Frontier } from './writers.js'

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

/** Resolves when all have ended, soon after the signal. */
export async function runReaders(options: ReadersOptions): Promise<void> {
  const readers = Array.from({ length: options.count }, (_, session) => runReader(options, session))
  await Promise.all(readers)
}

async function runReader(options: ReadersOptions, session: number): Promise<void> {
  const { nodes, count, perSecond, signal } = options
  const random = options.random.fork()
  const reader = { ...options, session, random, lines: nodes.map(({ port }) => new HttpLine(port)) }
  const pauseMs = (1000 * count) / perSecond
  let dueAtMs = performance.now() + random.next() * pauseMs
  while (!signal.aborted) {
    // Late ones are not made up for: a storm is no benchmark.
    const aheadMs = dueAtMs - performance.now()
    if (aheadMs >= 1) await delay(aheadMs)
    dueAtMs = Math.max(dueAtMs + pauseMs, performance.now() - pauseMs)
    await readOnce(reader)
  }
  for (const line of reader.lines) line.close()
}

interface Reader extends ReadersOptions {
  readonly session: number
  readonly lines: readonly HttpLine[]
}

async function readOnce(reader: Reader): Promise<void> {
  const { random, lines, session, frontier } = reader
  const key = pickKey(reader)
  const askedAtMs = performance.now()
  const receipt = random.next() < TOKEN_SHARE ? frontier.newest.get(key) : undefined
  const demand = receipt === undefined ? undefined : { token: receipt.token, minVersion: receipt.version }
  const first = session % lines.length
  if (await ask(reader, { key, node: first, askedAtMs, demand })) return
  await ask(reader, {
    key,
    node: (first + 1 + random.below(lines.length - 1)) % lines.length,
    askedAtMs,
    demand,
    isRetry: true,
  })
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

interface Asking {
  readonly key: number
  readonly node: number
  readonly askedAtMs: number
  readonly demand: { readonly token: string; readonly minVersion: number } | undefined
  readonly isRetry?: boolean
}

/** Whether there was an answer. */
async function ask(reader: Reader, { key, node, askedAtMs, demand, isRetry = false }: Asking): Promise<boolean> {
  const { nodes, lines, catalogue, log, session } = reader
  const headers = demand === undefined ? [] : [`Jiexi-Token: ${demand.token}`]
  const { incarnation } = nodes[node]!
  const startedAtMs = performance.now()
  const reply = await lines[node]!.ask(
    { method: 'GET', path: `/v1/identifiers/${catalogue.keys[key]}`, headers },
    PATIENCE_MS,
  )
  log.add({
    ...readOutcome(reply),
    ...{ startedAtMs, endedAtMs: performance.now(), askedAtMs },
    ...{ key, session, node, incarnation, isRetry, minVersion: demand?.minVersion ?? 0 },
  })
  return typeof reply !== 'string' && outcomeOf(reply) !== 'unanswered'
}

function readOutcome(reply: Reply | string) {
  const none = { outcome: 'unanswered' as const, version: 0, content: 0, isStale: false }
  if (typeof reply === 'string') return { ...none, failure: reply }
  const outcome = outcomeOf(reply)
  if (outcome === 'unanswered') return { ...none, failure: `status ${reply.status}` }
  return {
    outcome,
    failure: '',
    version: Number(fieldOf(reply, 'jiexi-version') ?? 0),
    content: contentIn(reply.body),
    isStale: fieldOf(reply, 'jiexi-stale') !== undefined,
  }
}

function outcomeOf({ status }: Reply): Outcome {
  if (status === 200) return 'found'
  if (status === 410) return 'withdrawn'
  return status === 404 ? 'absent' : 'unanswered'
}
