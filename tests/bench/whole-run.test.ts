/** The bench as one runs it: the rows that need several nodes and databases, small; and an end in the middle. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { CompareReport } from '../../bench/compare/report.js'
import type { Report } from '../../bench/report/report.js'
import { type Child, startChild } from '../../bench/stage/child.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const MAIN = path.join(ROOT, 'bench/main.ts')
const SMALL = ['--records', '2000', '--rounds', '1', '--duration', '0.3', '--connections', '8']
const WITHIN_MS = 600_000

let folder: string

beforeAll(() => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`The node could not be built: ${stdout}${stderr}`)
})
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'jiexi-whole-'))
  // PostgreSQL runs as another user where we are root.
  chmodSync(folder, 0o755)
})
afterEach(() => rmSync(folder, { recursive: true }))

test(
  'a run ends by itself with a figure for each row, and leaves nothing behind',
  async () => {
    const json = path.join(folder, 'report.json')
    const only = ['--only', 'mixed,latency-mixed,replicas,visible,scale,memory-cache', '--scale', '4000']
    const bench = startBench([...SMALL, ...only, '--json', json])
    expect([await bench.exited, bench.recentOutput()]).toEqual(['ended with code 0', expect.any(String)])

    const report = JSON.parse(readFileSync(json, 'utf8')) as Report
    expect(report.left).toEqual([])
    expect(report.rows.map(({ name }) => name).toSorted()).toEqual(['mixed', 'replicas', 'scale'])
    for (const { node, baselines } of report.rows) {
      for (const { samples } of [node, ...baselines]) expect(samples[0]!.perSecond).toBeGreaterThan(0)
    }
    const scale = report.rows.find(({ name }) => name === 'scale')!
    for (const fact of ['queries', 'rows'].flatMap((of) => [`${of}PerLookup 2000`, `${of}PerLookup 4000`])) {
      // The table of prefixes may be asked for meanwhile, now and then.
      expect(scale.facts![fact]).toBeCloseTo(1, 1)
    }
    expect(report.latency.map(({ side }) => side)).toEqual(['hit', 'miss', 'negative', 'batch', 'write'])
    expect(report.memoryCache.map(({ entries }) => entries)).toEqual([2_000, 4_000])
    expect(report.visibility[0]!.requests).toBe(120)
    expect(report.visibility[0]!.max).toBeLessThan(10_000_000)
    expect(leftBehind()).toEqual({ files: ['report.json'], processes: [] })
  },
  WITHIN_MS,
)

test(
  'on Ctrl-C it stops what it started, and leaves nothing behind',
  async () => {
    const bench = startBench([...SMALL, '--only', 'memory-zipf'])
    await expect.poll(() => bench.recentOutput(), { timeout: WITHIN_MS }).toContain('loading 2000 records')
    bench.process.kill('SIGINT')
    expect(await bench.exited).toBe('ended with code 130')
    expect(leftBehind()).toEqual({ files: [], processes: [] })
  },
  WITHIN_MS,
)

test.runIf(existsSync(path.join(ROOT, '.git')))(
  'a commit is built apart and compared with the working tree, of which git knows nothing afterwards',
  async () => {
    const json = path.join(folder, 'compared.json')
    const worktrees = () => spawnSync('git', ['-C', ROOT, 'worktree', 'list'], { encoding: 'utf8' }).stdout
    const before = worktrees()
    const bench = startBench(['--compare', 'HEAD', ...SMALL, '--only', 'absent,register', '--json', json])
    expect([await bench.exited, bench.recentOutput()]).toEqual(['ended with code 0', expect.any(String)])

    const report = JSON.parse(readFileSync(json, 'utf8')) as CompareReport
    expect(report.left).toEqual([])
    expect(report.builds.map(({ revision }) => revision)).toEqual(['HEAD', 'working tree'])
    expect(report.rows.map(({ name, rate }) => [name, rate.direction])).toEqual([
      ['absent', 'too few rounds'],
      ['register', 'too few rounds'],
    ])
    for (const { sides } of report.rows) {
      for (const { samples } of sides) expect(samples[0]!.perSecond).toBeGreaterThan(0)
    }
    expect(worktrees()).toBe(before)
    expect(leftBehind()).toEqual({ files: ['compared.json'], processes: [] })
  },
  WITHIN_MS,
)

test('a revision that is none is told before anything is started', async () => {
  const bench = startBench(['--compare', 'no-such-revision'])
  expect(await bench.exited).toBe('ended with code 1')
  expect(bench.recentOutput()).toMatch(/--compare no-such-revision: no such commit here/)
  expect(bench.recentOutput()).not.toContain('starting')
})

function startBench(parameters: readonly string[]): Child {
  return startChild([process.execPath, '--import', 'tsx', MAIN, ...parameters], {
    folder: ROOT,
    environment: { TMPDIR: folder },
  })
}

/** Files in the folder for temporary ones, and processes that run in it. */
function leftBehind() {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []
  const processes = pids.filter((pid) => `${workingFolder(pid)}/`.startsWith(`${folder}/`))
  return { files: readdirSync(folder).filter((name) => !name.startsWith('tsx-')), processes }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
