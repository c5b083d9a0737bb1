/** Rows of single look-ups: the node against servers that send the same octets for the same keys. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { encodeRecording, headerOf, parseAnswer } from '../baselines/recording.js'
import { type Bench, sizesOf } from '../bench.js'
import { type Side, type Turns, takeTurns } from '../load/rounds.js'
import { collectAnswers } from '../load/send-all.js'
import { loadedSide, percent, warningsOf } from '../load/sides.js'
import type { Row } from '../report/report.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cycle } from '../workload/keys.js'
import { pathOf } from '../workload/requests.js'
import type { RowName } from './row-names.js'

export interface LookupSpec {
  readonly name: RowName
  readonly title: string
  /** In the order drawn; they repeat. */
  readonly requests: readonly Buffer[]
  readonly expectStatus: number
  /** The tier that ought to answer, as `Cache-Status` calls it. */
  readonly expectTier?: Tier
  /** Further baselines, after the bare server. */
  readonly otherBaselines?: readonly Side[]
}

export type Tier = 'memory' | 'redis' | 'registry'

const SAMPLED = 500
const REFUSAL_ROUNDS = 3

export async function measureLookups(bench: Bench, node: RunningNode, spec: LookupSpec): Promise<Row> {
  const { options } = bench
  bench.say(`${spec.name}: ${spec.title}`)
  const recorded = await recordForBareServer(bench, node, spec)
  const load = { connections: options.connections, durationMs: options.durationMs, expectStatus: spec.expectStatus }
  const [measured, ...baselines] = await takeTurns(
    [
      loadedSide({ ...load, name: 'node', server: node, nextRequest: cycle(spec.requests) }),
      loadedSide({ ...load, name: bench.bare.name, server: bench.bare, nextRequest: cycle(recorded.requests) }),
      ...otherServers(bench, spec, recorded).map((side) => loadedSide({ ...load, ...side })),
      ...(spec.otherBaselines ?? []),
    ],
    turnsFor(bench, spec),
  )
  const tiers = await tiersOf(node, spec.requests)
  return {
    name: spec.name,
    title: spec.title,
    unit: 'answers',
    node: measured!,
    baselines,
    notes: [...tierNotes(tiers, spec.expectTier), ...warningsOf([measured!, ...baselines])],
    facts: { octetsPerAnswer: recorded.octetsPerAnswer, ...tiers },
  }
}

/** Answers that no goal is about make do with fewer rounds: a whole run has to end in time. */
function turnsFor(bench: Bench, { expectStatus }: LookupSpec): Turns {
  const turns = bench.turns()
  return expectStatus === 200 ? turns : { ...turns, rounds: Math.min(turns.rounds, REFUSAL_ROUNDS) }
}

/** They know of hits alone: some send one answer to whatever is asked, others have no such thing as an ETag. */
function otherServers(bench: Bench, spec: LookupSpec, recorded: Recorded) {
  const servers = spec.expectStatus === 200 ? bench.otherBaselines : []
  return servers.map((server) => ({
    name: server.name,
    server,
    nextRequest: cycle(server.requestsFor(recorded.requests)),
  }))
}

export interface Recorded {
  /** Those of the given requests whose answers were recorded, in the same order. */
  readonly requests: readonly Buffer[]
  readonly octetsPerAnswer: number
}

/** Asks the node for the first distinct paths of the requests, and gives its answers to the bare server and the others. */
export async function recordForBareServer(
  bench: Bench,
  node: RunningNode,
  spec: Pick<LookupSpec, 'name' | 'requests'>,
): Promise<Recorded> {
  const limit = sizesOf(bench.options).recordedAnswers
  const distinct = new Map<string, Buffer>()
  for (const request of spec.requests) {
    if (distinct.size === limit) break
    distinct.set(pathOf(request), request)
  }
  const answers = await collectAnswers(node.port, [...distinct.values()])
  const paths = [...distinct.keys()]
  const file = path.join(bench.stage.scratchFolder, `${spec.name}.recording`)
  writeFileSync(file, encodeRecording(new Map(paths.map((name, index) => [name, answers[index]!]))))
  for (const server of [bench.bare, ...bench.otherBaselines]) await server.load(file)
  return {
    requests: spec.requests.filter((request) => distinct.has(pathOf(request))),
    octetsPerAnswer: Math.round(answers.reduce((sum, { length }) => sum + length, 0) / answers.length),
  }
}

/** Share of a sample of the requests by the tier that answered, as the answers say. */
export async function tiersOf(node: RunningNode, requests: readonly Buffer[]): Promise<Record<string, number>> {
  const step = Math.max(1, Math.floor(requests.length / SAMPLED))
  const sample = requests.filter((_, index) => index % step === 0).slice(0, SAMPLED)
  const counts: Record<string, number> = {}
  for (const answer of await collectAnswers(node.port, sample)) {
    const tier = /detail=([a-z-]+)/.exec(headerOf(parseAnswer(answer), 'cache-status') ?? '')?.[1]
    if (tier !== undefined) counts[tier] = (counts[tier] ?? 0) + 1
  }
  return Object.fromEntries(Object.entries(counts).map(([tier, answers]) => [tier, answers / sample.length]))
}

export function tierNotes(tiers: Readonly<Record<string, number>>, expected: Tier | undefined): string[] {
  const entries = Object.entries(tiers)
  if (expected === undefined || entries.length === 0) return []
  const told = entries.map(([tier, share]) => `${tier} ${percent(share)}`).join(', ')
  return (tiers[expected] ?? 0) > 0.99 ? [] : [`NOT ALL FROM ${expected}: ${told}`]
}
