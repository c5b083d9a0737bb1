/** A write is tried again, on other nodes, until somebody knows what came of it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HttpLine, Reply, Request } from './http-line.js'
import type { NodeProcess } from './node-process.js'
import type { Random } from './random.js'
import type { WriteReceipt, WriteResult } from './record.js'

export interface Sender {
  readonly nodes: readonly NodeProcess[]
  readonly lines: readonly HttpLine[]
  readonly random: Random
  /** Gives nothing up early. */
  readonly isPatient?: boolean
}

export interface Attempt<Result> {
  readonly request: Request
  /** Without a key it is tried once: again, it might be carried out twice. */
  readonly idempotencyKey: string | undefined
  /** Acknowledged only once it shows everywhere. */
  readonly waits: boolean
  tried(): void
  /** undefined: nobody knows yet. */
  known(reply: Reply, by: By): Result | undefined
}

/** Who has answered. */
export interface By {
  readonly node: number
  readonly incarnation: number
  readonly atMs: number
}

const PATIENCE_MS = 2_000
/** Longer than the bound on staleness, which is what such a write waits for. */
const WAIT_PATIENCE_MS = PATIENCE_MS + 1_500
const GIVE_UP_AFTER_MS = 20_000
const RETRY_MS = 50
/** Of those with a key: given up so early that the write may well be carried out, and tried again when others have written. */
const IMPATIENT_SHARE = 0.15
const IMPATIENCE_MS = 15
const IMPATIENT_PAUSE_MS = 1_500

/** The result, or why there is none: the last reply was an error of the node's, or none came. */
export async function untilKnown<Result>(
  sender: Sender,
  attempt: Attempt<Result>,
): Promise<Result | { readonly kind: 'unknown'; readonly failure: string }> {
  const { nodes, lines, random } = sender
  const startedAtMs = performance.now()
  let isFirst = true
  for (let node = random.below(nodes.length); ; node = (node + 1) % nodes.length) {
    const { incarnation } = nodes[node]!
    const mayGiveUp = isFirst && !sender.isPatient && attempt.idempotencyKey !== undefined
    const isImpatient = mayGiveUp && random.next() < IMPATIENT_SHARE
    attempt.tried()
    const reply = await lines[node]!.ask(
      attempt.request,
      isImpatient ? 1 + random.below(IMPATIENCE_MS) : patience(attempt),
    )
    const by = { node, incarnation, atMs: performance.now() }
    const failure = failureOf(reply)
    const result = failure === undefined ? attempt.known(reply as Reply, by) : undefined
    if (result !== undefined) return result
    const isLast = attempt.idempotencyKey === undefined || performance.now() - startedAtMs > GIVE_UP_AFTER_MS
    if (isLast) return { kind: 'unknown', failure: failure ?? 'not understood' }
    await delay(isImpatient ? random.below(IMPATIENT_PAUSE_MS) : RETRY_MS)
    isFirst = false
  }
}

function patience({ waits }: Attempt<unknown>): number {
  return waits ? WAIT_PATIENCE_MS : PATIENCE_MS
}

function failureOf(reply: Reply | string): string | undefined {
  if (typeof reply === 'string') return reply
  return reply.status >= 500 || reply.status === 409 ? `status ${reply.status}` : undefined
}

type ReceiptJson = Omit<WriteReceipt, 'digest' | 'node' | 'incarnation'> & { readonly contentSha256: string | null }

export function acknowledged(receipt: ReceiptJson, { atMs, node, incarnation }: By): WriteResult {
  const { outcome, version, contentSha256, token } = receipt
  return { kind: 'acknowledged', atMs, receipt: { outcome, version, digest: contentSha256, token, node, incarnation } }
}
