/** Values to write, from the options of a command. */
import { createPublicKey } from 'node:crypto'
import type { Command } from 'commander'
import { messageOf } from '../platform/errors.js'
import { type HandleValue, RELATIVE_TTL } from '../protocols/handle/codec-value.js'
import { publicKeyRecord } from '../protocols/handle/keys.js'
import { ADMIN_READ, ADMIN_WRITE, DEFAULT_PERMISSIONS, DEFAULT_TTL_SECONDS } from '../record/record.js'
import { encodeAdmin } from '../record/value-types/hs-admin.js'
import { encodePublicKey } from '../record/value-types/hs-pubkey.js'
import { Failure, UsageError } from './failure.js'
import { read, readReference } from './handle-connection.js'
import { wholeNumber } from './options.js'

export interface ValueOptions {
  readonly value: readonly Named[]
  readonly fileValue: readonly Named[]
  readonly publicKey: readonly Named[]
  readonly secret: readonly Named[]
  readonly admin?: { readonly index: number; readonly handle: string }
  readonly rights: string
  readonly ttl: number
  readonly permissions?: string
}

interface Named {
  readonly index: number
  readonly type: string
  /** Text, or the name of a file. */
  readonly content: string
}

const ADMIN_INDEX = 100
/** All but making and deleting prefixes below, and listing. */
const USUAL_RIGHTS = '011111110011'
const SECRET_PERMISSIONS = ADMIN_READ | ADMIN_WRITE

export function withValues(command: Command): Command {
  return command
    .option('--value <index:TYPE=text>', 'a value; repeatable', collectTyped, [])
    .option('--file-value <index:TYPE=file>', 'a value from the octets of a file; repeatable', collectTyped, [])
    .option('--public-key <index=file>', 'HS_PUBKEY of a key as PEM; repeatable', collectOf('HS_PUBKEY'), [])
    .option('--secret <index=file>', 'HS_SECKEY that only administrators read; repeatable', collectOf('HS_SECKEY'), [])
    .option('--admin <index:handle>', `HS_ADMIN at ${ADMIN_INDEX}: who may change the handle`, readReference)
    .option('--rights <12 digits>', 'what he may', readRights, USUAL_RIGHTS)
    .option('--ttl <seconds>', 'of all values given here', wholeNumber, DEFAULT_TTL_SECONDS)
    .option(
      '--permissions <4 digits>',
      'admin read, admin write, public read, public write (default: 1110, secrets 1100)',
      readPermissions,
    )
}

/** @throws UsageError when there are none, unless there may be */
export async function valuesFrom(options: ValueOptions): Promise<readonly HandleValue[]> {
  const values = [
    ...options.value.map(({ index, type, content }) => made(options, { index, type, data: Buffer.from(content) })),
    ...(await Promise.all(
      options.fileValue.map(async ({ index, type, content }) =>
        made(options, { index, type, data: await read(content) }),
      ),
    )),
    ...(await Promise.all(
      options.publicKey.map(async ({ index, type, content }) =>
        made(options, { index, type, data: await keyOctets(content) }),
      ),
    )),
    ...(await Promise.all(
      options.secret.map(async ({ index, type, content }) =>
        made(options, { index, type, data: await read(content) }, SECRET_PERMISSIONS),
      ),
    )),
  ]
  if (options.admin === undefined) return values
  const admin = encodeAdmin({ ...options.admin, permissions: Number.parseInt(options.rights, 2), hasTail: false })
  return [...values, made(options, { index: ADMIN_INDEX, type: 'HS_ADMIN', data: admin })]
}

function made(
  { ttl, permissions }: ValueOptions,
  value: Pick<HandleValue, 'index' | 'type' | 'data'>,
  usual = DEFAULT_PERMISSIONS,
): HandleValue {
  return {
    ...value,
    // The server stamps it.
    timestampSeconds: Math.floor(Date.now() / 1000),
    ttlType: RELATIVE_TTL,
    ttl,
    permissions: permissions === undefined ? usual : Number.parseInt(permissions, 2),
    references: [],
  }
}

async function keyOctets(file: string): Promise<Uint8Array> {
  const octets = await read(file)
  try {
    const record = publicKeyRecord(createPublicKey(octets))
    if (record !== undefined) return encodePublicKey(record)
  } catch (cause) {
    throw new Failure(`The file ${file} is no public key as PEM: ${messageOf(cause)}`, { cause })
  }
  throw new Failure(`The key in ${file} is neither RSA nor Ed25519.`)
}

function collectTyped(text: string, before: readonly Named[]): readonly Named[] {
  const [, index, type, content] = /^(\d{1,10}):([^=\s]+)=(.*)$/s.exec(text) ?? []
  if (index === undefined || type === undefined || content === undefined)
    throw new UsageError(`"${text}": write index:TYPE=…, such as 1:URL=https://example.com/7.`)
  return [...before, { index: Number(index), type, content }]
}

function collectOf(type: string) {
  return (text: string, before: readonly Named[]): readonly Named[] => {
    const [, index, content] = /^(\d{1,10})=(.+)$/s.exec(text) ?? []
    if (index === undefined || content === undefined)
      throw new UsageError(`"${text}": write index=file, such as 300=admin.pub.`)
    return [...before, { index: Number(index), type, content }]
  }
}

function readRights(text: string): string {
  if (/^[01]{12}$/.test(text)) return text
  throw new UsageError(`--rights "${text}": write twelve digits 0 or 1, such as ${USUAL_RIGHTS}.`)
}

function readPermissions(text: string): string {
  if (/^[01]{4}$/.test(text)) return text
  throw new UsageError(`--permissions "${text}": write four digits 0 or 1, such as 1110.`)
}
