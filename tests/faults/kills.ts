/** Many kill -9, of Postgres, Redis and nodes, while bulk loads and single writes come in; then a look at what is there. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Batch, runBatches } from './batches.js'
import type { CheckResult } from './checks/check.js'
import { type ImportRun, runImports } from './imports.js'
import { healAll, inflict } from './inflict.js'
import { type Lab, startLab } from './lab.js'
import { auditLoad } from './load-audit.js'
import { type Random, seededRandom } from './random.js'
import { tableOf } from './report.js'
import { type Rewrites, startRewrites } from './rewrites.js'
import { parseScript } from './script.js'

export interface KillsOptions {
  readonly kills: number
  readonly seed: number
  readonly signal?: AbortSignal
  readonly say?: (line: string) => void
}

export interface KillsResult {
  readonly checks: readonly CheckResult[]
  readonly broken: number
  readonly kills: ReadonlyMap<string, number>
  readonly batches: readonly Batch[]
  readonly imports: readonly ImportRun[]
  readonly rewrites: Rewrites
  readonly report: string
}

/** Of the two ways in which Postgres dies, one leaves ids of transactions to be given out again. */
const DEATHS = ['postgres.crash', 'redis.kill', 'node1.kill', 'node2.kill', 'node3.kill', 'postgres.kill'] as const
const BATCH_CLIENTS = 2
const IMPORT_CLIENTS = 2
const CALM_MS = { least: 300, most: 1_800 }

export async function runKills(options: KillsOptions): Promise<KillsResult> {
  const lab = await startLab(seededRandom(options.seed))
  try {
    return await killsIn(lab, options)
  } finally {
    await lab.stop()
  }
}

async function killsIn(lab: Lab, options: KillsOptions): Promise<KillsResult> {
  const over = new AbortController()
  const [batches, imports]: [Batch[], ImportRun[]] = [[], []]
  const common = { lab, signal: over.signal }
  const rewrites = startRewrites(lab, over.signal)
  const work = Promise.all([
    rewrites.over,
    ...times(BATCH_CLIENTS, () => runBatches({ ...common, batches, random: lab.random.fork() })),
    ...times(IMPORT_CLIENTS, () => runImports({ ...common, imports, random: lab.random.fork() })),
  ])
  // Its failure is met where it is awaited.
  work.catch(() => undefined)
  const kills = new Map<string, number>()
  try {
    await killAround(lab, { options, kills })
    await healAll(lab)
  } finally {
    over.abort()
    await work
  }
  options.say?.('looking at what is there')
  const checks = [...(await auditLoad(lab.postgres.db, { batches, imports })), ...(await rewrites.check())]
  const broken = checks.reduce((sum, { violations }) => sum + violations, 0)
  const result = { checks, broken, kills, batches, imports, rewrites }
  return { ...result, report: reportOf(result) }
}

async function killAround(
  lab: Lab,
  { options, kills }: { readonly options: KillsOptions; readonly kills: Map<string, number> },
): Promise<void> {
  const random = lab.random.fork()
  for (let killed = 0, deck: string[] = []; killed < options.kills && options.signal?.aborted !== true; killed += 1) {
    await delay(CALM_MS.least + random.below(CALM_MS.most - CALM_MS.least))
    if (deck.length === 0) deck = random.shuffled(DEATHS)
    const death = deck.pop()!
    options.say?.(`kill ${killed + 1}: ${death}`)
    await kill(lab, death, random)
    kills.set(death, (kills.get(death) ?? 0) + 1)
  }
}

async function kill(lab: Lab, death: string, random: Random): Promise<void> {
  const lasts = death.startsWith('postgres') ? '' : ` for ${50 + random.below(600)}ms`
  await Promise.all(parseScript(`at 0s ${death}${lasts}`).map((fault) => inflict(lab, fault)))
}

function times<Result>(count: number, start: () => Result): Result[] {
  return Array.from({ length: count }, start)
}

function reportOf({ checks, kills, batches, imports, rewrites }: Omit<KillsResult, 'report'>): string {
  const acknowledged = batches.filter(({ receipts }) => receipts !== undefined)
  const tries = batches.reduce((sum, batch) => sum + batch.tries, 0)
  const uploads = imports.reduce((sum, one) => sum + one.uploads, 0)
  const rows = imports.reduce((sum, one) => sum + one.acknowledgedRows, 0)
  const known = rewrites.writes.filter(({ result }) => result.kind === 'acknowledged')
  const retried = known.filter(({ tries }) => tries > 1)
  return [
    '',
    `kills    ${[...kills].map(([death, count]) => `${death} ${count}`).join(', ')}`,
    `batches  ${acknowledged.length} acknowledged of ${batches.length}, in ${tries} tries: ${acknowledged.reduce((sum, batch) => sum + batch.keys.length, 0)} registrations`,
    `imports  ${imports.filter(({ isFinished }) => isFinished).length} finished of ${imports.length}, in ${uploads} uploads: ${rows} rows acknowledged`,
    `writes   ${known.length} acknowledged of ${rewrites.writes.length}, ${retried.length} of them after more than one try`,
    '',
    ...tableOf(
      ['promise', 'checked', 'broken'],
      checks.map(({ name, checked, violations }) => [name, checked, violations]),
    ),
    ...checks.flatMap(({ name, examples }) => examples.map((example) => `${name}: ${example}`)),
    '',
  ].join('\n')
}
