/** A node that has nothing but its embedded PostgreSQL: `<data folder> [exit]`. Prints its URL, or why there is none. */
import { startEmbeddedPostgres } from '../../../src/platform/embedded-postgres.js'

const [dataFolder, then] = process.argv.slice(2)

async function main(): Promise<void> {
  const postgres = await startEmbeddedPostgres({ dataFolder: dataFolder! })
  process.stdout.write(
    `ready ${JSON.stringify({ url: postgres.url, serverPid: postgres.pid(), version: postgres.version })}\n`,
  )
  if (then === 'exit') process.exit(0)
  process.on('SIGTERM', () => void postgres.stop().then(() => process.exit(0)))
}

main().catch((error: Error & { code?: string }) => {
  process.stdout.write(`failed ${JSON.stringify({ code: error.code, message: error.message })}\n`)
  process.exitCode = 1
})
