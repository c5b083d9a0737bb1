/**
 * A node of ours in the role of a top-level node: POST /v1/upward/reports/{table}, which takes each document once, so that
 * one that may have arrived at one of its addresses can be sent to another.
 */
import { messageOf } from '../../platform/errors.js'
import { type HttpResponse, sendRequest } from '../../platform/http-client.js'
import type { Destination, Document, Outcome } from './destination.js'

export interface NodeDestinationOptions {
  /** Of one node, such as `https://top.example`: whatever fails at one is tried at the next. Known by the first. */
  readonly addresses: readonly [string, ...string[]]
  readonly apiKey: string | undefined
  /** For a whole exchange with one of them. Default 20 s. */
  readonly timeoutMs?: number
}

const MAX_ANSWER_BYTES = 65_536
/** The receiver takes the document, and judges it: these say that it is the document. */
const REFUSALS: ReadonlySet<number> = new Set([400, 409, 413, 415, 422])

export function nodeDestination({ addresses, apiKey, timeoutMs = 20_000 }: NodeDestinationOptions): Destination {
  /** Of the one that answered last. */
  let at = 0

  async function sendTo(address: string, document: Document, signal: AbortSignal): Promise<Outcome> {
    try {
      const response = await sendRequest({
        url: `${baseOf(address)}/v1/upward/reports/${document.table}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
        content: document.text,
        timeoutMs,
        maxBytes: MAX_ANSWER_BYTES,
        signal,
      })
      return outcomeOf(response, document)
    } catch (error) {
      return { kind: 'failed', detail: messageOf(error) }
    }
  }

  return {
    name: baseOf(addresses[0]),
    async send(document, signal) {
      for (let tries = 1; ; tries++) {
        const outcome = await sendTo(addresses[at]!, document, signal)
        if (outcome.kind !== 'failed' || tries === addresses.length || signal.aborted) return outcome
        at = (at + 1) % addresses.length
      }
    },
  }
}

function baseOf(address: string): string {
  return address.replace(/\/+$/, '')
}

function outcomeOf({ status, headers, body }: HttpResponse, { table, period }: Document): Outcome {
  if (status === 200 || status === 201) {
    const answer = parsed(body)
    // Whatever answers 200 to everything is not what was asked for, and has not got the report.
    if (answer?.['table'] === table && answer?.['period'] === period) return { kind: 'delivered', detail: `${status}` }
    return { kind: 'failed', detail: `${status}, but the answer is not the receipt of a report.` }
  }
  const said = parsed(body)?.['detail']
  const detail = `${status} ${typeof said === 'string' ? said : ''}`.trim()
  if (REFUSALS.has(status)) return { kind: 'refused', detail }
  const seconds = Number(headers['retry-after'])
  return { kind: 'failed', detail, ...(seconds > 0 && { retryAfterSeconds: seconds }) }
}

function parsed(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
