/** The commands of `jiexi`, and what becomes of their errors. */
import { Command, CommanderError } from 'commander'
import { messageOf, NodeError } from '../platform/errors.js'
import { administrationCommands } from './administration.js'
import type { Cli } from './cli.js'
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, Failure } from './failure.js'
import { handleCommands } from './handle.js'
import { importCommand } from './import.js'
import { lookupCommands } from './lookup.js'
import { nodeClient } from './node-client.js'
import { registrationCommands } from './registration.js'
import { reportCommands } from './reports.js'
import { DEFAULT_NODE, type Environment, readClientConfig } from './settings.js'
import { statusCommand } from './status.js'
import { shown, type Terminal } from './terminal.js'

export interface Invocation {
  /** Without the program's own name. */
  readonly args: readonly string[]
  readonly environment: Environment
  readonly terminal: Terminal
}

/** Runs one command; gives the exit code: 0 done, 1 failed, 2 asked for in a way that cannot be meant. */
export async function runCommand({ args, environment, terminal }: Invocation): Promise<number> {
  const program = new Command('jiexi')
  const cli: Cli = {
    terminal,
    environment,
    exitCode: EXIT_OK,
    node: () => nodeClient(readClientConfig(environment, program.opts())),
  }
  program
    .description('Registers and resolves industrial identifiers at a running node.')
    .option('--node <address>', `address of the node (default: JIEXI_NODE, else ${DEFAULT_NODE})`)
    .option('--api-key <key>', 'API key (default: JIEXI_API_KEY, which other users of the machine cannot see)')
    .showSuggestionAfterError()
    .showHelpAfterError('(--help lists what there is)')
    .addHelpText('after', '\nExit codes: 0 done, 1 what was asked for failed, 2 the command itself cannot be meant.')
  for (const add of [
    lookupCommands,
    registrationCommands,
    importCommand,
    administrationCommands,
    handleCommands,
    reportCommands,
    statusCommand,
  ])
    add(program, cli)
  prepare(program, terminal)
  try {
    await program.parseAsync(args, { from: 'user' })
    return cli.exitCode
  } catch (error) {
    return told(terminal, error)
  }
}

/** Subcommands inherit neither how to write nor how to end. */
function prepare(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
  })
  for (const inner of command.commands) prepare(inner, terminal)
}

function told(terminal: Terminal, error: unknown): number {
  // Commander has told its own errors already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
  const known = error instanceof Failure || error instanceof NodeError
  const lines = (known ? error.message : `Something failed inside this program: ${messageOf(error)}`).split('\n')
  terminal.err(`${lines.map(shown).join('\n')}\n`)
  return error instanceof Failure ? error.exitCode : EXIT_FAILED
}
