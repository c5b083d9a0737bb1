/** What commands may demand of the freshness of answers, and of the acknowledgement of writes. */
import { type Command, Option } from 'commander'
import { wholeNumber } from './options.js'

export interface DemandOptions {
  readonly authoritative?: boolean
  readonly minVersion?: number
  readonly token?: string
}

export function withDemands(command: Command): Command {
  return command
    .option('--authoritative', 'from the database, past every cache')
    .addOption(
      new Option('--min-version <n>', 'fail unless there is this version or a later one').argParser(wholeNumber),
    )
    .option('--token <token>', 'show at least the write that this token is of (register --json tells it)')
}

/** As the node takes them: parameters of the query, and header fields. */
export function demandsOf({ authoritative, minVersion, token }: DemandOptions): {
  readonly query: readonly string[]
  readonly headers: Readonly<Record<string, string>>
} {
  const query = [
    ...(authoritative ? ['authoritative=1'] : []),
    ...(minVersion === undefined ? [] : [`min-version=${minVersion}`]),
  ]
  return { query, headers: token === undefined ? {} : { 'jiexi-token': token } }
}

export interface WaitOption {
  readonly wait?: boolean
}

export function withWait(command: Command): Command {
  return command.option('--wait', 'end only when no replica of the node can answer older than this')
}

/** Longer than the largest freshness bound there can be. */
const WAIT_TIMEOUT_MS = 90_000

/** What a write has to add to its request. */
export function waitOf({ wait }: WaitOption): { readonly query: readonly string[]; readonly timeoutMs?: number } {
  return wait ? { query: ['wait=visible'], timeoutMs: WAIT_TIMEOUT_MS } : { query: [] }
}

export function pathWith(path: string, query: readonly string[]): string {
  return query.length === 0 ? path : `${path}?${query.join('&')}`
}
