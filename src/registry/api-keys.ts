/**
 * API keys: issued, listed, revoked. An enterprise's own key with the scope `keys` may manage keys of its enterprise that
 * reach no further than itself: not in scopes, not in prefixes, not in time.
 */
import { NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { authorize, reachesPrefix } from '../security/authorize.js'
import { type Principal, SCOPES, type Scope } from '../security/principal.js'
import { generateApiKey, hashSecret } from '../security/tokens.js'
import { apiKeyChange, commitChange } from './append-change.js'
import { isStorable, malformedField, requirePageStart, textFault } from './checks.js'
import type { EnterpriseState } from './enterprises.js'
import type { Registry } from './registry.js'
import { lockStanding, requireStanding } from './standing.js'

export { ensureAdminKey, findPrincipal } from './authenticate.js'

export interface ApiKey {
  readonly id: string
  /** null: an administrator's key. */
  readonly enterpriseId: string | null
  readonly scopes: readonly Scope[]
  /** null: every prefix of its enterprise. */
  readonly prefixes: readonly string[] | null
  readonly label: string
  readonly version: number
  readonly createdAt: Date
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
}

export interface ApiKeyRequest {
  /** null: an administrator's key. */
  readonly enterpriseId: string | null
  readonly scopes: readonly Scope[]
  readonly prefixes?: readonly string[]
  readonly label?: string
  readonly expiresAt?: Date
}

/** `apiKey` is what its holder sends; it cannot be shown again. */
export type IssuedApiKey = ApiKey & { readonly apiKey: string }

const COLUMNS = `id, enterprise_id as "enterpriseId", scopes, prefixes, label, version, created_at as "createdAt",
  expires_at as "expiresAt", revoked_at as "revokedAt"`
const MAX_LABEL_LENGTH = 200
const MAX_PREFIXES = 100

const INSERT = `
  insert into api_key (id, enterprise_id, secret_sha256, scopes, prefixes, label, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7) returning ${COLUMNS}`

/** @throws NodeError `not-permitted`, `not-authenticated`, `request-malformed`, `not-found` (enterprise), `prefix-not-held` */
export async function issueApiKey(
  registry: Registry,
  principal: Principal,
  request: ApiKeyRequest,
): Promise<IssuedApiKey> {
  requireManagement(principal, request.enterpriseId)
  requireWellFormed(request, registry.clock.nowMs())
  requireReach(principal, request.scopes, request.prefixes ?? null)
  const generated = generateApiKey()

  const issued = await commitChange(registry, async (tx) => {
    // Enterprise before key: the order in which a suspension locks them.
    if (request.enterpriseId !== null) await requireActiveEnterprise(tx, request.enterpriseId)
    // A key that is being revoked leaves no new keys behind.
    const { expiresAt } = await lockStanding(tx, principal)
    if (request.enterpriseId !== null) await requireHeld(tx, request.enterpriseId, request.prefixes ?? [])
    const [result] = await tx.query<ApiKey>(INSERT, [
      generated.id,
      request.enterpriseId,
      hashSecret(generated.secret),
      [...new Set(request.scopes)],
      request.prefixes === undefined ? null : [...new Set(request.prefixes)],
      request.label ?? '',
      principal.kind === 'enterprise' ? earlier(request.expiresAt, expiresAt) : (request.expiresAt ?? null),
    ])
    return { result: result!, changes: [apiKeyChange(generated.id, result!.version)] }
  })
  return { ...issued, apiKey: generated.text }
}

export interface ApiKeyPage {
  /** null: administrators' keys. */
  readonly enterpriseId: string | null
  readonly after?: string
  readonly limit: number
}

/** In the order of ids, those after `after`, revoked ones included. @throws NodeError `not-permitted` */
export async function listApiKeys(
  registry: Registry,
  principal: Principal,
  page: ApiKeyPage,
): Promise<readonly ApiKey[]> {
  requireManagement(principal, page.enterpriseId)
  const parameters = [requirePageStart(page.after), page.limit]
  if (page.enterpriseId === null) {
    return registry.db.query(
      `select ${COLUMNS} from api_key where enterprise_id is null and id > $1 order by id limit $2`,
      parameters,
    )
  }
  if (!isStorable(page.enterpriseId)) return []
  return registry.db.query(`select ${COLUMNS} from api_key where enterprise_id = $3 and id > $1 order by id limit $2`, [
    ...parameters,
    page.enterpriseId,
  ])
}

/** Revoking a revoked key changes nothing. @throws NodeError `not-permitted`, `not-found` */
export async function revokeApiKey(registry: Registry, principal: Principal, id: string): Promise<ApiKey> {
  authorize(principal, 'manage-keys')
  return commitChange(registry, async (tx) => {
    await requireStanding(tx, principal)
    const found = await lockApiKey(tx, id)
    // Another enterprise's key looks like one that does not exist.
    if (!found || (principal.kind === 'enterprise' && principal.enterpriseId !== found.enterpriseId)) {
      throw new NodeError('not-found', `There is no API key ${id} that you manage.`)
    }
    if (id !== ownId(principal)) requireReach(principal, found.scopes, found.prefixes)
    if (found.revokedAt !== null) return { result: found, changes: [] }

    const [result] = await tx.query<ApiKey>(
      `update api_key set revoked_at = clock_timestamp(), version = version + 1 where id = $1 returning ${COLUMNS}`,
      [id],
    )
    return { result: result!, changes: [apiKeyChange(id, result!.version)] }
  })
}

async function lockApiKey(tx: Transaction, id: string): Promise<ApiKey | undefined> {
  if (!isStorable(id)) return undefined
  const [found] = await tx.query<ApiKey>(`select ${COLUMNS} from api_key where id = $1 for no key update`, [id])
  return found
}

function requireManagement(principal: Principal, enterpriseId: string | null): void {
  authorize(principal, 'manage-keys')
  if (principal.kind === 'enterprise' && principal.enterpriseId !== enterpriseId) authorize(principal, 'administer')
}

/** Nobody gives away, or takes away, more than they have themselves. */
function requireReach(principal: Principal, scopes: readonly Scope[], prefixes: readonly string[] | null): void {
  if (principal.kind !== 'enterprise') return
  const beyond = scopes.filter((scope) => !principal.scopes.includes(scope))
  if (beyond.length > 0) {
    throw new NodeError('not-permitted', `API key ${principal.apiKeyId} has no scope ${beyond.join(', ')} itself.`)
  }
  const within =
    prefixes === null ? principal.prefixes === undefined : prefixes.every((p) => reachesPrefix(principal, p))
  if (within) return
  const own = principal.prefixes?.join(', ')
  throw new NodeError(
    'not-permitted',
    `API key ${principal.apiKeyId} manages only keys limited to its prefixes: ${own}.`,
  )
}

function requireWellFormed(request: ApiKeyRequest, nowMs: number): void {
  const { scopes, prefixes, label, expiresAt } = request
  if (scopes.length === 0 || !scopes.every((scope) => SCOPES.includes(scope))) {
    throw malformedField('scopes', `Give one or more of ${SCOPES.join(', ')}.`)
  }
  const labelFault = textFault(label ?? '', MAX_LABEL_LENGTH)
  if (labelFault !== undefined) throw malformedField('label', labelFault)
  if (prefixes !== undefined && (prefixes.length === 0 || prefixes.length > MAX_PREFIXES)) {
    throw malformedField('prefixes', `Give 1 to ${MAX_PREFIXES} prefixes, or leave the field out for all.`)
  }
  if (prefixes !== undefined && request.enterpriseId === null) {
    throw malformedField('prefixes', "An administrator's key cannot be limited to prefixes.")
  }
  if (expiresAt !== undefined && !(expiresAt.getTime() > nowMs)) {
    throw malformedField('expiresAt', 'Give a time in the future.')
  }
}

async function requireActiveEnterprise(tx: Transaction, enterpriseId: string): Promise<void> {
  const [found] = isStorable(enterpriseId)
    ? await tx.query<{ state: EnterpriseState }>('select state from enterprise where id = $1 for share', [enterpriseId])
    : []
  if (!found) throw new NodeError('not-found', `There is no enterprise ${enterpriseId}.`)
  if (found.state === 'suspended') {
    throw new NodeError('not-permitted', `The enterprise ${enterpriseId} is suspended and gets no keys.`)
  }
}

async function requireHeld(tx: Transaction, enterpriseId: string, prefixes: readonly string[]): Promise<void> {
  if (prefixes.length === 0) return
  const storable = prefixes.filter(isStorable)
  const rows = await tx.query<{ name: string }>(
    'select name from prefix where enterprise_id = $1 and name = any($2::text[])',
    [enterpriseId, storable],
  )
  const held = new Set(rows.map(({ name }) => name))
  const missing = prefixes.filter((prefix) => !held.has(prefix))
  if (missing.length === 0) return
  throw new NodeError('prefix-not-held', `${enterpriseId} does not hold ${missing.join(', ')}.`)
}

function ownId(principal: Principal): string | undefined {
  return principal.kind === 'anonymous' ? undefined : principal.apiKeyId
}

function earlier(one: Date | undefined, other: Date | undefined): Date | null {
  if (one === undefined || other === undefined) return one ?? other ?? null
  return one < other ? one : other
}
