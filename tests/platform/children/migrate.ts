/** Applies migrations as a starting node does: `<database URL> <folder>`. Prints the names it applied. */
import { migrate } from '../../../src/platform/migrate.js'
import { openDatabase } from '../../../src/platform/postgres.js'

const [url, folder] = process.argv.slice(2)
const db = openDatabase({ url: url!, maxConnections: 2, statementTimeoutMs: 10_000, connectTimeoutMs: 10_000 })
process.stdout.write(`applied ${JSON.stringify(await migrate(db, folder))}\n`)
await db.close()
