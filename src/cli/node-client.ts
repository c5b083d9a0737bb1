/** The node, over HTTP: what it refuses becomes a Failure in its own words. */
import { isUnavailable, messageOf, NodeError } from '../platform/errors.js'
import { type HttpRequest, type HttpResponse, readJson, sendRequest } from '../platform/http-client.js'
import { Failure } from './failure.js'
import type { ClientConfig } from './settings.js'

export interface NodeClient {
  readonly url: string
  /** Any answer, whatever its status. @throws NodeError `authority-unavailable` when there is none */
  send(request: NodeRequest): Promise<HttpResponse>
  /** As `send`. @throws Failure that says how to name the node when there is no answer */
  reach(request: NodeRequest): Promise<HttpResponse>
  /** The JSON of a good answer. @throws Failure with the node's own words otherwise */
  json<Shape>(request: NodeRequest): Promise<Shape>
  /** All items of a list, page by page. */
  list<Item>(path: string, parameters?: Readonly<Record<string, string>>): AsyncGenerator<Item>
}

export type NodeRequest = Omit<HttpRequest, 'url'> & { readonly path: string }

export function nodeClient({ nodeUrl, apiKey }: ClientConfig): NodeClient {
  const authorization = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const client: NodeClient = {
    url: nodeUrl,
    send: ({ path, headers, ...request }) =>
      sendRequest({ ...request, url: nodeUrl + path, headers: { ...authorization, ...headers } }),
    reach: (request) => answerOf(client, request),
    async json<Shape>(request: NodeRequest): Promise<Shape> {
      const response = await client.reach(request)
      if (response.status >= 300) throw refusal(response)
      return readJson(response) as Shape
    },
    async *list<Item>(path: string, parameters: Readonly<Record<string, string>> = {}) {
      let after: string | null = null
      do {
        const query = new URLSearchParams({ limit: '1000', ...parameters, ...(after === null ? {} : { after }) })
        const page: { items: Item[]; next: string | null } = await client.json({ path: `${path}?${query}` })
        yield* page.items
        after = page.next
      } while (after !== null)
    },
  }
  return client
}

async function answerOf(client: NodeClient, request: NodeRequest): Promise<HttpResponse> {
  try {
    return await client.send(request)
  } catch (error) {
    if (error instanceof NodeError && isUnavailable(error)) throw unreachable(error)
    throw error
  }
}

export function unreachable(error: unknown): Failure {
  return new Failure(`The node gave no answer: ${messageOf(error)} (--node or JIEXI_NODE says where it is.)`, {
    cause: error,
  })
}

interface ProblemLike {
  readonly title?: string
  readonly detail?: string
  readonly code?: string
  readonly faults?: readonly { readonly field: string; readonly position?: number; readonly reason: string }[]
}

const SEE_FAULTS = / \(and \d+ more, see faults\)/
const MAX_FAULT_LINES = 20

/** A problem document (RFC 9457) as lines for people. */
export function refusal(response: HttpResponse): Failure {
  const problem = problemOf(response)
  const detail = problem.detail ?? problem.title ?? `The node answered with status ${response.status}.`
  const faults = problem.faults ?? []
  // Such a detail tells the first fault; here the others can be seen as well.
  const what = detail.replace(SEE_FAULTS, '')
  const untold = what === detail ? faults.filter(({ reason }) => !detail.includes(reason)) : faults.slice(1)
  const lines = untold.slice(0, MAX_FAULT_LINES).map(({ field, reason }) => `\n  ${field}: ${reason}`)
  if (untold.length > lines.length) lines.push(`\n  and ${untold.length - lines.length} more`)
  const key = response.status === 401 ? '\nGive an API key with --api-key or JIEXI_API_KEY.' : ''
  return new Failure(`${what}${lines.join('')}${key}`)
}

export function problemOf(response: HttpResponse): ProblemLike {
  try {
    return (JSON.parse(response.body.toString('utf8')) ?? {}) as ProblemLike
  } catch {
    return {}
  }
}

/** An identifier as the rest of a path: encoded once, slashes as they are. */
export function pathOf(identifier: string): string {
  return identifier.split('/').map(encodeURIComponent).join('/')
}
