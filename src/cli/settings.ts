/** Where the node is and who asks: from options, else from the environment. */
import { UsageError } from './failure.js'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ClientConfig {
  /** Without a slash at its end. */
  readonly nodeUrl: string
  readonly apiKey?: string
}

export const DEFAULT_NODE = 'http://127.0.0.1:8080'

/** @throws UsageError */
export function readClientConfig(
  environment: Environment,
  options: { readonly node?: string; readonly apiKey?: string } = {},
): ClientConfig {
  const text = options.node ?? (environment['JIEXI_NODE'] || DEFAULT_NODE)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new UsageError(
      `"${text}" is no address of a node. Write one such as ${DEFAULT_NODE} (--node, or JIEXI_NODE).`,
    )
  const apiKey = options.apiKey ?? environment['JIEXI_API_KEY']
  // A header cannot carry it, and it would be cut or refused on the way.
  if (apiKey !== undefined && !/^[\x21-\x7e]*$/.test(apiKey))
    throw new UsageError('The API key has white space or other characters that no key has. Copy it once more.')
  const nodeUrl = `${url.origin}${url.pathname}`.replace(/\/+$/, '')
  return { nodeUrl, ...(apiKey ? { apiKey } : {}) }
}
