/**
 * Uploads a file to an import, from where the import stands, as a node would take it in; to be killed in the midst.
 * Arguments: database URL, import id, file. Says each chunk that is committed.
 */
import { createReadStream } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { systemClock } from '../../../src/platform/clock.js'
import { NodeError } from '../../../src/platform/errors.js'
import { openDatabase } from '../../../src/platform/postgres.js'
import { bulkImport } from '../../../src/registry/bulk-import.js'
import { requireImport } from '../../../src/registry/import-jobs.js'
import type { EnterpriseUser } from '../../../src/security/principal.js'

const [url = '', importId = '', file = ''] = process.argv.slice(2)
const maker: EnterpriseUser = {
  kind: 'enterprise',
  enterpriseId: 'maker',
  apiKeyId: 'makerkey0001',
  scopes: ['read', 'write'],
}
const db = openDatabase({ url, statementTimeoutMs: 5_000, connectTimeoutMs: 10_000 })
const say = (line: string) => process.stdout.write(`${line}\n`)
const registry = { db, clock: systemClock, committed: () => say('committed') }
const receive = bulkImport(registry, { parseJson: JSON.parse, chunkRows: 500 })

for (;;) {
  const { offsetBytes, state } = await requireImport(db, maker, importId)
  if (state === 'finished') break
  try {
    const content = createReadStream(file, { start: offsetBytes })
    await receive(maker, { importId, offsetBytes, last: true, content })
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== 'import-conflict') throw error
    // The one that was killed still holds the lease.
    say('refused')
    await setTimeout(200)
  }
}
say('finished')
await db.close()
