/** `jiexi status`: whether the node can answer, what it runs on, and what it has answered. */
import type { Command } from 'commander'
import { readJson } from '../platform/http-client.js'
import type { Cli } from './cli.js'
import { EXIT_FAILED } from './failure.js'
import { type NodeClient, unreachable } from './node-client.js'
import { shownJson, table } from './terminal.js'

interface ReadinessJson {
  readonly status: string
  readonly database: { readonly kind: string; readonly reachable: boolean; readonly version?: string }
  readonly redis: { readonly kind: string; readonly up: boolean }
  readonly feed: { readonly fresh: boolean; readonly ageMs: number | null }
  readonly upward?: {
    readonly backlog: number
    readonly backlogIsLarger: boolean
    readonly oldestSeconds: number
    readonly refused: number
    readonly walking: boolean
    readonly failingSince: string | null
  }
  readonly workers?: { readonly up: number; readonly wanted: number }
}

export function statusCommand(program: Command, cli: Cli): void {
  program
    .command('status')
    .summary('whether the node is ready, and what it has done')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => status(cli, options.json ?? false))
}

async function status(cli: Cli, json: boolean): Promise<void> {
  const node = cli.node()
  const [readiness, counts] = await Promise.all([readinessOf(node), lookupsOf(node)])
  if (readiness.status !== 'ok') cli.exitCode = EXIT_FAILED
  if (json) {
    cli.terminal.out(`${shownJson({ node: node.url, ...readiness, lookups: Object.fromEntries(counts) })}\n`)
    return
  }
  const { database, redis, feed, upward, workers } = readiness
  const lookups = [...counts].map(([tier, count]) => `${count} from ${tier}`)
  cli.terminal.out(
    table([
      ['node', node.url, readiness.status === 'ok' ? 'ready' : 'not ready'],
      [
        'database',
        `${database.kind}${database.version === undefined ? '' : ` ${database.version}`}`,
        reachable(database),
      ],
      ['redis', redis.kind, redis.kind === 'none' ? '' : redis.up ? 'up' : 'down: answers come without it'],
      ['change feed', feed.ageMs === null ? 'never read' : `${feed.ageMs} ms old`, feed.fresh ? 'fresh' : 'outdated'],
      ...(upward ? [['node above', backlogOf(upward), stateOf(upward)]] : []),
      ...(workers
        ? [
            [
              'workers',
              `${workers.up} of ${workers.wanted}`,
              workers.up < workers.wanted ? 'one is being replaced' : 'up',
            ],
          ]
        : []),
      ['look-ups', lookups.length === 0 ? 'none yet' : lookups.join(', '), ''],
    ]),
  )
}

type UpwardJson = NonNullable<ReadinessJson['upward']>

function backlogOf({ backlog, backlogIsLarger, oldestSeconds, refused }: UpwardJson): string {
  const waiting = backlog === 0 ? 'knows all changes' : `${backlogIsLarger ? 'more than ' : ''}${backlog} changes wait`
  const age = backlog === 0 ? '' : `, the oldest for ${oldestSeconds} s`
  return `${waiting}${age}${refused === 0 ? '' : `; ${refused} refused`}`
}

function stateOf({ failingSince, walking }: UpwardJson): string {
  if (failingSince !== null) return `cannot be told anything since ${failingSince}`
  return walking ? 'is told of everything anew' : 'acknowledges'
}

function reachable({ reachable: is }: ReadinessJson['database']): string {
  return is ? 'reachable' : 'not reachable: known answers are given, marked stale'
}

async function readinessOf(node: NodeClient): Promise<ReadinessJson> {
  const response = await node.send({ path: '/readyz' }).catch((error: unknown) => {
    throw unreachable(error)
  })
  return readJson(response) as ReadinessJson
}

const LOOKUPS = /^jiexi_lookups_total\{[^}]*tier="(\w+)"[^}]*\} (\d+)/gm

/** Answered look-ups by tier, of all workers. */
async function lookupsOf(node: NodeClient): Promise<ReadonlyMap<string, number>> {
  const response = await node.send({ path: '/metrics', headers: { accept: 'text/plain' } }).catch((error: unknown) => {
    throw unreachable(error)
  })
  const counts = new Map<string, number>()
  for (const [, tier, count] of response.body.toString('utf8').matchAll(LOOKUPS)) {
    if (Number(count) > 0) counts.set(tier!, (counts.get(tier!) ?? 0) + Number(count))
  }
  return counts
}
