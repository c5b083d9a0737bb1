/** Read, amend, write on condition that nothing has changed in between; again when something has. */
import type { Identifier } from '../identifier/identifier.js'
import { prefixNamedBy } from '../identifier/prefix-record.js'
import { NodeError } from '../platform/errors.js'
import type { DraftResult } from '../record/draft.js'
import type { IdentifierRecord } from '../record/record.js'
import { type ItemOutcome, type Precondition, type Registration, statementItem } from './registration.js'
import { requireKnown, STANDING, type Standing, standingError } from './standing.js'
import { recordOf, VERSION_COLUMNS, type VersionRow } from './version-rows.js'
import { preconditionError, verdictError } from './write-outcomes.js'
import { authorOf, type WriteRun, writeDistinct } from './write-run.js'
import { REGISTERED, responsiblePrefix, type Verdict } from './write-statement.js'

export interface Amendment {
  readonly identifier: Identifier
  /** May be called more than once. */
  readonly amend: (current: IdentifierRecord) => DraftResult
  readonly precondition?: Precondition
}

const MAX_TRIES = 8

export async function amendOnce(run: WriteRun, amendment: Amendment): Promise<ItemOutcome> {
  const { spelling } = amendment.identifier
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const current = await findAmendable(run, amendment)
    if (current instanceof NodeError) return { ok: false, error: current }
    const draft = amendment.amend(recordOf(current))
    if (!draft.ok) return { ok: false, error: invalid(spelling, draft) }

    const registration: Registration = {
      identifier: { ...amendment.identifier, spelling: current.spelling },
      intent: 'register',
      ...draft.value,
      precondition: { kind: 'version', version: current.version },
    }
    const [outcome] = await writeDistinct(run, [registration])
    if (outcome!.ok || outcome!.error.code !== 'precondition-failed') return outcome!
  }
  const message = `${spelling} kept changing while it was being changed. Read it, and try again.`
  return { ok: false, error: new NodeError('version-conflict', message, { retryAfterSeconds: 1 }) }
}

type FoundRow = {
  readonly standing: Standing | null
  readonly verdict: Verdict | null
  readonly name: string | null
} & (VersionRow | { readonly version: null })

const FIND = `
  select (select ${STANDING} from api_key k left join enterprise e on e.id = k.enterprise_id where k.id = $3) as standing,
    responsible.verdict, responsible.name, ${VERSION_COLUMNS}
  from (select $1::text as key) wanted
  left join lateral (${responsiblePrefix('$2', { enterprise: '$4', prefixes: '$5' })}) responsible on true
  left join identifier i on i.key = wanted.key`

/** Authority comes first: nobody learns from a refusal what a record contains that is not theirs. */
async function findAmendable(run: WriteRun, { identifier, precondition }: Amendment): Promise<VersionRow | NodeError> {
  const principal = requireKnown(run.principal)
  const author = authorOf(principal)
  const item: Registration = { identifier, intent: 'register', template: '', values: [] }
  const candidates = prefixNamedBy(identifier) ?? statementItem(item).candidates.join(' ')
  const [row] = await run.on.query<FoundRow>(FIND, [
    identifier.key,
    candidates,
    author.apiKeyId,
    author.enterpriseId,
    author.prefixes,
  ])
  if (row?.standing !== 'good') throw standingError(principal, row?.standing ?? undefined)
  const error = verdictError(item, row.verdict, row.name)
  if (error) return error

  const { spelling } = identifier
  if (row.version === null) return new NodeError('identifier-absent', `${spelling} is not registered.`)
  if (row.state !== REGISTERED) {
    return new NodeError(
      'identifier-withdrawn',
      `${spelling} is withdrawn, as version ${row.version}. Register it anew.`,
    )
  }
  return preconditionError({ ...item, ...(precondition && { precondition }) }, row) ?? row
}

function invalid(spelling: string, draft: DraftResult & { readonly ok: false }): NodeError {
  return new NodeError(draft.code, `The change would leave ${spelling} with a record that is not valid.`, {
    faults: draft.faults,
  })
}
