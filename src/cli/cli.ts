/** What every command is given. */
import type { NodeClient } from './node-client.js'
import type { Environment } from './settings.js'
import type { Terminal } from './terminal.js'

export interface Cli {
  readonly terminal: Terminal
  readonly environment: Environment
  /** The node that options and environment name. @throws UsageError */
  node(): NodeClient
  /** What the process ends with when nothing is thrown. */
  exitCode: number
}
