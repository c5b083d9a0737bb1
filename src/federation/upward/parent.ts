/** The node above, as the one who tells it of changes sees it. */
import { messageOf, NodeError } from '../../platform/errors.js'
import {
  type HttpRequest,
  type HttpResponse,
  isNeverReached,
  readJson,
  sendRequest,
} from '../../platform/http-client.js'
import type { UpwardBatch, UpwardOutcome, UpwardPosition, UpwardRefusal } from '../../protocols/rest/upward.js'

export type Answered =
  | { readonly kind: 'taken'; readonly outcome: UpwardOutcome }
  /** It has not been told what came before. */
  | { readonly kind: 'gap'; readonly reason: string }
  /** The batch as a whole, for what is in it: a smaller one may be taken. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** It was reached, and has failed: perhaps because of what is in the batch. */
  | { readonly kind: 'broken'; readonly code: string; readonly reason: string }
  /** It was not reached, or the time is not right: to be told again. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

export interface Parent {
  /** null: it was told nothing yet. @throws NodeError when it cannot be asked, or does not know this node */
  position(): Promise<UpwardPosition | null>
  tell(batch: UpwardBatch): Promise<Answered>
}

export interface ParentOptions {
  /** Of one node, such as `https://node.example`; when one is away, fails or is busy, the next one is asked. */
  readonly addresses: readonly string[]
  readonly apiKey: string
  /** Stops what is under way. */
  readonly signal: AbortSignal
}

const TIMEOUT_MS = 20_000
/** 2,000 refusals, each with its reason. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20
const PATH = '/v1/upward/changes'
/** What is wrong is in the batch; all else may be right another time. */
const OF_THE_BATCH = [400, 413, 415, 422]
/** Not those that say that it is short of something: 503, 507. */
const BREAKDOWNS = [500, 501, 502, 504]
const GAP = 'sequence-gap'
const LONGEST_RETRY_AFTER_SECONDS = 600

export function parentNode({ addresses, apiKey, signal }: ParentOptions): Parent {
  let at = 0
  /** The last that was told to this address. */
  let wasTaken = false
  /** Since something told was answered. */
  let failures = 0

  function goOn(): void {
    at = (at + 1) % addresses.length
    wasTaken = false
  }

  function send(request: Pick<HttpRequest, 'method' | 'json'>): Promise<HttpResponse> {
    return sendRequest({
      ...request,
      url: new URL(PATH, addresses[at]).href,
      headers: { authorization: `Bearer ${apiKey}` },
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    })
  }

  async function answered(batch: UpwardBatch): Promise<Answered> {
    try {
      return answeredIn(await send({ method: 'POST', json: batch }), batch)
    } catch (error) {
      const reason = messageOf(error)
      return isNeverReached(error) ? { kind: 'failed', reason } : { kind: 'broken', code: 'no-answer', reason }
    }
  }

  return {
    async position() {
      try {
        const response = await send({})
        if (response.status !== 200) throw new NodeError('authority-unavailable', saidIn(response).reason)
        return positionIn(readJson(response))
      } catch (error) {
        goOn()
        throw error
      }
    },
    async tell(batch) {
      const answer = await answered(batch)
      failures = answer.kind === 'failed' ? failures + 1 : 0
      // What fails where something was taken just before may fail for what is in it, and so at every address.
      const isAway = answer.kind === 'failed' || (answer.kind === 'broken' && !wasTaken)
      wasTaken = answer.kind === 'taken'
      if (isAway) goOn()
      // For how long one of them wants to be left alone, another may have time.
      return answer.kind === 'failed' && failures < addresses.length
        ? { kind: 'failed', reason: answer.reason }
        : answer
    },
  }
}

function answeredIn(response: HttpResponse, batch: UpwardBatch): Answered {
  if (response.status === 200) return { kind: 'taken', outcome: outcomeIn(readJson(response), batch) }
  const { code, reason } = saidIn(response)
  if (response.status === 409 && code === GAP) return { kind: 'gap', reason }
  if (OF_THE_BATCH.includes(response.status)) return { kind: 'refused', code, reason }
  if (BREAKDOWNS.includes(response.status)) return { kind: 'broken', code, reason }
  const retryAfterSeconds = Number(response.headers['retry-after'])
  if (!(retryAfterSeconds > 0)) return { kind: 'failed', reason }
  return { kind: 'failed', reason, retryAfterMs: Math.min(retryAfterSeconds, LONGEST_RETRY_AFTER_SECONDS) * 1_000 }
}

const MAX_SAID_LENGTH = 1_000

function saidIn(response: HttpResponse): { readonly code: string; readonly reason: string } {
  const { code, detail } = problemIn(response)
  const said = typeof detail === 'string' ? detail : response.body.toString('utf8', 0, 200)
  return {
    code: typeof code === 'string' ? code.slice(0, 64) : `status-${response.status}`,
    reason: `The node above answered ${response.status}: ${said.slice(0, MAX_SAID_LENGTH)}`,
  }
}

function problemIn(response: HttpResponse): { readonly code?: unknown; readonly detail?: unknown } {
  try {
    return Object(readJson(response))
  } catch {
    return {}
  }
}

/** @throws NodeError `authority-unavailable`: whoever answered is no node that can be told */
function positionIn(answer: unknown): UpwardPosition | null {
  const { told } = Object(answer) as { readonly told?: unknown }
  if (told === null) return null
  const { epoch, position, walk } = Object(told) as Partial<UpwardPosition>
  const isRight = typeof epoch === 'string' && typeof position === 'string' && /^\d{1,15}\.\d{1,9}$/.test(position)
  if (!isRight || !(walk === null || typeof walk === 'string')) throw unlike('position')
  return { epoch, position, walk }
}

function outcomeIn(answer: unknown, { changes }: UpwardBatch): UpwardOutcome {
  const { refused, applied, repeated, ...position } = Object(answer) as Partial<UpwardOutcome>
  const isRefusal = ({ place, code, reason }: UpwardRefusal) =>
    Number.isInteger(place) &&
    place >= 0 &&
    place < changes.length &&
    typeof code === 'string' &&
    typeof reason === 'string'
  if (!Array.isArray(refused) || !refused.map(Object).every(isRefusal)) throw unlike('outcome')
  if (typeof applied !== 'number' || typeof repeated !== 'number') throw unlike('outcome')
  return { ...(positionIn({ told: position }) as UpwardPosition), applied, repeated, refused }
}

function unlike(what: string): NodeError {
  return new NodeError('authority-unavailable', `The answer of the node above is no ${what} of changes told.`)
}
