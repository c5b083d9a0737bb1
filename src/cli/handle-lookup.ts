/** `jiexi resolve --handle`: look-ups by the native Handle protocol, at any server that speaks it. */
import type { Command } from 'commander'
import type { Resolved } from '../protocols/handle/client/answers.js'
import type { HandleClient } from '../protocols/handle/client/client.js'
import { HandleFault } from '../protocols/handle/client/faults.js'
import { formatServerAddress, type ServerAddress } from '../protocols/handle/client/server-address.js'
import type { Cli } from './cli.js'
import { EXIT_FAILED, UsageError } from './failure.js'
import type { DemandOptions } from './freshness.js'
import { collectAddress, type IdentityOptions, readIndex, withHandleClient, withTrust } from './handle-connection.js'
import { resolvedJson, valueRow } from './handle-show.js'
import { collectList } from './options.js'
import { shown, shownJson, table } from './terminal.js'

export interface HandleLookupOptions extends IdentityOptions {
  readonly handle?: readonly ServerAddress[]
  readonly type?: readonly string[]
  readonly index?: readonly number[]
  readonly certified?: boolean
  readonly refer?: boolean
  readonly json?: boolean
  readonly authoritative?: boolean
}

export function withHandleLookup(command: Command): Command {
  return withTrust(
    command
      .option('--handle <address>', 'ask a Handle server, such as udp://127.0.0.1:2641; repeatable', collectAddress)
      .option('--type <type>', 'with --handle: values of this type; repeatable', collectList)
      .option('--index <n>', 'with --handle: the value at this index; repeatable', collectIndex)
      .option('--certified', 'with --handle: only what the server has signed')
      .option('--no-refer', 'with --handle: tell referrals, and do not follow them'),
  )
}

/** Of the two kinds of look-up each has options of its own. @throws UsageError */
export function refuseMixed(options: HandleLookupOptions & DemandOptions & { readonly explain?: boolean }): void {
  const { handle, explain, minVersion, token, type, index, certified, refer, root, serverKey, authorities, timeout } =
    options
  const ofNode = Object.entries({ explain, 'min-version': minVersion, token })
  const ofHandle = { type, index, certified, root, 'server-key': serverKey, authorities, timeout }
  const others = Object.entries({ ...ofHandle, 'no-refer': refer === false ? true : undefined })
  const [misplaced] = (handle === undefined ? others : ofNode).find(([, value]) => value !== undefined) ?? []
  if (misplaced === undefined) return
  throw new UsageError(
    handle === undefined
      ? `--${misplaced} goes with --handle <address> only.`
      : `--${misplaced} does not go with --handle.`,
  )
}

function collectIndex(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, readIndex(text)]
}

export async function resolveByHandle(
  cli: Cli,
  handles: AsyncIterable<string>,
  options: HandleLookupOptions,
): Promise<void> {
  const { handle: server, ...others } = options
  await withHandleClient(cli, server === undefined ? others : { ...others, server }, async (client) => {
    for await (const handle of handles) await resolveOne(cli, client, { handle, options })
  })
}

interface One {
  readonly handle: string
  readonly options: HandleLookupOptions
}

async function resolveOne(cli: Cli, client: HandleClient, { handle, options }: One): Promise<void> {
  try {
    const resolved = await client.resolve(handle, {
      types: options.type ?? [],
      indexes: options.index ?? [],
      isCertified: options.certified ?? false,
      isAuthoritative: options.authoritative ?? false,
      follows: options.refer ?? true,
      isAuthenticated: options.as !== undefined,
    })
    if (resolved.kind !== 'found') cli.exitCode = EXIT_FAILED
    if (options.json) cli.terminal.out(`${shownJson(resolvedJson(handle, resolved))}\n`)
    else show(cli, handle, resolved)
  } catch (error) {
    // One that fails must not hide the others.
    if (!(error instanceof HandleFault) || !options.json) throw error
    cli.exitCode = EXIT_FAILED
    const { reason, responseCode, message } = error
    cli.terminal.out(`${shownJson({ handle, outcome: 'failed', reason, responseCode, message })}\n`)
  }
}

function show({ terminal }: Cli, handle: string, resolved: Resolved): void {
  const server = formatServerAddress(resolved.server.address)
  if (resolved.kind === 'absent' || resolved.kind === 'no-values') {
    terminal.err(`${shown(handle)} ${MISSING[resolved.kind]}, says ${server}.\n`)
    return
  }
  const { values } = resolved
  const to = resolved.handle === '' ? 'these sites' : shown(resolved.handle)
  const count = `${values.length} value${values.length === 1 ? '' : 's'}`
  const [name, what] = resolved.kind === 'found' ? [resolved.handle, count] : [handle, `a referral to ${to}`]
  terminal.out(`${shown(name)}  ${what}, from ${server}\n`)
  terminal.out(table(values.map(valueRow)))
}

const MISSING = {
  absent: 'does not exist',
  'no-values': 'has no such values, or none that everybody may read',
} as const
