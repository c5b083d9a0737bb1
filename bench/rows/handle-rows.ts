/** Rows of the native Handle protocol: look-ups that memory answers, over UDP, over one TCP connection, and in HTTP. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { encodeRecording } from '../baselines/recording.js'
import { type BaselineServer, startHttpBaseline } from '../baselines/run.js'
import { type Bench, sizesOf } from '../bench.js'
import { datagramSide, type HandleLoad, streamSide } from '../load/handle-loops.js'
import { type Side, takeTurns } from '../load/rounds.js'
import { collectAnswers, sendAll } from '../load/send-all.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Findings } from '../report/findings.js'
import type { Row } from '../report/report.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { identifierAt } from '../workload/dataset.js'
import { handleRequests, type RequestRun, tunnelRequest } from '../workload/handle-requests.js'
import { cycle } from '../workload/keys.js'
import { lookup, pathOf } from '../workload/requests.js'
import { drawn } from './lookup-specs.js'
import type { RowName } from './row-names.js'

export const HANDLE_ROWS = [
  'handle-udp',
  'handle-tcp-16',
  'handle-tcp-64',
  'handle-http',
] as const satisfies readonly RowName[]

const UDP_IN_FLIGHT = 64

interface HandlePorts {
  readonly port: number
  readonly httpPort: number
}

/** What all of these rows ask for, and what the node answered. */
interface Asked {
  readonly ports: HandlePorts
  readonly requests: RequestRun
  readonly handles: readonly string[]
  /** Of the node's answers by handle, as they are on the wire. */
  readonly recordingFile: string
  readonly octetsPerAnswer: number
}

export async function measureHandleRows(bench: Bench, node: RunningNode, findings: Findings): Promise<void> {
  const asked = await prepare(bench, node)
  await findings.row('handle-udp', () =>
    measureRow(bench, {
      node,
      asked,
      name: 'handle-udp',
      bare: 'bare-dgram',
      inFlight: UDP_IN_FLIGHT,
      side: datagramSide,
    }),
  )
  for (const inFlight of [16, 64] as const) {
    const name = `handle-tcp-${inFlight}` as const
    await findings.row(name, () =>
      measureRow(bench, { node, asked, name, bare: 'bare-frames', inFlight, side: streamSide }),
    )
  }
  await findings.row('handle-http', () => measureTunnel(bench, node, asked))
}

interface HandleRow {
  readonly node: RunningNode
  readonly asked: Asked
  readonly name: RowName
  readonly bare: 'bare-dgram' | 'bare-frames'
  readonly inFlight: number
  readonly side: (load: HandleLoad) => Side
}

async function measureRow(bench: Bench, { node, asked, name, bare, inFlight, side }: HandleRow): Promise<Row> {
  const transport = bare === 'bare-dgram' ? 'UDP' : 'one TCP connection'
  const title = `native look-up, memory hit, Zipf, ${transport}, ${inFlight} in flight`
  bench.say(`${name}: ${title}`)
  const baseline = await startBare(bench, bare)
  await baseline.load(asked.recordingFile)
  const load = { requests: asked.requests, inFlight, durationMs: bench.options.durationMs }
  const [measured, ...baselines] = await takeTurns(
    [
      side({ ...load, name: 'node', server: { port: asked.ports.port, pid: node.pid } }),
      side({ ...load, name: baseline.name, server: baseline }),
    ],
    bench.turns(),
  )
  await baseline.stop()
  return {
    name,
    title,
    unit: 'answers',
    node: measured!,
    baselines,
    notes: warningsOf([measured!, ...baselines]),
    facts: { octetsPerAnswer: asked.octetsPerAnswer },
  }
}

async function startBare(bench: Bench, name: HandleRow['bare']): Promise<BaselineServer> {
  const server = await startHttpBaseline(name, [], bench.pinned?.serverCore)
  bench.clean.add(server.stop)
  return server
}

async function measureTunnel(bench: Bench, node: RunningNode, { ports, handles }: Asked): Promise<Row> {
  const title = 'native look-up in HTTP, memory hit, Zipf'
  bench.say(`handle-http: ${title}`)
  const distinct = [...new Set(handles)]
  const answers = await collectAnswers(ports.httpPort, distinct.map(tunnelRequest))
  const file = path.join(bench.stage.scratchFolder, 'handle-http.recording')
  const requestOf = new Map(distinct.map((handle) => [handle, tunnelRequest(handle)] as const))
  const paths = distinct.map((handle) => pathOf(requestOf.get(handle)!))
  writeFileSync(file, encodeRecording(new Map(paths.map((name, place) => [name, answers[place]!]))))
  await bench.bare.load(file)
  const { connections, durationMs } = bench.options
  const nextRequest = cycle(handles.map((handle) => requestOf.get(handle)!))
  const load = { connections, durationMs, expectStatus: 200 }
  const [measured, ...baselines] = await takeTurns(
    [
      loadedSide({ ...load, name: 'node', server: { port: ports.httpPort, pid: node.pid }, nextRequest }),
      loadedSide({ ...load, name: bench.bare.name, server: bench.bare, nextRequest }),
    ],
    bench.turns(),
  )
  return {
    name: 'handle-http',
    title,
    unit: 'answers',
    node: measured!,
    baselines,
    notes: warningsOf([measured!, ...baselines]),
  }
}

/** As many records as the bare servers hold: both sides are asked for the same ones. */
async function prepare(bench: Bench, node: RunningNode): Promise<Asked> {
  const ports = await portsOf(node)
  const { hotRecords, recordedAnswers } = sizesOf(bench.options)
  const count = Math.min(hotRecords, recordedAnswers)
  const distinct = Array.from({ length: count }, (_, index) => identifierAt(index))
  bench.say(`warming: ${count} records into the memory cache, with what the Handle doors send of them`)
  await sendAll(
    node.port,
    distinct.map((identifier) => lookup(identifier)),
  )
  const answers = await collectAnswers(ports.httpPort, distinct.map(tunnelRequest))
  const messages = answers.map((answer) => answer.subarray(answer.indexOf('\r\n\r\n') + 4))
  const recordingFile = path.join(bench.stage.scratchFolder, 'handle.recording')
  writeFileSync(recordingFile, encodeRecording(new Map(distinct.map((handle, place) => [handle, messages[place]!]))))
  const handles = Array.from(drawn(bench, 'zipf', count), identifierAt)
  const octetsPerAnswer = Math.round(messages.reduce((sum, { length }) => sum + length, 0) / messages.length)
  return { ports, handles, requests: handleRequests(handles), recordingFile, octetsPerAnswer }
}

async function portsOf(node: RunningNode): Promise<HandlePorts> {
  const ready = (await (await fetch(`http://127.0.0.1:${node.port}/readyz`)).json()) as { handle: HandlePorts }
  return ready.handle
}
