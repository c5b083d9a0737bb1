/** What every answer says of itself: version, age, where it came from, whether it is stale. */
import type { Answer, Tier } from '../../record/answer.js'

/** RFC 9211. */
const CACHE_STATUS: Readonly<Record<Tier, string>> = {
  memory: 'jiexi; hit; detail=memory',
  redis: 'jiexi; hit; detail=redis',
  registry: 'jiexi; fwd=miss; detail=registry',
  upstream: 'jiexi; fwd=miss; detail=upstream',
  remembered: 'jiexi; hit; detail=remembered',
}

/** Lower-case names. `Age` is the seconds since the answer was last known to be current: 0 unless stale. */
export function headersOfAnswer(answer: Answer, nowMs: number): Record<string, string> {
  const { stale } = answer
  const headers: Record<string, string> = {
    'cache-control': 'no-cache',
    vary: 'Accept',
    age: String(ageSecondsOf(answer, nowMs)),
    'cache-status': CACHE_STATUS[answer.tier],
    'jiexi-version': String(answer.version),
  }
  if (stale !== undefined) headers['jiexi-stale'] = `${stale.reason}; asof=${new Date(stale.asOfMs).toISOString()}`
  return headers
}

/** Seconds since the answer was last known to be current: 0 unless it is stale, or another node's. */
export function ageSecondsOf({ stale, asOfMs }: Answer, nowMs: number): number {
  const sinceMs = stale?.asOfMs ?? asOfMs
  return sinceMs === undefined ? 0 : Math.max(0, Math.floor((nowMs - sinceMs) / 1000))
}
