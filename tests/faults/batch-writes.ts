/** Several hot identifiers registered anew in one request: all of it is carried out, once, or nothing. */
import { recordInput } from './catalogue.js'
import type { Reply, Request } from './http-line.js'
import type { Write, WriteResult } from './record.js'
import { acknowledged, type By, untilKnown } from './write-attempts.js'
import { noteNewest, type Writer } from './writer.js'

const MOST_ITEMS = 8

export async function writeBatch(writer: Writer): Promise<void> {
  const { writes, waits } = writer
  const first = writes.length + 1
  const idempotencyKey = `batch-write-${first}`
  const batch = pickKeys(writer).map((key, at): Write => {
    const number = first + at
    return {
      ...{ number, key, intent: 'register', waits, idempotencyKey, batch: first },
      ...{ tries: 0, startedAtMs: performance.now(), result: { kind: 'unknown', failure: 'under way' } },
    }
  })
  writes.push(...batch)
  const results = await untilKnown(writer, {
    ...{ request: requestOf(writer, batch), idempotencyKey, waits },
    tried: () => {
      for (const write of batch) write.tries += 1
    },
    known: resultsOf,
  })
  for (const [at, write] of batch.entries()) {
    write.result = Array.isArray(results) ? results[at]! : (results as WriteResult)
    noteNewest(writer, write)
  }
}

function pickKeys({ catalogue: { hot }, random }: Writer): readonly number[] {
  const keys = Array.from({ length: hot.to - hot.from }, (_, at) => hot.from + at)
  return random.shuffled(keys).slice(0, 2 + random.below(MOST_ITEMS - 1))
}

function requestOf({ catalogue, apiKey, waits }: Writer, batch: readonly Write[]): Request {
  const items = batch.map(({ key, number }) => {
    const identifier = catalogue.keys[key]!
    return { identifier, ...recordInput(identifier, number) }
  })
  return {
    method: 'POST',
    path: `/v1/identifiers:batch${waits ? '?wait=visible' : ''}`,
    headers: [`Authorization: Bearer ${apiKey}`, `Idempotency-Key: ${batch[0]!.idempotencyKey}`],
    body: JSON.stringify({ items }),
  }
}

type Item = { readonly status: number; readonly receipt?: Parameters<typeof acknowledged>[0] }

function resultsOf(reply: Reply, by: By): WriteResult[] | WriteResult {
  if (reply.status !== 200) return { kind: 'refused', status: reply.status }
  const { results } = JSON.parse(reply.body) as { readonly results: readonly Item[] }
  return results.map(({ status, receipt }) =>
    receipt === undefined ? { kind: 'refused', status } : acknowledged(receipt, by),
  )
}
