/** Starts a node from the environment, in this process or in several, says where it is and what to try, and stops it on a signal. */
import { type RunningNode, startNode } from './app.js'
import { MACHINE_BUILDER } from './demo/catalogue.js'
import { SAMPLE_PART, SAMPLE_PRODUCT } from './demo/samples.js'
import { type RunningMachine, startMachine } from './machine.js'
import { systemClock } from './platform/clock.js'
import { type Config, describeConfig, processEnvironment, readConfig } from './platform/config.js'
import { messageOf } from './platform/errors.js'
import { type Lifecycle, lifecycle, reloadOnHangUp, stopOnSignals } from './platform/lifecycle.js'
import { type Logger, logger } from './platform/logger.js'
import type { HandlePorts } from './protocols/handle/own-site.js'

/** What the command asks when it is told nothing else. */
const DEFAULT_NODE = 'http://127.0.0.1:8080'

const startedAtMs = performance.now()

try {
  await main(readConfig(processEnvironment()))
} catch (error) {
  process.stderr.write(`jiexi: ${messageOf(error)}\n`)
  process.exitCode = 1
}

async function main(config: Config): Promise<void> {
  const log = logger({ level: config.logLevel, clock: systemClock, fields: { node: config.nodeName } })
  const life = lifecycle(log)
  stopOnSignals(life, log)
  log.debug('Settings', describeConfig(config))
  let adminKey: string | undefined
  const onAdminKey = (apiKey: string) => {
    adminKey = apiKey
    process.stdout.write(`\n  Administrator's key, shown only now: ${apiKey}\n\n`)
  }
  const node =
    config.workers === 1
      ? await startNode(config, log, { life, onAdminKey })
      : await startWorkers(config, log, { life, onAdminKey })
  process.stdout.write(banner(node, config, adminKey))
}

async function startWorkers(
  config: Config,
  log: Logger,
  { life, onAdminKey }: { readonly life: Lifecycle; readonly onAdminKey: (apiKey: string) => void },
): Promise<RunningMachine> {
  const onGivenUp = (reason: Error) => {
    process.stderr.write(`jiexi: ${reason.message}\n`)
    void life.stop().then(() => process.exit(1))
  }
  const machine = await startMachine(config, log, { life, onAdminKey, onGivenUp })
  reloadOnHangUp(life, log, () => void machine.roll())
  return machine
}

function banner(node: RunningNode | RunningMachine, config: Config, adminKey: string | undefined): string {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  const { kind, version } = node.database
  const redis = {
    external: 'Redis as configured',
    private: 'a private redis-server',
    none: 'no Redis: memory cache alone',
  }
  return [
    '',
    `Jiexi is ready after ${seconds} s`,
    `  page      ${node.url}/`,
    `  API       ${node.url}/v1, described at ${node.url}/docs`,
    ...handleLines(node.handle),
    `  health    ${node.url}/readyz, metrics at ${node.url}/metrics`,
    ...roleLines(config),
    `  database  PostgreSQL ${version}, ${kind === 'embedded' ? `embedded in ${config.dataFolder}` : 'as configured'}`,
    `  cache     ${redis[node.redis]}`,
    ...(config.workers === 1
      ? []
      : [`  workers   ${config.workers}; kill -HUP ${process.pid} replaces them one by one`]),
    ...(node.demo?.loaded ? [`  catalogue ${node.demo.products} products and ${node.demo.parts} parts to try`] : []),
    `  administrator's key: ${whereIsTheKey(config, adminKey)}`,
    '',
    'Try it in another terminal, from this folder:',
    ...commandsToPaste(node, config, adminKey).map((command) => `  ${command}`),
    '',
    '',
  ].join('\n')
}

/** What a node is that is not what most are. */
function roleLines({ role, nodePrefix, enterprise, parent }: Config): string[] {
  const above = parent === undefined ? '' : `, below ${parent.join(' and ')}`
  switch (role) {
    case 'secondary':
      return parent === undefined ? [] : [`  role      secondary node${above}`]
    case 'top-level':
      return ['  role      top-level node: it takes what nodes below tell and report']
    case 'enterprise':
      return [`  role      enterprise node of "${enterprise}", which holds ${nodePrefix}${above}`]
    case 'recursive':
      return [`  role      recursive node: it holds nothing and asks ${parent?.join(' and ')}`]
  }
}

function handleLines({ port, httpPort }: HandlePorts): string[] {
  const native = port === undefined ? 'native protocol closed' : `native protocol on UDP and TCP port ${port}`
  const http = httpPort === undefined ? 'its HTTP closed' : `its HTTP on port ${httpPort}`
  return [`  Handle    ${native}, ${http}`]
}

function whereIsTheKey(config: Config, adminKey: string | undefined): string {
  if (adminKey !== undefined) return 'shown above, and only now'
  if (config.adminKey !== undefined) return 'as configured in JIEXI_ADMIN_KEY'
  return 'shown at the first start; if it is lost, start once with JIEXI_ADMIN_KEY set to a new one'
}

/** Look up a product, look up a part, make a key and register something of one's own. */
function commandsToPaste(node: { readonly url: string }, config: Config, adminKey: string | undefined): string[] {
  const jiexi = node.url === DEFAULT_NODE ? 'npx jiexi' : `npx jiexi --node ${node.url}`
  const registerFirst = ({ id, prefix }: { readonly id: string; readonly prefix: string }) => {
    const createKey = `${jiexi} keys create --enterprise ${id} --api-key "${adminKey ?? '$JIEXI_ADMIN_KEY'}"`
    return `KEY=$(${createKey}) && ${jiexi} --api-key "$KEY" register ${prefix}/MY-1 --template part --set partNumber=MY-1 --set name="My first part"`
  }
  if (config.demo)
    return [
      `${jiexi} resolve ${SAMPLE_PRODUCT}`,
      `${jiexi} resolve ${SAMPLE_PART} --explain`,
      registerFirst(MACHINE_BUILDER),
    ]
  const { role, enterprise, nodePrefix } = config
  if (role === 'enterprise') return [registerFirst({ id: enterprise, prefix: nodePrefix ?? '' })]
  return role === 'recursive' ? [`${jiexi} resolve ${SAMPLE_PART} --explain`] : [`${jiexi} status`]
}
