/**
 * Builds of revisions to be compared. A commit is checked out into a worktree of its own in the scratch folder, with the
 * packages of its lock file, and built there; the working tree is taken as `npm run bench` has just built it.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import type { Comparison } from '../command/options.js'
import { startChild } from '../stage/child.js'
import type { Cleanup } from '../stage/cleanup.js'
import { commitOf, PROJECT } from '../stage/environment.js'
import { PROGRAM } from '../stage/node-under-test.js'

export interface Build {
  /** As it was asked for. */
  readonly revision: string
  /** With `+changes` when files differ from it. */
  readonly commit: string
  /** Its dist/main.js. */
  readonly program: string
}

export interface Workshop {
  readonly scratchFolder: string
  readonly clean: Cleanup
  say(line: string): void
}

/** A commit under the name it was asked for; undefined: the working tree. */
export interface Named {
  readonly revision: string
  readonly commit: string
}

/** To be asked before anything is started. @throws Error when there is no such commit */
export function findCommits({ from, to }: Comparison): readonly [Named, Named | undefined] {
  return [requireCommit(from), to === undefined ? undefined : requireCommit(to)]
}

/** @throws Error that names the revision and what went wrong with it */
export async function buildBoth(
  workshop: Workshop,
  [from, to]: ReturnType<typeof findCommits>,
): Promise<readonly [Build, Build]> {
  git('worktree', 'prune')
  const first = await buildCommit(workshop, from, 'from')
  return [first, to ? await buildCommit(workshop, to, 'to') : workingTree()]
}

function workingTree(): Build {
  return { revision: 'working tree', commit: commitOf(PROJECT) ?? 'unknown', program: PROGRAM }
}

function requireCommit(revision: string): Named {
  const { status, stdout, stderr } = spawnSync(
    'git',
    ['-C', PROJECT, 'rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`--compare ${revision}: no such commit here (git: ${stderr.trim()})`)
  return { revision, commit: stdout.trim() }
}

async function buildCommit(
  { scratchFolder, clean, say }: Workshop,
  { revision, commit }: Named,
  name: string,
): Promise<Build> {
  const folder = path.join(scratchFolder, name)
  say(`checking out ${revision} (${commit.slice(0, 12)})`)
  clean.add(() => git('worktree', 'remove', '--force', folder))
  git('worktree', 'add', '--detach', folder, commit)
  if (sameFile(path.join(folder, 'package-lock.json'), path.join(PROJECT, 'package-lock.json'))) {
    symlinkSync(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'))
  } else {
    say(`installing the packages of ${revision}, whose lock file is another`)
    await run(clean, folder, ['npm', 'ci', '--no-audit', '--no-fund'])
  }
  say(`building ${revision}`)
  await run(clean, folder, ['npm', 'run', '--silent', 'build'])
  return { revision, commit: commit.slice(0, 12), program: path.join(folder, 'dist/main.js') }
}

function sameFile(one: string, other: string): boolean {
  return readFileSync(one).equals(readFileSync(other))
}

async function run(clean: Cleanup, folder: string, command: readonly string[]): Promise<void> {
  const child = startChild(command, { folder, group: true })
  clean.add(child.stop)
  const how = await child.exited
  if (how !== 'ended with code 0') throw new Error(`${command.join(' ')} ${how} in ${folder}:\n${child.recentOutput()}`)
}

function git(...parameters: readonly string[]): void {
  const { status, stderr } = spawnSync('git', ['-C', PROJECT, ...parameters], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${parameters.join(' ')}: ${stderr.trim()}`)
}
