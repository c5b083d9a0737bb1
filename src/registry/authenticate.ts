/** From the text of an API key to whom it stands for. */

import { NodeError } from '../platform/errors.js'
import type { Database, Queryable, Transaction } from '../platform/postgres.js'
import type { Administrator, Principal, Scope } from '../security/principal.js'
import { generateApiKey, hashSecret, parseApiKey, secretMatches } from '../security/tokens.js'
import { apiKeyChange, appendChange } from './append-change.js'
import { STANDING, type Standing } from './standing.js'

/** The row of the administrator's key that the configuration gives, whatever its text looks like. */
const CONFIGURED = 'configured'
const MIN_CONFIGURED_LENGTH = 16
const MAX_TEXT_LENGTH = 1024

interface Row {
  readonly id: string
  readonly enterpriseId: string | null
  readonly secretSha256: Buffer
  readonly scopes: readonly Scope[]
  readonly prefixes: readonly string[] | null
  readonly standing: Standing
}

const FIND = `
  select k.id, k.enterprise_id as "enterpriseId", k.secret_sha256 as "secretSha256", k.scopes, k.prefixes,
    ${STANDING} as standing
  from api_key k left join enterprise e on e.id = k.enterprise_id
  where k.id = any($1::text[])`

/** undefined: no such key, or revoked, or expired, or its enterprise is suspended. */
export async function findPrincipal(db: Queryable, apiKey: string): Promise<Principal | undefined> {
  if (apiKey === '' || apiKey.length > MAX_TEXT_LENGTH) return undefined
  const parsed = parseApiKey(apiKey)
  const ids = parsed === undefined ? [CONFIGURED] : [parsed.id, CONFIGURED]
  const rows = await db.query<Row>(FIND, [ids])
  const row = rows.find(({ id, secretSha256 }) =>
    secretMatches(id === CONFIGURED ? apiKey : (parsed?.secret ?? ''), secretSha256),
  )
  return row?.standing === 'good' ? principalOf(row) : undefined
}

function principalOf(row: Row): Principal {
  if (row.enterpriseId === null) return { kind: 'administrator', apiKeyId: row.id }
  return {
    kind: 'enterprise',
    enterpriseId: row.enterpriseId,
    apiKeyId: row.id,
    scopes: row.scopes,
    ...(row.prefixes === null ? {} : { prefixes: row.prefixes }),
  }
}

/**
 * Sees to it that somebody can administer the node: with the configured key, or, when there is no key of an administrator
 * at all, with a new one, whose text is given back to be shown once. Safe when many processes start at once.
 */
export async function ensureAdminKey(db: Database, configured?: string): Promise<string | undefined> {
  return db.transaction(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('jiexi administrator key'))", [])
    if (configured !== undefined) {
      await keepConfigured(tx, configured)
      return undefined
    }
    const [usable] = await tx.query(
      `select from api_key
       where enterprise_id is null and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
         -- Nobody can present the key of a Handle identity.
         and not exists (select from handle_identity h where h.api_key_id = api_key.id) limit 1`,
    )
    return usable === undefined ? generateAdminKey(tx) : undefined
  })
}

/** For what a start does by itself: history names the key that the first start made or was given. */
export async function firstAdministrator(db: Queryable): Promise<Administrator> {
  const [key] = await db.query<{ id: string }>(
    `select id from api_key
     where enterprise_id is null and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
     order by created_at, id limit 1`,
  )
  if (!key)
    throw new NodeError('internal', 'A start that sets something up needs an administrator, and there is none yet.')
  return { kind: 'administrator', apiKeyId: key.id }
}

async function keepConfigured(tx: Transaction, configured: string): Promise<void> {
  if (configured.length < MIN_CONFIGURED_LENGTH) {
    throw new NodeError(
      'request-malformed',
      `The administrator's key in the configuration is shorter than ${MIN_CONFIGURED_LENGTH} characters. Choose a longer one.`,
    )
  }
  const [row] = await tx.query<{ version: number }>(
    `insert into api_key (id, secret_sha256, scopes, label) values ($1, $2, '{read,write,keys}', 'from the configuration')
     on conflict (id) do update set secret_sha256 = excluded.secret_sha256, revoked_at = null, version = api_key.version + 1
     where api_key.secret_sha256 <> excluded.secret_sha256 or api_key.revoked_at is not null
     returning version`,
    [CONFIGURED, hashSecret(configured)],
  )
  if (row) await appendChange(tx, [apiKeyChange(CONFIGURED, row.version)])
}

async function generateAdminKey(tx: Transaction): Promise<string> {
  const { id, secret, text } = generateApiKey()
  await tx.query(
    `insert into api_key (id, secret_sha256, scopes, label) values ($1, $2, '{read,write,keys}', 'made at the first start')`,
    [id, hashSecret(secret)],
  )
  await appendChange(tx, [apiKeyChange(id, 1)])
  return text
}
