import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startChild } from '../../bench/stage/child.js'
import { cpuSecondsOf, memoryOf } from '../../bench/stage/process-usage.js'
import { sweepScratchFolders } from '../../bench/stage/sweep.js'

const CLEANUP = path.resolve(import.meta.dirname, '../../bench/stage/cleanup.ts')

test('a child that fails says how it ended and what it wrote', async () => {
  const child = startChild([process.execPath, '-e', 'console.error("no database there"); process.exit(3)'])
  expect(await child.exited).toBe('ended with code 3')
  expect(child.recentOutput()).toBe('no database there')
  await child.stop()
})

test('a command that is not there is an ending too', async () => {
  expect(await startChild(['/nowhere/jiexi']).exited).toMatch(/ENOENT/)
})

test('a child gets none of the settings of the node of whoever runs the bench', async () => {
  process.env.JIEXI_DEMO = 'true'
  const child = startChild([process.execPath, '-e', 'console.log(process.env.JIEXI_DEMO, process.env.JIEXI_DATA)'], {
    environment: { JIEXI_DATA: 'here' },
  })
  await child.exited
  delete process.env.JIEXI_DEMO
  expect(child.recentOutput()).toBe('undefined here')
})

test('on Ctrl-C everything is stopped, last first, also when one of the stops fails', async () => {
  const program = `
    const { cleanup } = await import(${JSON.stringify(CLEANUP)})
    const clean = cleanup()
    clean.add(() => console.log('first'))
    clean.add(() => { throw new Error('second would not') })
    clean.add(async () => { await new Promise((done) => setTimeout(done, 20)); console.log('third') })
    console.log('ready')
    setInterval(() => undefined, 1000)
  `
  const child = startChild([process.execPath, '--import', 'tsx', '--input-type=module', '-e', program])
  await once(child.process.stdout!, 'data')
  child.process.kill('SIGINT')
  // As a terminal and npm do: both send it.
  child.process.kill('SIGINT')
  expect(await child.exited).toBe('ended with code 130')
  expect(child.recentOutput()).toMatch(/third[\s\S]*first/)
  expect(child.recentOutput()).toContain('second would not')
})

test.runIf(process.platform === 'linux')(
  'what a killed bench left behind is ended and removed by the next',
  async () => {
    const dead = startChild([process.execPath, '-e', ''])
    await dead.exited
    const folder = mkdtempSync(path.join(tmpdir(), `jiexi-bench-${dead.pid}-`))
    const living = mkdtempSync(path.join(tmpdir(), `jiexi-bench-${process.pid}-`))
    const orphan = startChild([process.execPath, '-e', 'console.log("up"); setInterval(() => undefined, 1000)'], {
      folder,
    })
    await once(orphan.process.stdout!, 'data')

    sweepScratchFolders()
    expect(await orphan.exited).toBe('ended by SIGKILL')
    expect([existsSync(folder), existsSync(living)]).toEqual([false, true])
    rmSync(living, { recursive: true })
  },
)

test.runIf(process.platform === 'linux')('what the children of a process use counts as its own', async () => {
  const busy =
    'const { spawn } = require("child_process"); spawn(process.execPath, ["-e", "for (;;);"]); setInterval(() => 0, 1e3)'
  const parent = startChild([process.execPath, '-e', busy], { group: true })
  await expect.poll(() => cpuSecondsOf(parent.pid)!, { timeout: 20_000 }).toBeGreaterThan(0.5)
  expect(memoryOf(parent.pid)!.rssBytes).toBeGreaterThan(2 * 30 * 2 ** 20)
  await parent.stop()
  expect(await parent.exited).toBe('ended by SIGTERM')
})

test.runIf(process.platform === 'linux')(
  'CPU time and memory of a process are read; a process that is gone has none',
  () => {
    const before = cpuSecondsOf(process.pid)!
    const giveUpAtMs = performance.now() + 20_000
    while (cpuSecondsOf(process.pid)! - before < 0.03) expect(performance.now()).toBeLessThan(giveUpAtMs)
    const { rssBytes, peakRssBytes } = memoryOf(process.pid)!
    expect(rssBytes).toBeGreaterThan(10 * 2 ** 20)
    // The kernel sums both up from counters of its own for each processor, a little late.
    expect(peakRssBytes).toBeGreaterThan(0.9 * rssBytes)
    expect([cpuSecondsOf(2 ** 30), memoryOf(2 ** 30)]).toEqual([undefined, undefined])
  },
)
