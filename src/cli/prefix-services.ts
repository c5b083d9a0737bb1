/** `jiexi prefixes serve` and `jiexi prefixes key`: who answers below a prefix, and by which key its holder is known. */
import { createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { messageOf } from '../platform/errors.js'
import { encodePublicKey } from '../record/value-types/hs-pubkey.js'
import { publicKeyRecord } from '../record/value-types/public-key-record.js'
import type { Cli } from './cli.js'
import { Failure, UsageError } from './failure.js'
import { pathWith, type WaitOption, waitOf, withWait } from './freshness.js'
import { pathOf } from './node-client.js'
import { collectList, wholeNumber } from './options.js'
import { shown, shownJson } from './terminal.js'

interface ServeOptions extends WaitOption {
  readonly hosted?: boolean
  readonly address?: readonly string[]
  readonly serviceHandle?: string
  readonly json?: boolean
}

interface ServedJson {
  readonly prefix: string
  readonly service: 'hosted' | 'self-built'
  readonly serviceHandle?: string
  readonly locations: readonly { readonly address: string; readonly port: number; readonly transport: string }[]
}

interface KeyOptions extends WaitOption {
  readonly index: number
  readonly json?: boolean
}

interface RecordJson {
  readonly version: number
  readonly values: readonly { readonly index: number }[]
}

/** By custom, and where the rights of a new prefix point to. */
const USUAL_INDEX = 300

export function prefixServiceCommands(command: Command, cli: Cli): void {
  const serving = command
    .command('serve')
    .summary('say who answers for what lies below a prefix: this node, or its holder')
    .argument('<prefix>')
    .option('--hosted', 'this node does')
    .option('--address <address:port>', "the holder's own server does, at this IP address; repeatable", collectList)
    .addOption(
      new Option('--service-handle <handle>', 'likewise, wherever the record of this handle says').conflicts('address'),
    )
    .option('--json', 'the prefix as JSON')
  withWait(serving).action((prefix: string, options: ServeOptions) => serve(cli, prefix, options))
  const keying = command
    .command('key')
    .summary(
      "put the holder's public key into the record of a prefix, by which he administers it over the Handle protocols",
    )
    .argument('<prefix>')
    .argument('<key.pem>', 'a public key, RSA or Ed25519')
    .option('--index <n>', 'of the value; what is there is replaced', wholeNumber, USUAL_INDEX)
    .option('--json', 'the receipt as JSON')
  withWait(keying).action((prefix: string, file: string, options: KeyOptions) => putKey(cli, prefix, { file, options }))
}

async function serve(cli: Cli, prefix: string, options: ServeOptions): Promise<void> {
  const { query, ...waiting } = waitOf(options)
  const served = await cli.node().json<ServedJson>({
    ...waiting,
    method: 'PATCH',
    path: pathWith(`/v1/prefixes/${pathOf(prefix)}`, query),
    json: serviceIn(options),
  })
  cli.terminal.out(options.json ? `${shownJson(served)}\n` : `${shown(sentenceOf(served))}\n`)
}

function serviceIn({ hosted = false, address = [], serviceHandle }: ServeOptions): object {
  const ways = [hosted, address.length > 0, serviceHandle !== undefined].filter(Boolean).length
  if (ways !== 1) throw new UsageError('Say one of --hosted, --address and --service-handle.')
  if (hosted) return { service: 'hosted' }
  if (serviceHandle !== undefined) return { service: 'self-built', serviceHandle }
  return { service: 'self-built', sites: address.map(siteIn) }
}

const ADDRESS = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/

/** `203.0.113.7:2641`, `[2001:db8::7]:2641`, or an address alone. The node judges it. */
function siteIn(text: string): { readonly address: string; readonly port?: number } {
  const [, v6, v4, port] = ADDRESS.exec(text) ?? []
  const address = v6 ?? v4
  return address === undefined ? { address: text } : { address, port: Number(port) }
}

function sentenceOf({ prefix, service, serviceHandle, locations }: ServedJson): string {
  if (service === 'hosted') return `Prefix ${prefix} is hosted: this node answers for what lies below it.`
  const places = locations.map(({ address, port, transport }) => `${transport} ${address} port ${port}`)
  return `Prefix ${prefix} is self-built: look-ups below it are referred to ${serviceHandle ?? places.join(', ')}.`
}

async function putKey(
  cli: Cli,
  prefix: string,
  { file, options }: { readonly file: string; readonly options: KeyOptions },
): Promise<void> {
  const value = { index: options.index, type: 'HS_PUBKEY', data: { format: 'base64', value: await keyIn(file) } }
  const node = cli.node()
  const path = `/v1/identifiers/0.NA/${pathOf(prefix)}`
  const { version, values } = await node.json<RecordJson>({ path: `${path}?authoritative=1` })
  const { query, ...waiting } = waitOf(options)
  const receipt = await node.json<{ readonly version: number }>({
    ...waiting,
    method: 'PUT',
    path: pathWith(path, query),
    json: { values: [...values.filter(({ index }) => index !== options.index), value] },
    // Whoever has changed it since is not to be overwritten.
    headers: { 'if-match': `"v${version}"` },
  })
  const said = `The key is value ${options.index} of 0.NA/${prefix}, version ${receipt.version}.`
  cli.terminal.out(options.json ? `${shownJson(receipt)}\n` : `${shown(said)}\n`)
}

/** Octets of HS_PUBKEY, in base64. */
async function keyIn(file: string): Promise<string> {
  try {
    const record = publicKeyRecord(createPublicKey(await readFile(file, 'utf8')))
    if (record !== undefined) return Buffer.from(encodePublicKey(record)).toString('base64')
  } catch (cause) {
    throw new Failure(`${file} is no key in PEM: ${messageOf(cause)}`, { cause })
  }
  throw new Failure(`${file} has a key of another kind than RSA or Ed25519.`)
}
