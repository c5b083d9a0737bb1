/** Programs that tests need and npm does not bring. Where we may (root, Debian's apt-get), they are installed. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface SystemProgram {
  /** Names it may have on PATH. */
  readonly names: readonly string[]
  readonly packages: readonly string[]
  readonly neededBy: string
}

export const REDIS: SystemProgram = {
  names: ['redis-server'],
  packages: ['redis-server'],
  neededBy: 'the tests of the shared cache',
}

export const CHROMIUM: SystemProgram = {
  names: ['chromium', 'chromium-browser', 'google-chrome'],
  packages: ['chromium', 'fonts-noto-cjk'],
  neededBy: 'the tests of the console pages',
}

const INSTALL_WITHIN_MS = 600_000
/** Test runs started side by side must not disturb each other's apt-get. */
const LOCK_FILE = '/tmp/jiexi-apt.lock'
const POLICY_FILE = '/usr/sbin/policy-rc.d'

/** Path of each program, undefined for those that are neither here nor installable; a message then tells the command to run. */
export function ensurePrograms(programs: readonly SystemProgram[]): readonly (string | undefined)[] {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  if (missing.length > 0) {
    if (canInstall()) install(missing.flatMap(({ packages }) => packages))
    for (const program of missing) if (findProgram(program) === undefined) say(advice(program))
  }
  return programs.map(findProgram)
}

export function findProgram({ names }: SystemProgram): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(existsSync)
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && findProgram({ names: ['apt-get'], packages: [], neededBy: '' }) !== undefined
}

function install(packages: readonly string[]): void {
  say(`installing ${packages.join(', ')} with apt-get (once; may take a minute or two)`)
  const isPolicyOurs = forbidServices()
  try {
    const script = `apt-get -q update && apt-get -q install -y --no-install-recommends ${packages.join(' ')}`
    const { status, stdout, stderr, error } = spawnSync('flock', [LOCK_FILE, 'sh', '-c', script], {
      encoding: 'utf8',
      timeout: INSTALL_WITHIN_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (status === 0) say('installed')
    else say(`apt-get failed: ${error?.message ?? lastLines(stderr || stdout)}`)
  } finally {
    if (isPolicyOurs) rmSync(POLICY_FILE, { force: true })
  }
}

/** Debian starts a service when its package is installed; 101 says "not allowed" (invoke-rc.d(8)). */
function forbidServices(): boolean {
  try {
    writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' })
    return true
  } catch {
    return false
  }
}

function advice({ names, packages, neededBy }: SystemProgram): string {
  return `${names[0]} is missing; ${neededBy} need it. Run: sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n')
}

function say(line: string): void {
  process.stderr.write(`[test set-up] ${line}\n`)
}
