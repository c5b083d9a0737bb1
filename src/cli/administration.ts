/** `jiexi enterprises`, `jiexi prefixes` and `jiexi keys`: mostly for the administrator. */
import type { Command } from 'commander'
import type { Cli } from './cli.js'
import { pathWith, type WaitOption, waitOf, withWait } from './freshness.js'
import { pathOf } from './node-client.js'
import { collectList } from './options.js'
import { prefixServiceCommands } from './prefix-services.js'
import { shown, shownJson, table } from './terminal.js'

interface JsonOption {
  readonly json?: boolean
}

interface EnterpriseJson {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly createdAt: string
}

interface PrefixJson {
  readonly prefix: string
  readonly enterpriseId: string | null
  readonly state: string
  readonly holderState: string
  readonly service: string
}

interface ApiKeyJson {
  readonly id: string
  readonly scopes: readonly string[]
  readonly prefixes: readonly string[] | null
  readonly label: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
}

const JSON_OPTION = ['--json', 'as JSON, one a line'] as const

export function administrationCommands(program: Command, cli: Cli): void {
  enterpriseCommands(program.command('enterprises').summary('create and list enterprises'), cli)
  prefixCommands(program.command('prefixes').summary('allot, list, suspend and resume prefixes; who serves them'), cli)
  keyCommands(program.command('keys').summary('create, list and revoke API keys'), cli)
}

function enterpriseCommands(command: Command, cli: Cli): void {
  command
    .command('create')
    .argument('<id>', 'a-z, 0-9 and hyphens')
    .requiredOption('--name <name>', 'name for people')
    .option(...JSON_OPTION)
    .action(async (id: string, options: JsonOption & { name: string }) => {
      const created = await cli.node().json<EnterpriseJson>({
        method: 'POST',
        path: '/v1/enterprises',
        json: { id, name: options.name },
      })
      tell(cli, created, options, `Enterprise ${created.id} created.`)
    })
  command
    .command('list')
    .option(...JSON_OPTION)
    .action((options: JsonOption) =>
      listAll(cli, { path: '/v1/enterprises', options }, ({ id, state, createdAt, name }: EnterpriseJson) => [
        id,
        state,
        createdAt,
        name,
      ]),
    )
}

function prefixCommands(command: Command, cli: Cli): void {
  prefixServiceCommands(command, cli)
  command
    .command('allot')
    .argument('<prefix>', 'such as 88.118.8')
    .option('--enterprise <id>', "whose it is to be; without it the prefix is the node's own")
    .option(...JSON_OPTION)
    .action(async (prefix: string, options: JsonOption & { enterprise?: string }) => {
      const { enterprise } = options
      const allotted = await cli.node().json<PrefixJson>({
        method: 'POST',
        path: '/v1/prefixes',
        json: { prefix, ...(enterprise === undefined ? {} : { enterpriseId: enterprise }) },
      })
      tell(cli, allotted, options, `Prefix ${allotted.prefix} allotted to ${allotted.enterpriseId ?? 'this node'}.`)
    })
  command
    .command('list')
    .option('--enterprise <id>', 'only those of this enterprise')
    .option(...JSON_OPTION)
    .action((options: JsonOption & { enterprise?: string }) => {
      const parameters = options.enterprise === undefined ? {} : { enterpriseId: options.enterprise }
      return listAll(cli, { path: '/v1/prefixes', parameters, options }, (one: PrefixJson) => [
        one.prefix,
        one.enterpriseId ?? '(this node)',
        one.holderState === 'active' ? one.state : `${one.state}, enterprise ${one.holderState}`,
        one.service,
      ])
    })
  for (const [name, state, done] of [
    ['suspend', 'suspended', 'Nothing below it resolves or can be written until it is resumed.'],
    ['resume', 'active', 'What lies below it resolves, and can be written, again.'],
  ] as const) {
    const changing = command
      .command(name)
      .argument('<prefix>')
      .option(...JSON_OPTION)
    withWait(changing).action(async (prefix: string, options: JsonOption & WaitOption) => {
      const { query, ...waiting } = waitOf(options)
      const path = pathWith(`/v1/prefixes/${pathOf(prefix)}`, query)
      const changed = await cli.node().json<PrefixJson>({ ...waiting, method: 'PATCH', path, json: { state } })
      tell(cli, changed, options, `Prefix ${changed.prefix} is ${changed.state}. ${done}`)
    })
  }
}

interface KeyOptions extends JsonOption {
  readonly enterprise: string
  readonly scope?: readonly string[]
  readonly prefix?: readonly string[]
  readonly label?: string
  readonly expires?: string
}

function keyCommands(command: Command, cli: Cli): void {
  command
    .command('create')
    .requiredOption('--enterprise <id>', 'for whom')
    .option('--scope <scope>', 'read, write, keys; repeatable (default: read and write)', collectList)
    .option('--prefix <prefix>', 'good only for this prefix; repeatable', collectList)
    .option('--label <text>', 'what it is for')
    .option('--expires <time>', 'such as 2027-01-01T00:00:00Z')
    .option(...JSON_OPTION)
    .action((options: KeyOptions) => createKey(cli, options))
  command
    .command('list')
    .requiredOption('--enterprise <id>', 'whose')
    .option(...JSON_OPTION)
    .action((options: KeyOptions) =>
      listAll(cli, { path: `/v1/enterprises/${pathOf(options.enterprise)}/keys`, options }, (key: ApiKeyJson) => [
        key.id,
        stateOf(key),
        key.scopes.join(','),
        key.prefixes?.join(',') ?? 'all prefixes',
        key.createdAt,
        key.label,
      ]),
    )
  const revoking = command
    .command('revoke')
    .argument('<id>', 'the id of the key: its part between the underscores')
    .option(...JSON_OPTION)
  withWait(revoking).action(async (id: string, options: JsonOption & WaitOption) => {
    const { query, ...waiting } = waitOf(options)
    const path = pathWith(`/v1/keys/${pathOf(id)}`, query)
    const revoked = await cli.node().json<ApiKeyJson>({ ...waiting, method: 'DELETE', path })
    tell(cli, revoked, options, `API key ${revoked.id} revoked.`)
  })
}

async function createKey(cli: Cli, options: KeyOptions): Promise<void> {
  const issued = await cli.node().json<ApiKeyJson & { readonly apiKey: string }>({
    method: 'POST',
    path: `/v1/enterprises/${pathOf(options.enterprise)}/keys`,
    json: {
      scopes: options.scope ?? ['read', 'write'],
      ...(options.prefix === undefined ? {} : { prefixes: options.prefix }),
      ...(options.label === undefined ? {} : { label: options.label }),
      ...(options.expires === undefined ? {} : { expiresAt: options.expires }),
    },
  })
  // The key alone on standard output, so that a script can take it from there.
  cli.terminal.out(options.json ? `${shownJson(issued)}\n` : `${shown(issued.apiKey)}\n`)
  cli.terminal.err('Keep the key now: it is not stored and cannot be shown again.\n')
}

function stateOf({ revokedAt, expiresAt }: ApiKeyJson): string {
  if (revokedAt !== null) return `revoked ${revokedAt}`
  return expiresAt === null ? 'good' : `good until ${expiresAt}`
}

function tell(cli: Cli, answer: unknown, options: JsonOption, sentence: string): void {
  cli.terminal.out(options.json ? `${shownJson(answer)}\n` : `${shown(sentence)}\n`)
}

interface Listing {
  readonly path: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly options: JsonOption
}

async function listAll<Item>(cli: Cli, listing: Listing, row: (item: Item) => string[]): Promise<void> {
  const items: Item[] = []
  for await (const item of cli.node().list<Item>(listing.path, listing.parameters)) items.push(item)
  const { terminal } = cli
  if (listing.options.json) terminal.out(items.map((item) => `${shownJson(item)}\n`).join(''))
  else if (items.length === 0) terminal.err('There are none.\n')
  else terminal.out(table(items.map(row)))
}
