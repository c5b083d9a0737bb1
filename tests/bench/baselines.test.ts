/** The servers that can be measured beside the node, started for real and asked. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startExternalServer } from '../../bench/baselines/external-server.js'
import { startOtherBaselines } from '../../bench/baselines/others.js'
import { encodeRecording, headerOf, parseAnswer } from '../../bench/baselines/recording.js'
import type { BaselineServer } from '../../bench/baselines/run.js'
import type { BaselineChoice } from '../../bench/command/options.js'
import { collectAnswers } from '../../bench/load/send-all.js'
import { lookup } from '../../bench/workload/requests.js'
import { isAlive } from '../../src/platform/process-facts.js'
import { findProgram } from '../support/system-packages.js'

const ANSWER =
  'HTTP/1.1 200 OK\r\nETag: "v1"\r\ncontent-type: application/json\r\nContent-Length: 14\r\n\r\n{"name":"泵"}'
const OTHER = 'HTTP/1.1 200 OK\r\nETag: "v2"\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}'
const FIRST = lookup('88.1/first')
const SECOND = lookup('88.1/second')
const SERVER = `require('http').createServer((q, s) => s.end(q.url)).listen({port}, '127.0.0.1')`

let folder: string
let recording: string
const running: BaselineServer[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'jiexi-baselines-'))
  recording = path.join(folder, 'some.recording')
  const answers = [
    ['/v1/identifiers/88.1/first', Buffer.from(ANSWER)],
    ['/v1/identifiers/88.1/second', Buffer.from(OTHER)],
  ] as const
  writeFileSync(recording, encodeRecording(new Map(answers)))
})

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
  rmSync(folder, { recursive: true })
})

test('fastify sends the recorded status, fields and octets of each path', async () => {
  const server = await start({ kind: 'fastify' })
  const [first, second] = await ask(server, [FIRST, SECOND])
  expect([first!.status, headerOf(first!, 'etag'), first!.body.toString()]).toEqual([200, '"v1"', '{"name":"泵"}'])
  expect([second!.status, headerOf(second!, 'etag'), second!.body.toString()]).toEqual([200, '"v2"', '{}'])
})

test('net sends the first recorded answer, octet for octet, whatever is asked', async () => {
  const server = await start({ kind: 'net' })
  const answers = await collectAnswers(server.port, [FIRST, SECOND, lookup('88.1/third')])
  expect(answers.map(String)).toEqual([ANSWER, ANSWER, ANSWER])
})

test.runIf(findProgram({ names: ['nginx'], packages: [], neededBy: '' }))(
  'nginx sends the body of the first recorded answer as a file',
  async () => {
    const server = await start({ kind: 'nginx' })
    const [answer] = await ask(server, [SECOND])
    expect([answer!.status, answer!.body.toString()]).toEqual([200, '{"name":"泵"}'])
  },
)

test('any command serves beside the node, is asked for what one says, and ends with all it has started', async () => {
  const command = `echo started; node -e "${SERVER}" & echo $! > ${folder}/pid; wait`
  const server = await startExternalServer({ name: 'own', command, path: '/get?id={identifier}', core: undefined })
  running.push(server)
  const [answer] = await ask(server, server.requestsFor([FIRST]))
  expect(answer!.body.toString()).toBe('/get?id=88.1/first')

  // The file is there: the shell wrote it before it waited for the server.
  const pid = Number(readFileSync(path.join(folder, 'pid'), 'utf8'))
  expect(isAlive(pid)).toBe(true)
  await server.stop()
  await expect.poll(() => isAlive(pid)).toBe(false)
})

test('a command that ends before it serves is told with what it said', async () => {
  const command = 'echo no database on {port} >&2; exit 3'
  await expect(startExternalServer({ name: 'own', command, core: undefined })).rejects.toThrow(
    /ended with code 3 before it served[\s\S]*no database on \d+/,
  )
})

async function start(choice: BaselineChoice): Promise<BaselineServer> {
  const started = (server: BaselineServer) => void running.push(server)
  const options = { path: undefined, scratchFolder: folder, core: undefined, started }
  const [server] = await startOtherBaselines({ choices: [choice], ...options })
  await server!.load(recording)
  return server!
}

async function ask(server: BaselineServer, requests: readonly Buffer[]) {
  return (await collectAnswers(server.port, requests)).map(parseAnswer)
}
