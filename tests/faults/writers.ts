/**
 * Writers: each writes something that tells its number, alone or with others in a batch. Some ask to be told only once
 * it shows everywhere (`?wait=visible`).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { writeBatch } from './batch-writes.js'
import { pickIn, recordInput, withdrawalReason } from './catalogue.js'
import { HttpLine, type Reply, type Request } from './http-line.js'
import type { Write, WriteResult } from './record.js'
import { acknowledged, type By, untilKnown } from './write-attempts.js'
import { noteNewest, type Writer, type WritersOptions } from './writer.js'

/** The others are written without a key and tried once. */
const IDEMPOTENT_SHARE = 0.7
const WITHDRAWN_SHARE = 0.08
const AMENDED_SHARE = 0.15
const BATCH_SHARE = 0.08
/** Writers for each write a second that waits: one takes little more than a second. */
const WAITING_WRITERS = 1.3

/** Resolves when every write has a result, some time after the signal. */
export async function runWriters(options: WritersOptions): Promise<void> {
  const { count, perSecond, waitShare = 0 } = options
  const waiting = perSecond * waitShare
  const atOnce = perSecond - waiting
  await Promise.all([
    ...times(atOnce > 0 ? count : 0, () => runWriter(options, { waits: false, pauseMs: (1000 * count) / atOnce })),
    ...times(Math.ceil(waiting * WAITING_WRITERS), () => runWriter(options, { waits: true, pauseMs: 50 })),
  ])
}

/** Registers every identifier of a span, before the storm. */
export async function registerAll(options: WritersOptions, keys: readonly number[]): Promise<void> {
  const writer: Writer = { ...options, isPatient: true, waits: false, lines: linesTo(options) }
  for (const key of keys) await writeOne(writer, { key, intent: 'register' })
  for (const line of writer.lines) line.close()
}

async function runWriter(
  options: WritersOptions,
  { waits, pauseMs }: { readonly waits: boolean; readonly pauseMs: number },
): Promise<void> {
  const random = options.random.fork()
  const writer: Writer = { ...options, random, lines: linesTo(options), waits }
  while (!options.signal.aborted) {
    if (random.next() < BATCH_SHARE) await writeBatch(writer)
    else await writeOne(writer, pickPlan(writer))
    await delay(pauseMs * 2 * random.next())
  }
  for (const line of writer.lines) line.close()
}

interface Plan {
  readonly key: number
  readonly intent: Write['intent']
}

function pickPlan({ catalogue, frontier, random }: Writer): Plan {
  const dice = random.next()
  if (dice < 0.15 && frontier.nextNewborn < catalogue.newborn.to) {
    frontier.nextNewborn += 1
    return { key: frontier.nextNewborn - 1, intent: 'register' }
  }
  return { key: pickIn(dice < 0.9 ? catalogue.hot : catalogue.cool, random), intent: pickIntent(random.next()) }
}

function pickIntent(dice: number): Plan['intent'] {
  if (dice < WITHDRAWN_SHARE) return 'withdraw'
  return dice < WITHDRAWN_SHARE + AMENDED_SHARE ? 'amend' : 'register'
}

async function writeOne(writer: Writer, { key, intent }: Plan): Promise<void> {
  const { writes, random, waits } = writer
  const number = writes.length + 1
  const write: Write = {
    ...{ number, key, intent, waits, tries: 0, startedAtMs: performance.now() },
    idempotencyKey: random.next() < IDEMPOTENT_SHARE ? `write-${number}` : undefined,
    result: { kind: 'unknown', failure: 'under way' },
  }
  writes.push(write)
  write.result = await untilKnown(writer, {
    ...{ request: requestOf(writer, write), idempotencyKey: write.idempotencyKey, waits },
    tried: () => {
      write.tries += 1
    },
    known: resultOf,
  })
  noteNewest(writer, write)
}

function requestOf({ catalogue, apiKey }: Writer, { key, number, intent, idempotencyKey, waits }: Write): Request {
  const spelling = catalogue.keys[key]!
  const headers = [
    `Authorization: Bearer ${apiKey}`,
    ...(idempotencyKey === undefined ? [] : [`Idempotency-Key: ${idempotencyKey}`]),
  ]
  const query = [
    ...(intent === 'withdraw' ? [`reason=${encodeURIComponent(withdrawalReason(number))}`] : []),
    ...(waits ? ['wait=visible'] : []),
  ]
  const path = `/v1/identifiers/${spelling}${query.length === 0 ? '' : `?${query.join('&')}`}`
  if (intent === 'withdraw') return { method: 'DELETE', path, headers }
  const record = recordInput(spelling, number)
  if (intent === 'register') return { method: 'PUT', path, headers, body: JSON.stringify(record) }
  const { name } = record.attributes
  return { method: 'PATCH', path, headers, body: JSON.stringify({ attributes: { name } }) }
}

function resultOf(reply: Reply, by: By): WriteResult {
  if (reply.status >= 300) return { kind: 'refused', status: reply.status }
  return acknowledged(JSON.parse(reply.body), by)
}

function linesTo({ nodes }: WritersOptions): HttpLine[] {
  return nodes.map(({ port }) => new HttpLine(port))
}

function times<Result>(count: number, start: () => Result): Result[] {
  return Array.from({ length: count }, start)
}
