/** Runs the rows of two builds in turn, A B A B, each row with a node of either build that is set up alike. */
import type { Bench } from '../bench.js'
import { sizesOf } from '../bench.js'
import { type Side, takeTurns } from '../load/rounds.js'
import { sendAll } from '../load/send-all.js'
import { warningsOf } from '../load/sides.js'
import type { LeftRow } from '../report/report.js'
import { absent, drawn, hits, malformed, notModified, notServed } from '../rows/lookup-specs.js'
import type { LookupSpec } from '../rows/lookups.js'
import { requireEtag } from '../rows/memory-rows.js'
import type { ComparableName } from '../rows/row-names.js'
import { MEMORY_CACHE_BYTES, NO_REDIS } from '../stage/measured-node.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { type Contender, contender } from './contender.js'
import { type ComparedRow, comparedRow } from './report.js'
import type { Build } from './revisions.js'
import { BATCH, BATCH_CALLERS, batchSide, hotLookups, lookupSide, type Pair } from './sides.js'

type Title = Pick<ComparedRow, 'name' | 'title' | 'unit'>

export interface Compared {
  readonly rows: readonly ComparedRow[]
  readonly left: readonly LeftRow[]
}

export async function compareBuilds(bench: Bench, builds: Pair<Build>): Promise<Compared> {
  const { only } = bench.options
  const rows: ComparedRow[] = []
  const left: LeftRow[] = []
  const contenders = [await contender(bench, builds[0], 'a'), await contender(bench, builds[1], 'b')] as const

  const compare = async (title: Title, sidesOf: () => Promise<Pair<Side>>, rounds = bench.options.rounds) => {
    if (!only.has(title.name)) return
    bench.say(`${title.name}: ${title.title}`)
    try {
      const [first, second] = await takeTurns(await sidesOf(), { rounds, warmUp: title.name !== 'import' })
      rows.push(comparedRow({ ...title, notes: warningsOf([first!, second!]) }, [first!, second!]))
    } catch (error) {
      if (bench.clean.interrupted) throw error
      left.push({ name: title.name, reason: error instanceof Error ? error.message : String(error), failed: true })
    }
  }
  const turns: Turns = { bench, contenders, compare, wants: (...names) => names.some((name) => only.has(name)) }

  await compareFirstNodes(turns)
  await compareCold(turns, 'redis')
  await compareCold(turns, 'postgres')
  if (turns.wants('redis') && bench.stage.redisUrl === undefined) {
    left.push({ name: 'redis', reason: 'there is no redis-server on PATH', failed: false })
  }
  return { rows, left }
}

interface Turns {
  readonly bench: Bench
  readonly contenders: Pair<Contender>
  wants(...names: readonly ComparableName[]): boolean
  compare(title: Title, sidesOf: () => Promise<Pair<Side>>, rounds?: number): Promise<void>
}

/** Those as they come, which also take the data set in. */
async function compareFirstNodes(turns: Turns): Promise<void> {
  const { bench, contenders, compare } = turns
  const { connections, rounds } = bench.options
  const count = sizesOf(bench.options).hotRecords
  const nodes = await startBoth(turns, {
    memoryCacheBytes: MEMORY_CACHE_BYTES,
    redisUrl: bench.stage.redisUrl ?? NO_REDIS,
  })
  const pair = async <Item>(of: (one: Contender, node: RunningNode) => Item | Promise<Item>) =>
    [await of(contenders[0], nodes[0]), await of(contenders[1], nodes[1])] as const
  await pair((one, node) => one.setUp(node))
  await takeIn(turns, await pair((one, node) => one.importSide(node, turns.wants('import') ? rounds : 1)))
  await pair((one) => one.settle())

  bench.say(`warming: ${count} records into the memory caches`)
  await pair((_, node) => sendAll(node.port, hotLookups(count)))
  const etags = await pair((_, node) => requireEtag(node))
  const of = (name: 'memory-zipf' | 'memory-uniform', distribution: 'zipf' | 'uniform') =>
    hits(bench, { name, title: `GET memory hit, ${distribution}`, expectTier: 'memory', distribution, count })
  for (const spec of [of('memory-zipf', 'zipf'), of('memory-uniform', 'uniform')])
    await compareLookups(turns, nodes, spec)
  await compare({ name: 'not-modified', title: 'GET with If-None-Match, Zipf', unit: 'answers' }, () =>
    pair((one, node) => lookupSide(bench, one, { node, spec: notModified(bench, count, etags[nodes.indexOf(node)]!) })),
  )
  for (const spec of [absent(bench), malformed(), notServed()]) await compareLookups(turns, nodes, spec)
  await compare({ name: 'batch-resolve', title: 'POST /v1/resolve of 1,000, memory hit', unit: 'identifiers' }, () =>
    pair((one, node) => batchSide(bench, one, { node, keys: drawn(bench, 'uniform', count) })),
  )
  await compare({ name: 'register', title: `PUT of a new identifier, ${connections} callers`, unit: 'records' }, () =>
    pair((one, node) => one.registerSide(node, { callers: connections, rowsPerRequest: 1 })),
  )
  await compare({ name: 'register-batch', title: 'POST /v1/identifiers:batch of 1,000', unit: 'records' }, () =>
    pair((one, node) => one.registerSide(node, { callers: BATCH_CALLERS, rowsPerRequest: BATCH })),
  )
  await Promise.all(nodes.map((node) => node.stop()))
}

/** The data set comes in as the row `import`, or at once when that was not asked for. */
async function takeIn({ bench, wants, compare }: Turns, sides: Pair<Side>): Promise<void> {
  const { records, rounds } = bench.options
  if (!wants('import')) {
    bench.say(`loading ${records} records into either database`)
    for (const side of sides) await side.measure()
    return
  }
  const title = `POST /v1/imports, NDJSON, ${rounds} parts`
  await compare({ name: 'import', title, unit: 'records' }, async () => sides, rounds)
}

async function compareCold(turns: Turns, name: 'redis' | 'postgres'): Promise<void> {
  const { bench, wants } = turns
  const redisUrl = name === 'redis' ? bench.stage.redisUrl : NO_REDIS
  if (!wants(name) || redisUrl === undefined) return
  const count = name === 'redis' ? sizesOf(bench.options).hotRecords : bench.options.records
  const nodes = await startBoth(turns, { memoryCacheBytes: 0, redisUrl })
  if (name === 'redis') for (const node of nodes) await sendAll(node.port, hotLookups(count))
  const title = name === 'redis' ? 'GET Redis hit, uniform' : 'GET all caches off, uniform'
  await compareLookups(
    turns,
    nodes,
    hits(bench, {
      name,
      title,
      expectTier: name === 'redis' ? 'redis' : 'registry',
      distribution: 'uniform',
      count,
    }),
  )
  await Promise.all(nodes.map((node) => node.stop()))
}

async function startBoth(
  { contenders: [first, second] }: Turns,
  caches: Parameters<Contender['start']>[0],
): Promise<Pair<RunningNode>> {
  return [await first.start(caches), await second.start(caches)]
}

function compareLookups({ bench, contenders, compare }: Turns, nodes: Pair<RunningNode>, spec: LookupSpec) {
  const { name, title } = spec
  return compare({ name, title, unit: 'answers' }, async () => [
    lookupSide(bench, contenders[0], { node: nodes[0], spec }),
    lookupSide(bench, contenders[1], { node: nodes[1], spec }),
  ])
}
