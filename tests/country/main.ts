/**
 * npm run country: starts a little country of five nodes, registers real products in its places, looks them up from every
 * node, prints the way that look-ups took, and stays up to be tried.
 *
 * With --check everything is looked up from every node, with all of them up and with each of them stopped in turn; exit
 * code 1 when one answer was wrong. Options: options.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { messageOf } from '../../src/platform/errors.js'
import { testDatabase } from '../support/database.js'
import { type Census, takeCensus, untilAllFound } from './census.js'
import { type Country, startCountry } from './country.js'
import { catalogue, type Good, registerGoods } from './goods.js'
import { type Options, readOptions, USAGE } from './options.js'
import { wayOf } from './ways.js'

const rows = await catalogue()
const { identifiers, isChecking } = readOrEnd()
const folder = mkdtempSync(path.join(os.tmpdir(), `jiexi-country-${process.pid}-`))
const postgres = await startEmbeddedPostgres({ dataFolder: folder, settings: { max_connections: '200' } })
process.env.JIEXI_TEST_DATABASE_URL = postgres.url
let country: Country | undefined
const signalled = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
})
try {
  await Promise.race([run(), signalled])
} finally {
  await country?.end()
  await postgres.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exit()

async function run(): Promise<void> {
  const database = async () => (await testDatabase({ migrated: false })).url
  country = await startCountry({ database, say })
  const { places } = country
  for (const { name, role, node, holder } of places)
    say(
      `  ${name.padEnd(13)} ${role.padEnd(10)} ${node.url}  Handle ${node.handlePort}  ${holder ? `registers below ${holder.prefix}` : ''}`,
    )
  say(`Administrator's key of each: ${places[0]!.node.adminKey}`)
  const goods = await registerGoods(places, rows.slice(0, identifiers))
  say(`${goods.length} identifiers are registered. One of each place, from each node:`)
  await showWays(country, goods)
  if (isChecking) process.exitCode = (await check(country, goods)) ? 0 : 1
  else await stayUp(country, goods)
}

function readOrEnd(): Options {
  try {
    return readOptions(process.argv.slice(2), rows.length)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

async function showWays({ places }: Country, goods: readonly Good[]): Promise<void> {
  for (const { name: owner, holder } of places) {
    const good = goods.find((one) => one.owner === owner)
    if (holder === undefined || good === undefined) continue
    say(`${good.identifier}, registered at ${owner}:`)
    for (const place of places) say(`  ${await wayOf(place, good, places)}`)
  }
}

async function check({ places }: Country, goods: readonly Good[]): Promise<boolean> {
  const all = [await told('all up', { authoritative: false }), await told('all up, past what is remembered')]
  for (const stopped of places) {
    await stopped.node.stop()
    all.push(await told(`${stopped.name} stopped`))
    await stopped.node.start()
    say(
      `  ${stopped.name} is up again, and found by all after ${((await untilAllFound(places, goods)) / 1000).toFixed(1)} s`,
    )
  }
  all.push(await told('all up again'))
  const wrong = all.flatMap((census) => census.wrong)
  for (const line of wrong.slice(0, 20)) say(`  WRONG ${line}`)
  say(wrong.length === 0 ? 'Every answer was right.' : `${wrong.length} answers were wrong.`)
  return wrong.length === 0

  async function told(what: string, { authoritative = true } = {}): Promise<Census> {
    const census = await takeCensus({ places, goods, authoritative })
    const { asked, right, stale, unreachable, repeated, tookMs } = census
    const others = `${stale} stale and marked, ${unreachable} clearly unreachable, ${census.wrong.length} wrong`
    say(
      `${what}: ${asked} look-ups, ${right} right, ${others}; ${repeated} asked again; ${Math.round(tookMs / 1000)} s`,
    )
    return census
  }
}

async function stayUp({ places }: Country, goods: readonly Good[]): Promise<void> {
  const recursive = places.find(({ name }) => name === 'recursive')!
  const works = goods.find(({ owner }) => owner === 'works')!
  say('\nThe country stays up until Ctrl-C. Try in another terminal:')
  say(`  npx jiexi --node ${recursive.node.url} resolve ${works.identifier} --explain`)
  say(`  npx jiexi resolve --handle tcp://127.0.0.1:${places[0]!.node.handlePort} --root ${works.identifier}`)
  say(`  what the nodes told and reported upward: ${places[0]!.node.url}/reports`)
  await signalled
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
