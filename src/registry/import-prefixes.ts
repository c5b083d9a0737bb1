/** Which prefix is responsible for each row, locked for share so that it can neither be suspended nor move before the commit. */
import { prefixCandidates } from '../identifier/parse.js'
import type { Transaction } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import { failed, type Outcome } from './import-outcomes.js'
import type { GoodRow } from './import-rows.js'
import { requireKnown } from './standing.js'
import { verdictError } from './write-outcomes.js'
import { responsiblePrefix, type Verdict } from './write-statement.js'

export type Judgement =
  | { readonly ok: true; readonly prefix: string }
  | { readonly ok: false; readonly outcome: Outcome }

const JUDGE = `
  select wanted.candidates, responsible.name as prefix, responsible.verdict
  from unnest($1::text[]) as wanted (candidates)
  left join lateral (
    ${responsiblePrefix('wanted.candidates', { enterprise: '$2', prefixes: '$3' })} for share
  ) responsible on true`

interface JudgedCandidates {
  readonly candidates: string
  readonly prefix: string | null
  readonly verdict: Verdict | null
}

/** Judges the rows given, one look-up for each prefix that occurs among them. */
export async function judgePrefixes(
  tx: Transaction,
  principal: Principal,
  rows: readonly GoodRow[],
): Promise<(row: GoodRow) => Judgement> {
  const known = requireKnown(principal)
  const [enterpriseId, prefixes] =
    known.kind === 'administrator' ? [null, null] : [known.enterpriseId, known.prefixes ?? null]
  // Sorted: the order in which a suspended enterprise's prefixes are locked.
  const wanted = distinctCandidates(rows).sort()
  const judged = await tx.query<JudgedCandidates>(JUDGE, [wanted, enterpriseId, prefixes])
  const byCandidates = new Map(judged.map((one) => [one.candidates, one]))
  return (row) => {
    const found = byCandidates.get(candidatesOf(row))
    if (found?.verdict === 'ok') return { ok: true, prefix: found.prefix! }
    const error = verdictError(row.registration, found?.verdict ?? null, found?.prefix ?? null)
    return { ok: false, outcome: failed(error!) }
  }
}

function distinctCandidates(rows: readonly GoodRow[]): string[] {
  const distinct = new Set<string>()
  let last = ''
  for (const row of rows) {
    const candidates = candidatesOf(row)
    // Neighbours mostly share it, and comparing costs less than hashing.
    if (candidates !== last) distinct.add(candidates)
    last = candidates
  }
  return [...distinct]
}

function candidatesOf({ registration: { identifier } }: GoodRow): string {
  return identifier.scheme === 'oid' ? prefixCandidates(identifier).join(' ') : identifier.prefix
}
