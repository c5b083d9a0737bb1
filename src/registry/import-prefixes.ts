/** Which prefix is responsible for each row, locked for share so that it can neither be suspended nor move before the commit. */
import { prefixCandidates } from '../identifier/parse.js'
import type { Transaction } from '../platform/postgres.js'
import type { Principal } from '../security/principal.js'
import { failed, type Outcome } from './import-outcomes.js'
import type { GoodRow } from './import-rows.js'
import { requireKnown } from './standing.js'
import { verdictError } from './write-outcomes.js'
import type { Verdict } from './write-statement.js'

export type Judgement =
  | { readonly ok: true; readonly prefix: string }
  | { readonly ok: false; readonly outcome: Outcome }

// The rules of write-statement.ts, for a list of candidates instead of an item.
const JUDGE = `
  select wanted.candidates, responsible.name as prefix, responsible.verdict
  from unnest($1::text[]) as wanted (candidates)
  left join lateral (
    select p.name, case
      when $2::text is not null and p.enterprise_id is distinct from $2 then 'not-held'
      when $3::text[] is not null and p.name <> all ($3) then 'out-of-reach'
      when p.state <> 'active' or p.holder_state <> 'active' then 'suspended'
      else 'ok' end as verdict
    from prefix p where p.name = any (string_to_array(wanted.candidates, ' '))
    order by length(p.name) desc limit 1 for share
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
  const wanted = [...new Set(rows.map(candidatesOf))].sort()
  const judged = await tx.query<JudgedCandidates>(JUDGE, [wanted, enterpriseId, prefixes])
  const byCandidates = new Map(judged.map((one) => [one.candidates, one]))
  return (row) => {
    const found = byCandidates.get(candidatesOf(row))
    const error = verdictError(row.registration, found?.verdict ?? null, found?.prefix ?? null)
    return error === undefined ? { ok: true, prefix: found!.prefix! } : { ok: false, outcome: failed(error) }
  }
}

function candidatesOf({ registration: { identifier } }: GoodRow): string {
  return identifier.scheme === 'oid' ? prefixCandidates(identifier).join(' ') : identifier.prefix
}
