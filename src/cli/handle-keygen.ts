/** `jiexi handle keygen`: a key pair for an administrator of handles. */
import { generateKeyPair, type KeyObject } from 'node:crypto'
import { chmod, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { messageOf } from '../platform/errors.js'
import { publicKeyRecord } from '../protocols/handle/keys.js'
import { encodePublicKey } from '../record/value-types/hs-pubkey.js'
import type { Cli } from './cli.js'
import { Failure } from './failure.js'
import { shown, shownJson } from './terminal.js'

export interface KeygenOptions {
  readonly out: string
  readonly kind: 'rsa' | 'ed25519'
  readonly json?: boolean
}

const RSA_BITS = 2048
const OWNER_ONLY = 0o600
const generate = promisify(generateKeyPair) as (
  kind: string,
  options: object,
) => Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>

export async function keygen(cli: Cli, { out, kind, json }: KeygenOptions): Promise<void> {
  const { publicKey, privateKey } = await generate(kind, kind === 'rsa' ? { modulusLength: RSA_BITS } : {})
  const passphrase = cli.environment['JIEXI_HANDLE_PASSPHRASE']
  const closed = passphrase ? { cipher: 'aes-256-cbc', passphrase } : {}
  const files = { privateKey: `${out}.pem`, publicKey: `${out}.pub`, value: `${out}.hs_pubkey` }
  await writeNew(files.privateKey, privateKey.export({ format: 'pem', type: 'pkcs8', ...closed }), OWNER_ONLY)
  await writeNew(files.publicKey, publicKey.export({ format: 'pem', type: 'spki' }))
  await writeNew(files.value, encodePublicKey(publicKeyRecord(publicKey)!))
  if (json) return cli.terminal.out(`${shownJson(files)}\n`)
  const care = passphrase
    ? 'encrypted with JIEXI_HANDLE_PASSPHRASE'
    : 'not encrypted: set JIEXI_HANDLE_PASSPHRASE for that'
  cli.terminal.out(`${shown(files.privateKey)}  private key, ${care}\n`)
  cli.terminal.out(`${shown(files.publicKey)}  public key as PEM, for --public-key and --server-key\n`)
  cli.terminal.out(`${shown(files.value)}  public key as the octets of an HS_PUBKEY\n`)
}

/** A key that is there already is never overwritten. */
async function writeNew(file: string, content: string | Buffer | Uint8Array, mode = 0o644): Promise<void> {
  try {
    await writeFile(file, content, { flag: 'wx', mode })
    await chmod(file, mode)
  } catch (cause) {
    throw new Failure(`The file ${file} cannot be written: ${messageOf(cause)}`, { cause })
  }
}
