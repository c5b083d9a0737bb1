/** `jiexi handle`: administers handles by the native Handle protocol, at any server that speaks it. */
import { type Command, Option } from 'commander'
import type { HandleClient } from '../protocols/handle/client/client.js'
import type { Cli } from './cli.js'
import { UsageError } from './failure.js'
import { type IdentityOptions, readIndex, withHandleClient, withIdentity, withServer } from './handle-connection.js'
import { type KeygenOptions, keygen } from './handle-keygen.js'
import { siteJson, siteText } from './handle-show.js'
import { type ValueOptions, valuesFrom, withValues } from './handle-values.js'
import { shown, shownJson } from './terminal.js'

interface Common extends IdentityOptions {
  readonly json?: boolean
}

interface Writing extends Common, ValueOptions {
  readonly overwrite?: boolean
  readonly mint?: boolean
}

const JSON_OPTION = ['--json', 'as JSON, one a line'] as const

export function handleCommands(program: Command, cli: Cli): void {
  const handle = program
    .command('handle')
    .summary('administer handles by the native Handle protocol')
    .description(
      'Administers handles by the native Handle protocol, at any server that speaks it. `jiexi resolve --handle` looks up.',
    )
  writingCommands(handle, cli)
  otherChanges(handle, cli)
  listCommands(handle, cli)
  withServer(handle.command('site').summary('what a server says of its site'))
    .option('--certified', 'only when the server has signed it')
    .option(...JSON_OPTION)
    .action((options: Common & { certified?: boolean }) => tellSite(cli, options))
  handle
    .command('keygen')
    .summary('make a key pair for an administrator')
    .requiredOption('--out <name>', 'files: <name>.pem, <name>.pub, <name>.hs_pubkey')
    .addOption(
      new Option('--kind <kind>', 'ed25519 is understood by nodes of this kind only')
        .choices(['rsa', 'ed25519'])
        .default('rsa'),
    )
    .option(...JSON_OPTION)
    .action((options: KeygenOptions) => keygen(cli, options))
}

function writingCommands(handle: Command, cli: Cli): void {
  const create = handle
    .command('create')
    .summary('make a handle with its values')
    .argument('<handle>')
    .option('--overwrite', 'replace the record that is there')
    .option('--mint', 'the server makes the suffix up: <handle> is what it begins with, such as 88.118.8/')
  values(create).action(async (name: string, options: Writing) => {
    const given = await valuesFrom(options)
    await run(cli, options, async (client) => {
      const { overwrite: overwrites = false, mint: mintsSuffix = false } = options
      const { handle: made, isOverwritten } = await client.create(name, given, { overwrites, mintsSuffix })
      tell(cli, options, { handle: made, outcome: isOverwritten ? 'replaced' : 'created' })
    })
  })
  const add = handle
    .command('add')
    .summary('add values')
    .argument('<handle>')
    .option('--overwrite', 'replace values with these indexes')
  values(add).action((name: string, options: Writing) =>
    change(cli, { name, options, outcome: 'added' }, (client, given) =>
      client.addValues(name, given, options.overwrite),
    ),
  )
  values(handle.command('modify').summary('replace values that are there').argument('<handle>')).action(
    (name: string, options: Writing) =>
      change(cli, { name, options, outcome: 'modified' }, (client, given) => client.modifyValues(name, given)),
  )
}

function values(command: Command): Command {
  return withIdentity(withValues(command)).option(...JSON_OPTION)
}

interface Change {
  readonly name: string
  readonly options: Writing
  readonly outcome: string
}

async function change(
  cli: Cli,
  { name, options, outcome }: Change,
  write: (client: HandleClient, values: Awaited<ReturnType<typeof valuesFrom>>) => Promise<void>,
): Promise<void> {
  const given = await valuesFrom(options)
  if (given.length === 0)
    throw new UsageError('Which values? Say --value 1:URL=https://example.com/7, or another that --help lists.')
  await run(cli, options, async (client) => {
    await write(client, given)
    tell(cli, options, { handle: name, outcome, indexes: given.map(({ index }) => index) })
  })
}

function otherChanges(handle: Command, cli: Cli): void {
  withIdentity(handle.command('remove').summary('remove values').argument('<handle>').argument('<index...>'))
    .option(...JSON_OPTION)
    .action((name: string, texts: string[], options: Common) => {
      const indexes = texts.map(readIndex)
      return run(cli, options, async (client) => {
        await client.removeValues(name, indexes)
        tell(cli, options, { handle: name, outcome: 'removed', indexes })
      })
    })
  for (const [command, summary, outcome, does] of [
    ['delete', 'delete a handle', 'deleted', (client: HandleClient, name: string) => client.delete(name)],
    ['home', 'let the server answer for a prefix', 'homed', (client: HandleClient, name: string) => client.home(name)],
    ['unhome', 'end that', 'unhomed', (client: HandleClient, name: string) => client.unhome(name)],
  ] as const)
    withIdentity(
      handle
        .command(command)
        .summary(summary)
        .argument(command === 'delete' ? '<handle>' : '<prefix>'),
    )
      .option(...JSON_OPTION)
      .action((name: string, options: Common) =>
        run(cli, options, async (client) => {
          await does(client, name)
          tell(cli, options, { handle: name, outcome })
        }),
      )
}

function listCommands(handle: Command, cli: Cli): void {
  withIdentity(handle.command('list').summary('list the handles below a prefix').argument('<prefix>'))
    .option(...JSON_OPTION)
    .action((prefix: string, options: Common) =>
      run(cli, options, (client) => list(cli, options, client.listHandles(prefix))),
    )
  withIdentity(handle.command('homed').summary('list the prefixes that a server answers for'))
    .option(...JSON_OPTION)
    .action((options: Common) => run(cli, options, (client) => list(cli, options, client.listHomed())))
}

/** As they come: there may be millions. */
async function list({ terminal }: Cli, { json }: Common, handles: AsyncIterable<string>): Promise<void> {
  let count = 0
  for await (const handle of handles) {
    count++
    terminal.out(`${json ? shownJson({ handle }) : shown(handle)}\n`)
  }
  if (count === 0) terminal.err('There are none.\n')
}

function tellSite(cli: Cli, options: Common & { certified?: boolean }): Promise<void> {
  return run(cli, options, async (client) => {
    const site = await client.siteInfo({ isCertified: options.certified ?? false })
    cli.terminal.out(options.json ? `${shownJson(siteJson(site))}\n` : `${shown(siteText(site))}\n`)
  })
}

function run(cli: Cli, options: Common, task: (client: HandleClient) => Promise<void>): Promise<void> {
  return withHandleClient(cli, options, task)
}

function tell(
  { terminal }: Cli,
  { json }: Common,
  done: { readonly handle: string; readonly outcome: string; readonly indexes?: readonly number[] },
): void {
  const indexes = done.indexes === undefined ? '' : `: ${done.indexes.join(', ')}`
  terminal.out(json ? `${shownJson(done)}\n` : `${shown(done.handle)}  ${done.outcome}${indexes}\n`)
}
