/** The supervisor over real processes, whose behaviour is chosen (children/worker.ts). */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { isAlive } from '../../src/platform/process-facts.js'
import { supervisor } from '../../src/platform/supervisor.js'
import type { WorkerProcess } from '../../src/platform/worker-process.js'
import { runTypeScript } from '../support/child.js'
import { PATIENT } from '../support/patience.js'
import type { Behaviour } from './children/worker.js'

const PROGRAM = path.join(import.meta.dirname, 'children/supervisor.ts')
/** They start processes, perhaps on a machine that is busy with other things. */
const LONG_MS = 120_000

const children: ChildProcess[] = []
const folders: string[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

test('a worker that says why it cannot serve ends the start at once, with that reason', {
  timeout: LONG_MS,
}, async () => {
  const supervised = supervise('reports', 1)
  expect(await supervised.ended).toBe(1)
  expect(supervised.output()).toMatch(/failed: Worker 1 \(process \d+\) did not start: the moon is in the wrong place/)
  expect(supervised.begun()).toHaveLength(1)
})

test('one that crashes at its start is tried a few times, then the start ends and says how it went', {
  timeout: LONG_MS,
}, async () => {
  const supervised = supervise('crashes', 1)
  expect(await supervised.ended).toBe(1)
  expect(supervised.output()).toMatch(/failed: Worker 1 .* did not start: it ended with code 3 before it was ready/)
  expect(supervised.begun()).toHaveLength(5)
})

test('when no worker serves any more and none can be started, it gives up', { timeout: LONG_MS }, async () => {
  const supervised = supervise('wears-out', 1)
  await supervised.line(/^started/)
  await supervised.line(/Worker 1 .* ended with code 4; another one takes its place/)
  expect(await supervised.line(/^given up/)).toContain('ended with code 3 before it was ready')
  expect(supervised.begun().length).toBeGreaterThan(3)
})

test('one that shows no life is ended and replaced', { timeout: LONG_MS }, async () => {
  const supervised = supervise('hangs-once', 1)
  const [first] = (await supervised.line(/Worker 1 \(process \d+\) serves/)).match(/(?<=process )\d+/)!
  await supervised.line(new RegExp(`process ${first}\\) shows no life and is ended`))
  await supervised.line(new RegExp(`process (?!${first}\\))\\d+\\) serves`))
  expect(await supervised.ends()).toBe(0)
})

test('one that does not drain is ended, so that a restart and a stop come to their end', {
  timeout: LONG_MS,
}, async () => {
  const supervised = supervise('ignores-drain', 2)
  await supervised.line(/^started/)
  const old = supervised.begun()
  supervised.process.kill('SIGHUP')
  await supervised.line(/^rolled/)
  expect(old.filter(isAlive)).toEqual([])
  expect(supervised.begun()).toHaveLength(4)
  expect(supervised.output().match(/did not drain in time/g)).toHaveLength(2)
  expect(await supervised.ends()).toBe(0)
  expect(supervised.begun().filter(isAlive)).toEqual([])
})

test('asked again while workers are being replaced, it replaces them once more', { timeout: LONG_MS }, async () => {
  const supervised = supervise('steady', 1)
  await supervised.line(/^started/)
  // Signals of one kind that come at the same time are one: the second when the first has been heard, and two more with it.
  supervised.process.kill('SIGHUP')
  await supervised.line(/^rolling/)
  for (let times = 0; times < 2; times += 1) supervised.process.kill('SIGHUP')
  await supervised.line(/^rolled/)
  expect(supervised.begun()).toHaveLength(3)
  expect(await supervised.ends()).toBe(0)
})

test('a worker whose place was filled during the pause before its replacement is not replaced twice', async () => {
  const launched: { readonly worker: WorkerProcess; end(): void }[] = []
  const them = supervisor({
    workers: 1,
    launch: (slot) => {
      const one = imaginaryWorker(slot, launched.length + 1)
      launched.push(one)
      return one.worker
    },
    drainWithinMs: 1_000,
    log: { info: () => undefined, error: () => undefined },
    onGivenUp: () => undefined,
  })
  await them.start()
  for (const times of [1, 2]) {
    launched.at(-1)!.end()
    await vi.waitUntil(() => launched.length === times + 1 && them.count().up === 1, PATIENT)
  }
  // Two were replaced at once or nearly so; the next has to wait for 200 ms.
  launched.at(-1)!.end()
  await vi.waitUntil(() => them.count().up === 0, { ...PATIENT, interval: 1 })
  await them.roll()
  expect(launched).toHaveLength(4)
  await delay(400)
  expect(launched).toHaveLength(4)
  await them.stop()
})

test('the worker program is not for people', { timeout: LONG_MS }, async () => {
  const worker = runTypeScript(path.resolve(import.meta.dirname, '../../src/worker.ts'))
  children.push(worker.process)
  expect(await worker.ended).toBe(1)
  expect(worker.output()).toContain('Use `npm start`')
})

/** Serves at once, and ends when it is told to. */
function imaginaryWorker(slot: number, pid: number) {
  let end: () => void = () => undefined
  const exited = new Promise<string>((resolve) => (end = () => resolve('ended')))
  const worker: WorkerProcess = {
    slot,
    pid,
    ready: Promise.resolve(),
    exited,
    offer: () => undefined,
    share: () => undefined,
    deliver: () => undefined,
    load: () => 0,
    ask: async () => undefined,
    tell: () => undefined,
    ping: () => 1,
    drain: () => end(),
    kill: () => end(),
  }
  return { worker, end: () => end() }
}

function supervise(behaviour: Behaviour, workers: number) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-supervisor-'))
  folders.push(folder)
  const journal = path.join(folder, 'journal')
  const child = runTypeScript(PROGRAM, [behaviour, journal, String(workers)])
  children.push(child.process)
  return {
    ...child,
    /** Process ids of the workers that have begun so far. */
    begun: () => readFileSync(journal, 'utf8').trim().split('\n').map(Number),
    ends: () => {
      child.process.kill('SIGTERM')
      return child.ended
    },
  }
}
