/** A node as a process of its own, on ports that stay its own: stopped, killed and started again, whatever others do meanwhile. */
import { freePort } from '../../src/platform/free-port.js'
import type { Child } from './child.js'
import { startMachine } from './machine.js'

export interface RestartableNode {
  readonly url: string
  readonly port: number
  /** Of the native Handle protocol. */
  readonly handlePort: number
  readonly adminKey: string
  readonly isUp: () => boolean
  start(): Promise<void>
  /** SIGTERM: it finishes what it does. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

export interface RestartableNodeOptions {
  readonly databaseUrl: string
  readonly port: number
  readonly handlePort: number
  readonly environment: Readonly<Record<string, string>>
}

const ADMIN_KEY = 'administrator-of-the-tests'

export async function freePorts(): Promise<Pick<RestartableNodeOptions, 'port' | 'handlePort'>> {
  return { port: await freePort(), handlePort: await freePort() }
}

/** Not started yet. It ends with this process at the latest. */
export function restartableNode({
  databaseUrl,
  port,
  handlePort,
  environment,
}: RestartableNodeOptions): RestartableNode {
  let child: Child | undefined
  const endWithUs = () => void child?.process.kill('SIGKILL')
  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    child = undefined
    process.off('exit', endWithUs)
    ending?.process.kill(signal)
    await ending?.ended
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    handlePort,
    adminKey: ADMIN_KEY,
    isUp: () => child !== undefined,
    async start() {
      process.once('exit', endWithUs)
      const started = startMachine({
        databaseUrl,
        redisUrl: 'none',
        workers: 1,
        environment: {
          PORT: String(port),
          JIEXI_HANDLE_PORT: String(handlePort),
          JIEXI_ADMIN_KEY: ADMIN_KEY,
          JIEXI_DEMO: 'false',
          JIEXI_LOG_LEVEL: 'error',
          JIEXI_DRAIN_SECONDS: '1',
          ...environment,
        },
      })
      child = started
      await started.line(/^Try it/)
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}
