/** T9: what was written of the identifiers of enterprises on a day, every version once, in the order of time. */
import type { Transaction } from '../../platform/postgres.js'
import { decodeValues } from '../../record/codec.js'
import { findTemplate } from '../../record/template.js'
import type { Collect } from './collect.js'

const ROWS_TO_READ = 2_000
/** A day of millions takes its time; reading holds up nobody. */
const READ = { timeoutMs: 3_600_000 }

const ADD = 1
const DELETE = 2
const MODIFY = 3
const WITHDRAWN = 2

interface Row {
  readonly key: string
  readonly spelling: string | null
  readonly prefix: string
  readonly version: number
  readonly state: number
  readonly stateBefore: number | null
  readonly template: string
  readonly body: Buffer | null
  readonly registeredAt: Date
  readonly recordedAt: Date
}

const COLUMNS = 'key, spelling, prefix, version, state, template, body, registered_at, recorded_at'

// A cursor, so that the day is read once, however many parts it makes. Records of prefixes are no identifiers of enterprises.
const OPEN = `
  declare written no scroll cursor for
  select now.key, now.spelling, now.prefix, now.version, now.state, before.state as "stateBefore", now.template, now.body,
    now.registered_at as "registeredAt", now.recorded_at as "recordedAt"
  from (select ${COLUMNS} from identifier union all select ${COLUMNS} from identifier_version) now
  join prefix on prefix.name = now.prefix and prefix.enterprise_id is not null
  left join identifier_version before on before.key = now.key and before.version = now.version - 1
  where now.recorded_at >= $1 and now.recorded_at < $2 and now.key not like '0.na/%'
  order by now.recorded_at, now.key, now.version`
const READ_ON = `fetch ${ROWS_TO_READ} from written`

export const collectIdentifiers: Collect = async ({ db, period }, give) => {
  await db.transaction(async (tx) => {
    await tx.query(OPEN, [new Date(period.fromMs), new Date(period.toMs)])
    let rows = await readOn(tx)
    do {
      await give({ data: { items: rows.map(identifierData) } })
      rows = await readOn(tx)
    } while (rows.length > 0)
  }, READ)
}

function readOn(tx: Transaction): Promise<Row[]> {
  return tx.query<Row>(READ_ON)
}

function identifierData(row: Row) {
  return {
    identifier: row.spelling ?? row.key,
    prefix: row.prefix,
    version: row.version,
    registeredAt: row.registeredAt.toISOString(),
    recordedAt: row.recordedAt.toISOString(),
    template: row.template,
    operation: operationOf(row),
    ...attributesOf(row),
  }
}

function operationOf({ state, stateBefore }: Row): number {
  if (state === WITHDRAWN) return DELETE
  return stateBefore === null || stateBefore === WITHDRAWN ? ADD : MODIFY
}

/** What the table asks for, by the names that the templates give it. */
const ASKED = {
  category: 'productType',
  brand: 'brand',
  name: 'productName',
  manufacturer: 'manufacturer',
  productionDate: 'productionTime',
  expiryDate: 'expiry',
} as const

function attributesOf({ template, body }: Row): Readonly<Record<string, string>> {
  const known = findTemplate(template)
  if (known === undefined || body === null) return {}
  const names = new Map(known.attributes.map(({ index, name }) => [index, name]))
  const found: Record<string, string> = {}
  for (const { index, data } of decodeValues(body)) {
    const asked = ASKED[names.get(index) as keyof typeof ASKED]
    if (asked !== undefined && typeof data === 'string' && data !== '') found[asked] = data
  }
  return found
}
