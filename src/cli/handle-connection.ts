/** Which Handle server is asked, and as whom: the options that all commands for it share. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { messageOf } from '../platform/errors.js'
import { type HandleClient, handleClient } from '../protocols/handle/client/client.js'
import type { Identity } from '../protocols/handle/client/identity.js'
import { readPrivateKey } from '../protocols/handle/client/private-key.js'
import { parseServerAddress, type ServerAddress } from '../protocols/handle/client/server-address.js'
import type { SessionMode } from '../protocols/handle/client/sessions.js'
import { keyOf } from '../protocols/handle/client/sites.js'
import type { Cli } from './cli.js'
import { Failure, UsageError } from './failure.js'

export interface ServerOptions {
  readonly server?: readonly ServerAddress[]
  readonly root?: boolean
  readonly serverKey?: string
  readonly authorities?: string
  readonly timeout?: number
}

export interface IdentityOptions extends ServerOptions {
  readonly as?: { readonly index: number; readonly handle: string }
  readonly key?: string
  readonly secretFile?: string
  readonly session?: SessionMode
  readonly logIn?: boolean
}

const MODES: readonly SessionMode[] = ['auto', 'none', 'required', 'encrypted']

export function collectAddress(text: string, before: readonly ServerAddress[] = []): readonly ServerAddress[] {
  const address = parseServerAddress(text)
  if (!address.ok) throw new UsageError(`${address.reason}.`)
  return [...before, address.value]
}

/** All but which server it is, as that has one name with `resolve` and another with `handle`. */
export function withTrust(command: Command): Command {
  return command
    .option('--root', 'the server knows who is responsible for a prefix: ask it that first, then whom it names')
    .option('--server-key <file>', "the server's public key: PEM, or the octets of an HS_PUBKEY")
    .option('--authorities <file>', 'certificates of authorities for https, as PEM')
    .option('--timeout <seconds>', 'for all that one request takes (default: 15)', positiveNumber)
}

export function withServer(command: Command): Command {
  return withTrust(
    command.option(
      '--server <address>',
      'such as tcp://127.0.0.1:2641 (udp, tcp, http, https); repeatable: ways to ask, in this order (default: JIEXI_HANDLE)',
      collectAddress,
    ),
  )
}

export function withIdentity(command: Command): Command {
  return withServer(command)
    .option('--as <index:handle>', 'who asks: the value that holds his key, such as 300:0.NA/88.118.8', readReference)
    .option(
      '--key <file>',
      'his private key: PEM, or that of the Handle software (passphrase: JIEXI_HANDLE_PASSPHRASE)',
    )
    .option('--secret-file <file>', 'his secret, in place of a key (default: JIEXI_HANDLE_SECRET)')
    .addOption(
      new Option('--session <mode>', 'auto: where the server has sessions')
        .choices(MODES)
        .default('auto' as SessionMode),
    )
    .option('--log-in', 'log in once on the TCP connection, as the national SDK does, in place of a session')
}

function positiveNumber(text: string): number {
  const number = Number(text)
  if (number > 0 && number <= 3600) return number
  throw new UsageError(`"${text}" is no number of seconds above 0 and up to 3600.`)
}

export function readReference(text: string): { readonly index: number; readonly handle: string } {
  const [, digits, handle] = /^(\d{1,10}):(.+)$/s.exec(text) ?? []
  if (digits === undefined || handle === undefined)
    throw new UsageError(`"${text}": write index:handle, such as 300:0.NA/88.118.8.`)
  return { index: Number(digits), handle }
}

const MAX_INDEX = 0xffff_ffff

export function readIndex(text: string): number {
  const index = /^\d{1,10}$/.test(text) ? Number(text) : 0
  if (index >= 1 && index <= MAX_INDEX) return index
  throw new UsageError(`"${text}" is no index of a value: write a number from 1 on.`)
}

/** Runs `task` with a client, which it closes in any case. */
export async function withHandleClient(
  cli: Cli,
  options: IdentityOptions,
  task: (client: HandleClient) => Promise<void>,
): Promise<void> {
  const identity = await identityOf(cli, options)
  const publicKey = options.serverKey === undefined ? undefined : await readServerKey(options.serverKey)
  const authorities = options.authorities === undefined ? undefined : await read(options.authorities)
  const client = handleClient({
    start: {
      kind: options.root ? 'root' : 'servers',
      servers: serversOf(cli, options),
      ...(publicKey === undefined ? {} : { publicKey }),
    },
    session: options.session ?? 'auto',
    ...(identity === undefined ? {} : { identity }),
    ...(authorities === undefined ? {} : { authorities: authorities.toString('utf8') }),
    ...(options.timeout === undefined ? {} : { limits: { timeoutMs: options.timeout * 1000 } }),
  })
  try {
    if (options.logIn) await loggedIn(client, identity, task)
    else await task(client)
  } finally {
    await client.close()
  }
}

async function loggedIn(
  client: HandleClient,
  identity: Identity | undefined,
  task: (client: HandleClient) => Promise<void>,
): Promise<void> {
  if (identity === undefined) throw new UsageError('--log-in needs --as, and --key or a secret.')
  const user = await client.logIn({ kind: 'key', identity })
  try {
    await task(user)
  } finally {
    await user.close()
  }
}

function serversOf({ environment }: Cli, { server }: ServerOptions): readonly ServerAddress[] {
  if (server !== undefined) return server
  const names = (environment['JIEXI_HANDLE'] ?? '').split(',').map((name) => name.trim())
  const given = names.filter((name) => name !== '').flatMap((name) => collectAddress(name))
  if (given.length > 0) return given
  throw new UsageError('Which server? Say --server tcp://host:2641, or set JIEXI_HANDLE.')
}

async function identityOf({ environment }: Cli, options: IdentityOptions): Promise<Identity | undefined> {
  const { as, key, secretFile } = options
  const secretText = environment['JIEXI_HANDLE_SECRET']
  if (as === undefined) {
    if (key === undefined && secretFile === undefined) return undefined
    throw new UsageError('Whose key is it? Say --as index:handle, such as --as 300:0.NA/88.118.8.')
  }
  if (key !== undefined && secretFile !== undefined) throw new UsageError('Give --key or --secret-file, not both.')
  if (key !== undefined)
    return { ...as, kind: 'key', privateKey: readPrivateKey(await read(key), environment['JIEXI_HANDLE_PASSPHRASE']) }
  const secret =
    secretFile === undefined ? secretText && Buffer.from(secretText) : withoutLineEnd(await read(secretFile))
  if (!secret) throw new UsageError('--as needs --key, --secret-file or JIEXI_HANDLE_SECRET.')
  return { ...as, kind: 'secret', secret }
}

/** Editors end a file with one. */
function withoutLineEnd(octets: Buffer): Buffer {
  const end = octets.at(-1) === 0x0a ? (octets.at(-2) === 0x0d ? 2 : 1) : 0
  return octets.subarray(0, octets.length - end)
}

async function readServerKey(file: string): Promise<KeyObject> {
  const octets = await read(file)
  const key = keyOf(octets)
  if (key !== undefined) return key
  try {
    return createPublicKey(octets)
  } catch (cause) {
    throw new Failure(`The file ${file} is neither a public key as PEM nor an HS_PUBKEY: ${messageOf(cause)}`, {
      cause,
    })
  }
}

export async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new Failure(`The file ${file} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
