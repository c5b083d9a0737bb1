/** The baselines that were asked for by name, in that order. */
import type { BaselineChoice } from '../command/options.js'
import { startExternalServer } from './external-server.js'
import { startNginx } from './nginx.js'
import { type BaselineServer, startHttpBaseline } from './run.js'

export interface OtherBaselines {
  readonly choices: readonly BaselineChoice[]
  readonly path: string | undefined
  readonly scratchFolder: string
  readonly core: number | undefined
  /** Takes what stops each, as soon as it runs. */
  started(server: BaselineServer): void
}

/** @throws Error when one of them does not start */
export async function startOtherBaselines(others: OtherBaselines): Promise<BaselineServer[]> {
  const servers: BaselineServer[] = []
  for (const choice of others.choices) {
    const server = await startChoice(others, choice)
    others.started(server)
    servers.push(server)
  }
  return servers
}

function startChoice(others: OtherBaselines, choice: BaselineChoice): Promise<BaselineServer> {
  const { core, path } = others
  switch (choice.kind) {
    case 'fastify':
      return startHttpBaseline('fastify-http', [], core)
    case 'net':
      return startHttpBaseline('fixed-net', [], core)
    case 'nginx':
      return startNginx(others.scratchFolder, core)
    case 'command':
      return startExternalServer({ name: nameOf(choice.command), command: choice.command, path, core })
  }
}

/** The program's, without its folder; the whole command stands among the options of the report. */
function nameOf(command: string): string {
  const [program = ''] = command.trim().split(/\s+/)
  return `cmd:${program.slice(program.lastIndexOf('/') + 1)}`
}
