#!/usr/bin/env node
/** The `jiexi` command: a client of a running node. */
import { EXIT_OK } from './failure.js'
import { runCommand } from './program.js'
import type { Terminal } from './terminal.js'

// `jiexi … | head` closes the pipe: nobody reads any more, and that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT_OK : 1))

let interruption: AbortController | undefined
const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isWatched: process.stderr.isTTY === true,
  input: process.stdin,
  get interrupted() {
    interruption ??= interruptible()
    return interruption.signal
  },
}

process.exitCode = await runCommand({ args: process.argv.slice(2), environment: process.env, terminal })
// A connection kept alive must not keep the process; what was written goes out first.
process.stdout.write('', () => process.exit())

/** Only a command that has something to tidy up looks at this; all others end at once, as is usual. */
function interruptible(): AbortController {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    controller.abort()
    // Whoever presses Ctrl-C twice wants the process gone.
    process.once('SIGINT', () => process.exit(1))
  })
  return controller
}
