/**
 * The row of the crowd: p99 of look-ups at one offered load, with nobody else there and among connections that only stand there
 * or send an octet now and then, which are at the native door of the same process.
 */
import path from 'node:path'
import type { Bench } from '../bench.js'
import { type OpenLoopResult, runOpenLoop } from '../load/open-loop.js'
import type { LatencyRow } from '../report/report.js'
import { startChild } from '../stage/child.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { cycle } from '../workload/keys.js'
import { latencyFigures } from './latency.js'

const CROWD = { idle: 10_000, slow: 100 }
const QUICK_CROWD = { idle: 500, slow: 20 }
const SHARE_OF_CAPACITY = 0.1
const ROUNDS = 5
const QUICK_ROUNDS = 1
const WARM_UP_SHARE = 0.2

export interface CrowdSpec {
  readonly requests: readonly Buffer[]
  /** Answers per second of the node in a closed loop. */
  readonly capacityPerSecond: number
}

export async function measureCrowd(bench: Bench, node: RunningNode, spec: CrowdSpec): Promise<LatencyRow[]> {
  const { quick } = bench.options
  const { idle, slow } = quick ? QUICK_CROWD : CROWD
  const title = `GET memory hit, beside ${idle} idle and ${slow} slow connections of the native door`
  bench.say(`latency-crowd: ${title}`)
  const alone: OpenLoopResult[] = []
  const among: OpenLoopResult[] = []
  const port = await nativePortOf(node)
  for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round += 1) {
    alone.push(await measureOnce(bench, node, spec))
    const crowd = await gather(bench, port, { idle, slow })
    among.push(await measureOnce(bench, node, spec))
    await crowd.leave()
  }
  const row = { name: 'latency-crowd', title, shareOfCapacity: SHARE_OF_CAPACITY } as const
  return [
    { ...row, side: 'node', ...latencyFigures(alone) },
    { ...row, side: 'node in the crowd', ...latencyFigures(among) },
  ]
}

async function measureOnce(
  bench: Bench,
  node: RunningNode,
  { requests, capacityPerSecond }: CrowdSpec,
): Promise<OpenLoopResult> {
  const { connections, durationMs } = bench.options
  const load = {
    port: node.port,
    connections,
    nextRequest: cycle(requests),
    expectStatus: 200,
    ratePerSecond: capacityPerSecond * SHARE_OF_CAPACITY,
  }
  await runOpenLoop({ ...load, durationMs: durationMs * WARM_UP_SHARE })
  return runOpenLoop({ ...load, durationMs })
}

interface Crowd {
  /** @throws Error when the node had closed connections that only stood there */
  leave(): Promise<void>
}

async function gather(
  bench: Bench,
  port: number,
  { idle, slow }: { readonly idle: number; readonly slow: number },
): Promise<Crowd> {
  const program = path.resolve(import.meta.dirname, '../load/crowd.ts')
  const command = [process.execPath, '--import', 'tsx', program, String(port), String(idle), String(slow)]
  const child = startChild(command, { messages: true })
  bench.clean.add(child.stop)
  const told = () =>
    Promise.race([
      new Promise<{ lost: number }>((resolve) => child.process.once('message', (message) => resolve(message as never))),
      child.exited.then((how): never => {
        throw new Error(`The crowd ${how}. Its output:\n${child.recentOutput()}`)
      }),
    ])
  await told()
  return {
    async leave() {
      const answer = told()
      child.process.send({})
      const { lost } = await answer
      await child.stop()
      if (lost > 0) throw new Error(`The node closed ${lost} connections that did nothing`)
    },
  }
}

async function nativePortOf(node: RunningNode): Promise<number> {
  const ready = (await (await fetch(`http://127.0.0.1:${node.port}/readyz`)).json()) as { handle: { port: number } }
  return ready.handle.port
}
