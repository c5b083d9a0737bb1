/**
 * Whom an identity of the Handle System acts for: an API key of its own, of the enterprise that holds the prefix of the
 * identity's handle, or the administrator's. The key in the record was put there by that authority, so nobody is asked once more.
 *
 * The API key has an id and a standing like every other, and no secret that anybody knows. Whoever revokes it takes the
 * identity its rights away for good; only another key in the record is another identity.
 */
import { randomBytes } from 'node:crypto'
import { NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { randomName } from '../security/tokens.js'
import { apiKeyChange, commitChange } from './append-change.js'
import type { Registry } from './registry.js'
import { type KnownPrincipal, STANDING, type Standing, standingError } from './standing.js'

export interface ActingIdentity {
  /** Canonical key of the record that holds the key. */
  readonly handle: string
  readonly index: number
  /** Hexadecimal. */
  readonly keySha256: string
  /** null: acts for the administrator. */
  readonly enterpriseId: string | null
}

const SECRET_OCTETS = 32
const API_KEY_ID_LENGTH = 12
const MAX_LABEL_LENGTH = 200

const FIND = `
  select k.id, ${STANDING} as standing
  from handle_identity h join api_key k on k.id = h.api_key_id left join enterprise e on e.id = k.enterprise_id
  where h.handle = $1 and h.value_index = $2 and h.key_sha256 = $3 and coalesce(h.enterprise_id, '') = coalesce($4::text, '')`

/**
 * Who writes when this identity does; its API key is made when it acts for the first time.
 *
 * @throws NodeError `not-authenticated` (revoked), `not-permitted` (enterprise suspended)
 */
export async function actingPrincipal(registry: Registry, identity: ActingIdentity): Promise<KnownPrincipal> {
  const known = (await findActing(registry, identity)) ?? (await enrol(registry, identity))
  const principal = principalOf(identity, known.id)
  if (known.standing !== 'good') throw standingError(principal, known.standing)
  return principal
}

interface Acting {
  readonly id: string
  readonly standing: Standing
}

async function findActing({ db }: Registry, identity: ActingIdentity): Promise<Acting | undefined> {
  const { handle, index, keySha256, enterpriseId } = identity
  const [row] = await db.query<Acting & object>(FIND, [handle, index, keySha256, enterpriseId])
  return row
}

async function enrol(registry: Registry, identity: ActingIdentity): Promise<Acting> {
  const made = await commitChange(registry, async (tx) => {
    await lockIdentity(tx, identity)
    await requireActive(tx, identity)
    const id = await insertBoth(tx, identity)
    return { result: id, changes: id === undefined ? [] : [apiKeyChange(id, 1)] }
  })
  if (made !== undefined) return { id: made, standing: 'good' }
  const first = await findActing(registry, identity)
  if (first === undefined) throw new Error('an identity vanished while it was being made')
  return first
}

/** Of all who would make it at the same moment one does. */
async function lockIdentity(tx: Transaction, { handle, index, keySha256 }: ActingIdentity): Promise<void> {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('handle identity ' || $1, 0))", [
    `${index}:${handle} ${keySha256}`,
  ])
}

async function requireActive(tx: Transaction, { enterpriseId }: ActingIdentity): Promise<void> {
  if (enterpriseId === null) return
  const [found] = await tx.query<{ state: string }>('select state from enterprise where id = $1 for share', [
    enterpriseId,
  ])
  if (found?.state === 'active') return
  throw new NodeError('not-permitted', `The enterprise ${enterpriseId} is suspended, and its identities with it.`)
}

/** undefined: another was first. */
async function insertBoth(tx: Transaction, identity: ActingIdentity): Promise<string | undefined> {
  const { handle, index, keySha256, enterpriseId } = identity
  const [known] = await tx.query(FIND, [handle, index, keySha256, enterpriseId])
  if (known !== undefined) return undefined
  const id = randomName(API_KEY_ID_LENGTH)
  const label = `Handle identity ${index}:${handle}`.slice(0, MAX_LABEL_LENGTH)
  // The hash of no secret that anybody has: this key is never presented as a text.
  await tx.query(
    `insert into api_key (id, enterprise_id, secret_sha256, scopes, label) values ($1, $2, $3, '{read,write}', $4)`,
    [id, enterpriseId, randomBytes(SECRET_OCTETS), label],
  )
  await tx.query(
    `insert into handle_identity (handle, value_index, key_sha256, enterprise_id, api_key_id) values ($1, $2, $3, $4, $5)`,
    [handle, index, keySha256, enterpriseId, id],
  )
  return id
}

function principalOf({ enterpriseId }: ActingIdentity, apiKeyId: string): KnownPrincipal {
  if (enterpriseId === null) return { kind: 'administrator', apiKeyId }
  return { kind: 'enterprise', enterpriseId, apiKeyId, scopes: ['read', 'write'] }
}
