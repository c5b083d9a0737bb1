/** An enterprise with a prefix and a key, and an import to put rows into. */
import { systemClock } from '../../src/platform/clock.js'
import type { Database } from '../../src/platform/postgres.js'
import { type BulkImportOptions, bulkImport } from '../../src/registry/bulk-import.js'
import { type ImportError, listImportErrors } from '../../src/registry/import-errors.js'
import { type ImportJob, openImport } from '../../src/registry/import-jobs.js'
import { readImportOptions } from '../../src/registry/import-options.js'
import type { Registry } from '../../src/registry/registry.js'
import type { CommittedChange } from '../../src/resolution/change-knowledge.js'
import type { EnterpriseUser } from '../../src/security/principal.js'
import { testDatabase } from '../support/database.js'

export const PREFIX = '88.118.8'
export const PLAIN = { format: 'csv', template: 'product' } as const

export interface ImportSetUp {
  readonly db: Database
  readonly url: string
  readonly registry: Registry
  readonly maker: EnterpriseUser
  readonly changes: readonly CommittedChange[]
  /** Opens an import and sends `content` in pieces of `pieceBytes`. */
  run(content: string | Buffer, how?: RunOptions): Promise<ImportJob>
  open(options?: object): Promise<ImportJob>
  /** Sends octets of a file, as an upload that begins at `offset`. */
  send(job: ImportJob, content: AsyncIterable<Buffer>, how?: SendOptions): Promise<ImportJob>
  errorsOf(job: ImportJob): Promise<readonly ImportError[]>
  identifiers(): Promise<readonly StoredIdentifier[]>
  close(): Promise<void>
}

export interface RunOptions extends SendOptions {
  readonly options?: object
  readonly pieceBytes?: number
}

export interface SendOptions {
  readonly offset?: number
  readonly last?: boolean
  readonly chunkRows?: number
}

export interface StoredIdentifier {
  readonly key: string
  readonly version: number
  readonly state: number
  readonly prefix: string
  readonly spelling: string | null
  readonly template: string
}

export async function importSetUp(more: Partial<BulkImportOptions> = {}): Promise<ImportSetUp> {
  const { db, url, close } = await testDatabase()
  const changes: CommittedChange[] = []
  const registry: Registry = { db, clock: systemClock, committed: (change) => changes.push(change) }
  const maker = await holder(db, { enterpriseId: 'maker', apiKeyId: 'makerkey0001', prefix: PREFIX })

  const open = async (options: object = PLAIN) => (await openImport(registry, maker, readImportOptions(options))).job
  const send: ImportSetUp['send'] = (job, content, { offset = 0, last = true, chunkRows } = {}) => {
    const receive = bulkImport(registry, { parseJson: JSON.parse, ...more, ...(chunkRows ? { chunkRows } : {}) })
    return receive(maker, { importId: job.id, offsetBytes: offset, last, content })
  }
  return {
    db,
    url,
    registry,
    maker,
    changes,
    open,
    send,
    run: async (content, { options, pieceBytes, ...how } = {}) =>
      send(await open(options), piecesOf(Buffer.from(content), pieceBytes), how),
    errorsOf: async (job) => {
      const errors: ImportError[] = []
      for await (const error of listImportErrors(db, job.id)) errors.push(error)
      return errors
    },
    identifiers: () =>
      db.query<StoredIdentifier>('select key, version, state, prefix, spelling, template from identifier order by key'),
    close,
  }
}

export async function holder(
  db: Database,
  who: { readonly enterpriseId: string; readonly apiKeyId: string; readonly prefix: string },
): Promise<EnterpriseUser> {
  await db.query('insert into enterprise (id, name) values ($1, $1)', [who.enterpriseId])
  await db.query('insert into prefix (name, enterprise_id) values ($1, $2)', [who.prefix, who.enterpriseId])
  await db.query("insert into api_key (id, enterprise_id, secret_sha256, scopes) values ($1, $2, $3, '{read,write}')", [
    who.apiKeyId,
    who.enterpriseId,
    Buffer.alloc(32),
  ])
  return { kind: 'enterprise', enterpriseId: who.enterpriseId, apiKeyId: who.apiKeyId, scopes: ['read', 'write'] }
}

export async function* piecesOf(content: Buffer, pieceBytes = 65_536): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += pieceBytes) yield content.subarray(from, from + pieceBytes)
}

/** Gives what there is and then fails, as a connection that breaks does. */
export async function* brokenAfter(content: Buffer): AsyncGenerator<Buffer> {
  yield content
  throw new Error('connection reset')
}

/** `count` rows of products, numbered from `first`. */
export function productRows(count: number, first = 1): string {
  return Array.from({ length: count }, (_, index) => `${PREFIX}/ITEM-${first + index},Pump ${first + index}\n`).join('')
}

export const HEADER = 'identifier,name\n'
