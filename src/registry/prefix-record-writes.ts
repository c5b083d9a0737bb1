/**
 * Writing the record of a prefix as any other record is written: by who holds the prefix, under the same preconditions, with
 * the same outcomes. The node's own part stays as it is, whatever is asked: it may be sent along unchanged, or left out.
 * In a transaction of the caller's.
 */
import { prefixNamedBy } from '../identifier/prefix-record.js'
import { type Fault, NodeError } from '../platform/errors.js'
import type { Transaction } from '../platform/postgres.js'
import { decodeValues } from '../record/codec.js'
import type { Value } from '../record/record.js'
import { bodyOf } from '../record/stored-content.js'
import { identifierChange } from './append-change.js'
import { lockNodeSite } from './node-site.js'
import {
  FIRST_HOLDER_INDEX,
  holderPart,
  isSameValue,
  managedValues,
  type StoredRecord,
  storePrefixRecords,
} from './prefix-records.js'
import { findPrefix, prefixServiceOf } from './prefixes.js'
import type { ItemOutcome, Registration } from './registration.js'
import { requireKnown, STANDING, type Standing, standingError } from './standing.js'
import { explainUnwritten, preconditionError, verdictError } from './write-outcomes.js'
import { type Asked, receipt } from './write-receipts.js'
import type { WriteRun } from './write-run.js'
import { type Author, ROW_XID, responsiblePrefix, type Verdict, type VersionSeen } from './write-statement.js'
import { msOf, REGISTERED } from './write-upsert.js'

const JUDGE = `
  select (select ${STANDING} from api_key k left join enterprise e on e.id = k.enterprise_id where k.id = $2) as standing,
    responsible.name, responsible.verdict, floor(extract(epoch from clock_timestamp()))::bigint as "nowSeconds"
  from (select) one
  left join lateral (${responsiblePrefix('$1', { enterprise: '$3', prefixes: '$4' })} for share) responsible on true`

const FIND_SEEN = `
  select i.version, i.state, i.body, i.digest, ${msOf('i.recorded_at')} as "recordedAtMs", ${ROW_XID} as xid
  from identifier i where i.key = $1 for no key update`

interface Judged {
  readonly standing: Standing | null
  readonly name: string | null
  readonly verdict: Verdict | null
  readonly nowSeconds: number
}

interface Seen extends Omit<VersionSeen, 'same'> {
  readonly body: Buffer | null
  readonly digest: Buffer | null
}

/** @throws NodeError `not-authenticated`, `not-permitted` when the key is not good */
export async function writePrefixRecord(run: WriteRun, author: Author, asked: Asked): Promise<ItemOutcome> {
  const { item } = asked
  // Not the handle of any prefix: judged as the prefix that it lies below, which is nobody's.
  const prefix = prefixNamedBy(item.identifier) ?? item.identifier.prefix
  const judged = await judge(run, author, prefix)
  const error = verdictError(item, judged.verdict, judged.name ?? prefix)
  if (error) return { ok: false, error }

  const [seen] = await run.on.query<Seen>(FIND_SEEN, [asked.row.key])
  const before = seen?.body && seen.state === REGISTERED ? decodeValues(seen.body) : []
  const refusal = refusedByContent(item, seen) ?? invalid(item, before)
  if (refusal) return { ok: false, error: refusal }
  const { nowSeconds } = judged
  const stored = await store(run.on as Transaction, author, { prefix, wanted: valuesOf(item), nowSeconds })
  if (stored === undefined) return { ok: true, receipt: receipt(asked, { ...seen!, outcome: 'unchanged' }) }

  run.written([identifierChange(stored.key, stored.version)], undefined)
  const outcome = stored.wasThere ? 'replaced' : 'created'
  return { ok: true, receipt: receipt(asked, { ...stored, outcome, xid: null }) }
}

async function judge(run: WriteRun, author: Author, prefix: string): Promise<Judged> {
  const parameters = [prefix, author.apiKeyId, author.enterpriseId, author.prefixes]
  const [judged] = await run.on.query<Judged>(JUDGE, parameters)
  if (judged?.standing === 'good') return judged
  throw standingError(requireKnown(run.principal), judged?.standing ?? undefined)
}

function refusedByContent(item: Registration, seen: Seen | undefined): NodeError | undefined {
  if (item.intent === 'register') return preconditionError(item, seen)
  const explained = explainUnwritten(item, seen && { ...seen, same: false })
  if (explained?.kind === 'refused') return explained.error
  return new NodeError(
    'not-permitted',
    `${item.identifier.spelling} is the record of a prefix, and stays as long as the prefix is allotted. Suspend the prefix instead.`,
  )
}

function valuesOf({ content, values }: Registration): readonly Value[] {
  return content === undefined ? values : decodeValues(bodyOf(content))
}

interface Wanted {
  readonly prefix: string
  readonly wanted: readonly Value[]
  readonly nowSeconds: number
}

/** undefined: it is so already. */
async function store(tx: Transaction, author: Author, wish: Wanted): Promise<StoredRecord | undefined> {
  const { prefix, wanted, nowSeconds } = wish
  const allotted = await findPrefix(tx, prefix)
  const site = await lockNodeSite(tx)
  const own = managedValues(prefixServiceOf(allotted!), site, nowSeconds)
  const values = () => [...own, ...holderPart(wanted)]
  const [stored] = await storePrefixRecords(tx, [{ prefix, values }], author.apiKeyId)
  return stored
}

/** Where a prefix is served is not for a value of its holder's to say. */
const MANAGED_TYPE = /^hs_(?:site|serv|namespace|na_delegate|primary)(?:\.|$)/i

function invalid(item: Registration, before: readonly Value[]): NodeError | undefined {
  const faults = recordFaults(item, before)
  if (faults.length === 0) return undefined
  const said = faults.map(({ field, reason }) => `${field} ${reason}`).join('; ')
  return new NodeError('record-invalid', `The record of a prefix can't be so: ${said}.`, { faults })
}

function recordFaults(item: Registration, before: readonly Value[]): Fault[] {
  const template = item.template === '' ? [] : [{ field: 'template', reason: 'must be left out: values only' }]
  const values = valuesOf(item).flatMap((value, place) => {
    const reason = value.index < FIRST_HOLDER_INDEX ? managedFault(value, before) : holderFault(value)
    return reason === undefined ? [] : [{ field: `values[${place}]`, reason }]
  })
  return [...template, ...values]
}

function managedFault(value: Value, before: readonly Value[]): string | undefined {
  const there = before.find(({ index }) => index === value.index)
  if (there !== undefined && isSameValue(there, value)) return undefined
  return `has index ${value.index}: those below ${FIRST_HOLDER_INDEX} are the node's own, which it keeps as they are. Leave it out, or take another index`
}

/** What a key or a right is, is for whoever reads it to tell: software writes them in several ways. */
function holderFault({ type }: Value): string | undefined {
  if (!MANAGED_TYPE.test(type)) return undefined
  return `is ${type}, which only the node gives: its administrator says where a prefix is served`
}
