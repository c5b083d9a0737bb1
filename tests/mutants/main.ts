/**
 * `npm run mutants [-- --only text]`: makes one mistake after the other in a copy of the code and runs the tests that
 * must notice. Fails when one of them does not, when a mutant no longer fits the code, or when the tests fail without any.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { MUTANTS, type Mutant } from './mutants.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const COPIED = ['src', 'tests', 'migrations', 'proto']
const SOUND_SEEDS = 40
const TIMEOUT_MS = 900_000

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const mutants = MUTANTS.filter(({ name }) => name.includes(values.only ?? ''))
if (mutants.length === 0) throw new Error(`no mutant's name holds "${values.only}"`)

const folder = copyOfTheCode()
const dataFolder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-mutants-postgres-'))
const postgres = await startEmbeddedPostgres({ dataFolder, settings: { fsync: 'off' } })
const environment = { ...process.env, JIEXI_TEST_DATABASE_URL: postgres.url, SEED: undefined }
try {
  requireSound()
  const survivors = mutants.filter((mutant) => !isCaught(mutant))
  say(`${mutants.length - survivors.length} of ${mutants.length} mutants were caught by all that must catch them.`)
  for (const { name } of survivors) say(`  not: ${name}`)
  if (survivors.length > 0) process.exitCode = 1
} finally {
  await postgres.stop()
  for (const made of [folder, dataFolder]) rmSync(made, { recursive: true, force: true })
}

function copyOfTheCode(): string {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'jiexi-mutants-'))
  const settings = readdirSync(ROOT).filter((name) => /^(package|tsconfig.*|vitest\.config)\.(json|ts)$/.test(name))
  for (const name of [...COPIED, ...settings]) cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'))
  return copy
}

/** A test that fails anyway catches nothing. */
function requireSound(): void {
  const failing = [...new Set(mutants.flatMap(({ tests }) => tests))].filter((file) => failsIn(file) !== 0)
  if (failing.length > 0) throw new Error(`these fail without any mutant: ${failing.join(', ')}`)
  const { caught, output } = runSimulation(SOUND_SEEDS)
  if (caught) throw new Error(`the simulation fails without any mutant:\n${output}`)
}

function isCaught(mutant: Mutant): boolean {
  const file = path.join(folder, mutant.file)
  const sound = readFileSync(file, 'utf8')
  if (sound.split(mutant.text).length !== 2) throw new Error(`"${mutant.name}" does not fit ${mutant.file} any more`)
  writeFileSync(
    file,
    sound.replace(mutant.text, () => mutant.replacement),
  )
  try {
    const verdicts = mutant.tests.map((test) => {
      const failures = failsIn(test)
      return { isCaught: failures > 0, says: `${test}: ${failures > 0 ? `${failures} tests fail` : 'NOTICES NOTHING'}` }
    })
    if (mutant.seeds !== undefined) {
      const { caught, output } = runSimulation(mutant.seeds)
      const how = /^Seed \d+ breaks a promise\. \w+/m.exec(output)?.[0]
      verdicts.push({ isCaught: caught, says: `simulation: ${how ?? 'NOTICES NOTHING'}` })
    }
    say(`${mutant.name}\n${verdicts.map(({ says }) => `    ${says}`).join('\n')}`)
    return verdicts.every((verdict) => verdict.isCaught)
  } finally {
    writeFileSync(file, sound)
  }
}

/** How many of its tests fail. A file that does not even load is a fault of the mutant. */
function failsIn(test: string): number {
  const { status, stdout, stderr } = run('vitest', ['run', test, '--reporter=json', '--no-color'])
  const report = /^\{.*\}$/m.exec(stdout)?.[0]
  const { numFailedTests, numTotalTests } = JSON.parse(report ?? '{}') as Record<string, number | undefined>
  if (numFailedTests === undefined || !numTotalTests) throw new Error(`${test} could not be run:\n${stdout}${stderr}`)
  // What nobody caught fails the run, though no test of it.
  return status === 0 ? 0 : Math.max(1, numFailedTests)
}

function runSimulation(seeds: number): { readonly caught: boolean; readonly output: string } {
  const { status, stdout, stderr } = run('tsx', ['tests/simulation/main.ts', '--seeds', String(seeds)])
  const output = stdout + stderr
  const isBroken = output.includes('breaks a promise')
  if (status !== (isBroken ? 1 : 0)) throw new Error(`the simulation could not be run:\n${output}`)
  return { caught: isBroken, output }
}

function run(program: string, args: readonly string[]) {
  return spawnSync(path.join(folder, 'node_modules/.bin', program), args, {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
  })
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
