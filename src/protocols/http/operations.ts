/**
 * For those who run the node. `/livez`: the process answers; restart it if not. `/readyz`: look-ups can be answered;
 * send traffic elsewhere if not. Redis is an accelerator, so its loss never makes a node unready.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

/** What the node runs on and how that is doing. */
export interface Readiness {
  /** Whether look-ups can be answered: the feed is fresh, or stale answers may stand in. */
  readonly ready: boolean
  readonly parts: ReadinessParts
}

export interface ReadinessParts {
  readonly database: { readonly kind: 'external' | 'embedded'; readonly reachable: boolean; readonly version?: string }
  readonly redis: { readonly kind: 'external' | 'private' | 'none'; readonly up: boolean }
  /** `ageMs` is null before the first poll. */
  readonly feed: { readonly fresh: boolean; readonly ageMs: number | null }
  /** Ports of the Handle System's protocols; null: closed. */
  readonly handle: { readonly port: number | null; readonly httpPort: number | null }
  /** How the node above is told of changes; absent where none is. It never makes this one unready. */
  readonly upward?: UpwardReadiness
  /** Where several processes share the port. What else is said here is the answering one's. */
  readonly workers?: WorkersReadiness
}

export interface UpwardReadiness {
  /** Changes that are not acknowledged yet; at least so many, when `backlogIsLarger`. */
  readonly backlog: number
  readonly backlogIsLarger: boolean
  /** Age of the oldest of them. */
  readonly oldestSeconds: number
  /** What the node above did not take: `GET /v1/propagation?state=refused`. */
  readonly refused: number
  /** Everything is told anew. */
  readonly walking: boolean
  /** RFC 3339: since when it cannot be told anything; null: it can. */
  readonly failingSince: string | null
}

export interface WorkersReadiness {
  readonly up: number
  readonly wanted: number
  /** Which of them this is, from 1. */
  readonly answering: number
}

export interface OperationsOptions {
  readonly readiness: () => Readiness | Promise<Readiness>
  readonly metrics: { text(): Promise<string>; readonly contentType: string }
}

const PATHS = new Set(['/livez', '/readyz', '/metrics'])

/** Answered however much there is to do: who would otherwise know why the rest is refused? */
export function isForOperators({ url }: Pick<IncomingMessage, 'url'>): boolean {
  return PATHS.has(url ?? '')
}

export function operations(app: FastifyInstance, { readiness, metrics }: OperationsOptions): void {
  app.get('/livez', (_request, reply) => {
    reply.header('cache-control', 'no-store').send({ status: 'ok' })
  })
  app.get('/readyz', async (_request, reply) => {
    const { ready, parts } = await readiness()
    reply.code(ready ? 200 : 503).headers({ 'cache-control': 'no-store', ...(ready ? {} : { 'retry-after': '1' }) })
    return { status: ready ? 'ok' : 'not-ready', ...parts }
  })
  app.get('/metrics', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'content-type': metrics.contentType })
    return metrics.text()
  })
}
