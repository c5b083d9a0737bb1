/** Asks for every good at every place that is up, and says what came: what is right, what is marked, what is wrong. */
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Place } from './country.js'
import { contentOf, type Good } from './goods.js'

/** `stale`: right, and marked as what was known before; `unreachable`: a clear "could not ask". */
type Judgement = { readonly kind: 'right' | 'stale' | 'unreachable' | 'wrong'; readonly why: string }

export interface Census {
  readonly asked: number
  readonly right: number
  readonly stale: number
  readonly unreachable: number
  /** Each with place and identifier; all that is not as it should be. */
  readonly wrong: readonly string[]
  /** Asked again, since the answer was not as it should be. */
  readonly repeated: number
  readonly tookMs: number
}

export interface CensusOptions {
  readonly places: readonly Place[]
  readonly goods: readonly Good[]
  /** Past what is remembered: every answer is fetched from where it belongs, if that can be asked. */
  readonly authoritative: boolean
  readonly atOnce?: number
}

const AT_ONCE = 24
/** On a machine that is busy with other things a node may be late, or refuse for a moment: that is asked again, and counted. */
const MAX_TRIES = 5
const TIMEOUT_MS = 30_000

export async function takeCensus({ places, goods, authoritative, atOnce = AT_ONCE }: CensusOptions): Promise<Census> {
  const startedAtMs = performance.now()
  const down = new Set(places.filter(({ node }) => !node.isUp()).map(({ name }) => name))
  const counts = { asked: 0, right: 0, stale: 0, unreachable: 0, repeated: 0 }
  const wrong: string[] = []
  const agent = new Agent({ connections: atOnce, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS })
  async function askFor(place: Place, good: Good): Promise<void> {
    counts.asked += 1
    const judgement = await judged(place, good)
    const fault = faultOf(judgement, down.has(good.owner))
    if (fault !== undefined) wrong.push(`${place.name}, ${good.identifier}: ${fault}`)
    else counts[judgement.kind as 'right'] += 1
  }
  async function judged({ node }: Place, good: Good): Promise<Judgement> {
    for (let tries = 1; ; tries += 1) {
      const query = authoritative ? '?values=all&authoritative=1' : '?values=all'
      const url = `${node.url}/v1/identifiers/${good.identifier}${query}`
      const { statusCode, headers, body } = await request(url, { dispatcher: agent })
      const judgement = judge(good, { ...((await body.json()) as Said), statusCode, headers })
      const isToBe = judgement.kind === 'right' || (judgement.kind !== 'wrong' && down.has(good.owner))
      if (isToBe || tries === MAX_TRIES) return judgement
      counts.repeated += 1
      await delay(tries * 200 * (1 + Math.random()))
    }
  }
  try {
    for (const place of places.filter(({ node }) => node.isUp()))
      await inTurns(goods, atOnce, (good) => askFor(place, good))
  } finally {
    await agent.close()
  }
  return { ...counts, wrong, tookMs: performance.now() - startedAtMs }
}

interface Said {
  readonly values?: readonly { readonly type: string; readonly data: unknown }[]
  readonly code?: string
  readonly detail?: string
}

interface Answered extends Said {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, unknown>>
}

function judge(good: Good, { statusCode, headers, values, code, detail }: Answered): Judgement {
  if (statusCode === 503 && code === 'authority-unavailable') return { kind: 'unreachable', why: detail ?? '' }
  if (statusCode !== 200 || values === undefined)
    return { kind: 'wrong', why: `status ${statusCode} ${code}: ${detail}` }
  const content = contentOf(values)
  if (content !== good.content) return { kind: 'wrong', why: `${content} in place of ${good.content}` }
  const stale = headers['jiexi-stale']
  return stale === undefined ? { kind: 'right', why: '' } : { kind: 'stale', why: String(stale) }
}

/** Only of what a stopped node owns may there be old answers, or none. */
function faultOf({ kind, why }: Judgement, ownerIsDown: boolean): string | undefined {
  if (kind === 'wrong') return why
  return kind === 'right' || ownerIsDown ? undefined : `${kind}, though its owner is up: ${why}`
}

async function inTurns<Item>(
  items: readonly Item[],
  atOnce: number,
  use: (item: Item) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]()
  const worker = async () => {
    for (const item of left) await use(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const RECOVERY_MS = 120_000

/** After a node has come back: until every place gives what belongs to each, unmarked. @returns milliseconds */
export async function untilAllFound(places: readonly Place[], goods: readonly Good[]): Promise<number> {
  const startedAtMs = performance.now()
  const samples = places.flatMap(({ name }) => goods.filter(({ owner }) => owner === name).slice(0, 3))
  for (;;) {
    const { wrong } = await takeCensus({ places, goods: samples, authoritative: true, atOnce: 1 })
    const tookMs = performance.now() - startedAtMs
    if (wrong.length === 0) return tookMs
    if (tookMs > RECOVERY_MS) throw new Error(`Not all is found ${RECOVERY_MS / 1000} s after all are up: ${wrong[0]}`)
    await delay(200)
  }
}
