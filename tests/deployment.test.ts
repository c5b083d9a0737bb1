/** The Dockerfile and compose.yaml, as far as they can be judged without a container engine: their structure, and by running the commands in them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { SETTINGS } from '../src/platform/settings.js'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (name: string) => readFileSync(path.join(ROOT, name), 'utf8')

const STAGES = stagesOf(read('Dockerfile'))
const FINAL = STAGES.at(-1)!
const COMPOSE = read('compose.yaml')

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

test('every stage starts from the base image that may be chosen', () => {
  expect(read('Dockerfile')).toMatch(/^ARG BASE=node:\d+-bookworm-slim$/m)
  expect(STAGES).toHaveLength(3)
  for (const { from } of STAGES) expect(from).toMatch(/^\$\{BASE\}$/)
  expect(new Set(STAGES.map(({ name }) => name)).size).toBe(3)
})

test('the image holds neither tools for development nor an embedded PostgreSQL', () => {
  const modules = FINAL.copies.find(({ to }) => to === './node_modules')!
  const stage = STAGES.find(({ name }) => name === modules.stage)!
  const install = stage.instructions.find(({ name }) => name === 'RUN')!.text
  for (const option of ['npm ci', '--omit=dev', '--omit=optional', '--ignore-scripts'])
    expect(install).toContain(option)
  expect(FINAL.copies.filter(({ stage: other }) => other === 'build').map(({ to }) => to)).toEqual(['./dist'])
})

test('what is copied exists, and reaches the build', () => {
  const known: string[] = []
  for (const stage of STAGES) {
    for (const copy of stage.copies) {
      if (copy.stage !== undefined) expect(known).toContain(copy.stage)
      else
        for (const from of copy.from)
          expect([from, existsSync(path.join(ROOT, from)), isSent(from)]).toEqual([from, true, true])
    }
    known.push(stage.name)
  }
})

test('files that the program reads at run time are in the image', () => {
  const copied = FINAL.copies
    .filter(({ stage }) => stage === undefined)
    .flatMap(({ from, to }) => from.map((one) => [one, to]))
  expect(copied).toContainEqual(['migrations', './migrations'])
  expect(copied).toContainEqual(['src/demo/products.csv.gz', './src/demo/'])
  expect(copied).toContainEqual(['src/protocols/console/public', './src/protocols/console/public'])
  expect(copied).toContainEqual(['package.json', './'])
})

test('it runs as nobody special, listens outside the container, and starts the program that the build makes', () => {
  const user = FINAL.instructions.findIndex(({ name }) => name === 'USER')
  expect(FINAL.instructions[user]!.text).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(FINAL.instructions.slice(user).map(({ name }) => name)).not.toContain('RUN')
  const environment = FINAL.instructions.find(({ name }) => name === 'ENV')!.text
  expect(environment).toMatch(/\bHOST=0\.0\.0\.0\b/)
  expect(environment).toMatch(/\bNODE_ENV=production\b/)
  expect(unknownSettings(environment.match(/\b[A-Z_]+(?==)/g)!)).toEqual(['NODE_ENV'])

  const command = JSON.parse(FINAL.instructions.find(({ name }) => name === 'CMD')!.text) as string[]
  expect(command[0]).toBe('node')
  expect(existsSync(path.join(ROOT, command.at(-1)!.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')))).toBe(true)
})

test.each([
  [200, 0],
  [503, 1],
])('the health check turns status %i of /readyz into exit code %i', async (status, exitCode) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  cleanUp.push(() => server.close())
  await once(server, 'listening')
  expect(await runHealthCheck((server.address() as AddressInfo).port)).toBe(exitCode)
  expect(asked).toEqual(['/readyz'])
})

test('the health check fails where nobody listens', async () => {
  expect(await runHealthCheck(1)).toBe(1)
})

test('no secret has a default', () => {
  const secrets = [...COMPOSE.matchAll(/\$\{(\w*(?:PASSWORD|KEY)\w*)([^}]*)\}/g)]
  expect(new Set(secrets.map(([, name]) => name))).toEqual(
    new Set(['POSTGRES_PASSWORD', 'REDIS_PASSWORD', 'JIEXI_ADMIN_KEY']),
  )
  for (const [, name, rest] of secrets) expect([name, rest]).toEqual([name, expect.stringMatching(/^:\?set /)])
  expect(COMPOSE).not.toMatch(/^\s*\w*(?:PASSWORD|KEY): *[^$\s]/m)
  expect(COMPOSE).not.toMatch(/:\/\/[^\s/]*:(?!\$\{)[^\s/@]+@/)
})

test('two replicas share one Postgres and one Redis, and wait until both are healthy', () => {
  const node = block(COMPOSE, 'x-node: &node')
  const services = block(COMPOSE, 'services:')
  for (const dependency of ['postgres', 'redis']) {
    expect(block(block(node, 'depends_on:'), `${dependency}:`)).toContain('condition: service_healthy')
    expect(block(services, `${dependency}:`)).toContain('healthcheck:')
  }
  const replicas = [block(services, 'jiexi-1:'), block(services, 'jiexi-2:')]
  for (const replica of replicas) expect(replica).toContain('<<: *node')
  const ports = replicas.map((replica) => /:-(\d+)\}:8080"/.exec(replica)?.[1])
  expect(new Set(ports).size).toBe(2)
  expect(block(services, 'postgres:')).toContain('- postgres-data:/var/lib/postgresql/data')
  expect(block(COMPOSE, 'volumes:')).toContain('postgres-data:')
})

test('the environment of a replica names only settings that there are', () => {
  const environment = block(block(COMPOSE, 'x-node: &node'), 'environment:')
  const names = [...environment.matchAll(/^([A-Z_]+):/gm)].map(([, name]) => name!)
  expect(names).toContain('DATABASE_URL')
  expect(unknownSettings(names)).toEqual([])
})

test('the Redis of compose.yaml starts, demands its password, and is found healthy', async () => {
  const redis = block(block(COMPOSE, 'services:'), 'redis:')
  const script = /- >-\n([\s\S]*?)\nhealthcheck:/.exec(redis)![1]!.trim().split(/\n\s*/).join(' ')
  const health = (JSON.parse(/test: (\[.*\])/.exec(redis)![1]!) as string[])[1]!
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-compose-'))
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }))
  const socket = path.join(folder, 'redis.sock')
  const environment = { ...process.env, REDIS_PASSWORD: 'a-password' }

  const server = spawn('sh', ['-c', `${plain(script)} --port 0 --unixsocket ${socket}`], {
    env: environment,
    cwd: folder,
    detached: true,
  })
  cleanUp.push(() => ended(server))
  const isHealthy = (env: NodeJS.ProcessEnv) =>
    spawnSync('sh', ['-c', plain(health).replace('redis-cli ', `redis-cli -s ${socket} `)], { env }).status === 0
  await expect.poll(() => isHealthy(environment)).toBe(true)
  expect(isHealthy({ ...environment, REDIS_PASSWORD: 'another' })).toBe(false)
})

interface Instruction {
  readonly name: string
  readonly text: string
}

interface Copy {
  readonly stage: string | undefined
  readonly from: readonly string[]
  readonly to: string
}

interface Stage {
  readonly from: string
  readonly name: string
  readonly instructions: readonly Instruction[]
  readonly copies: readonly Copy[]
}

function stagesOf(dockerfile: string): readonly Stage[] {
  const lines = dockerfile
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
  const instructions = lines
    .map((line) => /^([A-Z]+) (.+)$/.exec(line)!)
    .map(([, name, text]) => ({ name: name!, text: text! }))
  const starts = instructions.flatMap(({ name }, at) => (name === 'FROM' ? [at] : []))
  return starts.map((start, ordinal) => {
    const own = instructions.slice(start + 1, starts[ordinal + 1])
    const [, from, name] = /^(\S+) AS (\S+)$/.exec(instructions[start]!.text)!
    return { from: from!, name: name!, instructions: own, copies: own.filter((one) => one.name === 'COPY').map(copyOf) }
  })
}

function copyOf({ text }: Instruction): Copy {
  const words = text.split(' ')
  const stage = /^--from=(\S+)$/.exec(words[0]!)?.[1]
  const paths = stage === undefined ? words : words.slice(1)
  return { stage, from: paths.slice(0, -1), to: paths.at(-1)! }
}

/** .dockerignore here leaves out everything but what it names. */
function isSent(name: string): boolean {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(lines[0]).toBe('*')
  return lines.slice(1).some((line) => line === `!${name}` || name.startsWith(`${line.slice(1)}/`))
}

/** What is indented below a heading line, without that indentation. */
function block(yaml: string, heading: string): string {
  const lines = yaml.split('\n')
  const start = lines.indexOf(heading)
  expect([heading, start]).not.toEqual([heading, -1])
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => /^\S/.test(line))
  return (end < 0 ? rest : rest.slice(0, end)).map((line) => line.slice(2)).join('\n')
}

function unknownSettings(names: readonly string[]): readonly string[] {
  const known = new Set(Object.values(SETTINGS).map(({ name }) => name))
  return names.filter((name) => !known.has(name))
}

/** What compose hands to the shell: its own `$$` and defaults resolved. */
function plain(text: string): string {
  return text.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll('$$', '$')
}

async function runHealthCheck(port: number): Promise<number | null> {
  const check = FINAL.instructions.find(({ name }) => name === 'HEALTHCHECK')!.text
  const [program, ...words] = JSON.parse(check.slice(check.indexOf('['))) as string[]
  expect(program).toBe('node')
  const child = spawn(process.execPath, words, { env: { PORT: String(port) }, stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

/** The whole pipeline that the shell started. */
async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM')
  await exit
}
