/** Tables of what operator and enterprises say of themselves: T1, T2, T4 to T7, T10, T11. Nothing is made up for them. */
import { TEMPLATES } from '../../record/template.js'
import type { Operator } from '../operator.js'
import type { Missing } from '../tables/report-shape.js'
import { Subject } from '../tables/shapes.js'
import { type Collect, type Collecting, inParts, missingOf, ROWS_PER_PART } from './collect.js'

const SUBJECT_FIELDS = Object.keys(Subject.properties)
const NOT_IN_FILE = 'not in the operator’s file (JIEXI_OPERATOR_FILE)'
const NOT_TOLD = 'not told to the node (PUT /v1/enterprises/{id}/reporting)'

export const collectOperator: Collect = async ({ operator }, give) => {
  const { subject } = operator
  await give({ data: subject ?? {}, missing: missingOf(subject, SUBJECT_FIELDS, { at: 'data.', reason: NOT_IN_FILE }) })
}

export const collectOwnResolution: Collect = async ({ operator }, give) => give(listed(operator.resolution))

export const collectOwnApplications: Collect = async ({ operator }, give) => give(listed(operator.applications))

export const collectOwnMetadata: Collect = async ({ operator }, give) => {
  const items = metadataOf(operator)
  const missing = items.flatMap((item, at) =>
    missingOf(item, ['industry', 'isForActiveCarriers'], { at: `data.items[${at}].`, reason: NOT_IN_FILE }),
  )
  await give({ data: { items }, missing })
}

function listed(items: readonly unknown[] | undefined) {
  const missing = items === undefined ? [{ field: 'data.items', reason: NOT_IN_FILE }] : []
  return { data: { items: items ?? [] }, missing }
}

/** Templates do not change, so that each is in its first version. */
function metadataOf({ templates }: Operator) {
  return TEMPLATES.map(({ name, attributes }) => ({
    template: name,
    version: 1,
    ...templates?.[name],
    attributes: attributes.map((attribute) => ({
      name: attribute.name,
      alias: attribute.label.zh,
      type: attribute.kind,
      maxOctets: attribute.maxOctets,
      isRequired: attribute.required,
    })),
  }))
}

interface EnterpriseRow {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly prefixes: readonly string[] | null
  readonly subject: Readonly<Record<string, unknown>> | null
  readonly applications: readonly unknown[] | null
}

function enterprisesIn({ db }: Collecting, give: (rows: readonly EnterpriseRow[]) => Promise<void>): Promise<void> {
  const page = (after: string) =>
    db.query<EnterpriseRow>(
      `select e.id, e.name, e.state, r.subject, r.applications,
         (select array_agg(p.name order by p.name) from prefix p where p.enterprise_id = e.id) as prefixes
       from enterprise e left join enterprise_reporting r on r.enterprise_id = e.id
       where e.id > $1 order by e.id limit $2`,
      [after, ROWS_PER_PART],
    )
  return inParts(page, ({ id }) => id, give)
}

const named = ({ id, name }: EnterpriseRow) => ({ enterpriseId: id, enterpriseName: name })

export const collectEnterprises: Collect = (collecting, give) =>
  enterprisesIn(collecting, async (rows) => {
    const items = rows.map((row) => ({
      ...named(row),
      prefixes: row.prefixes ?? [],
      state: row.state,
      subject: row.subject ?? {},
    }))
    const missing = rows.flatMap(({ subject }, at): readonly Missing[] =>
      subject === null
        ? [{ field: `data.items[${at}].subject`, reason: NOT_TOLD }]
        : missingOf(subject, SUBJECT_FIELDS, { at: `data.items[${at}].subject.`, reason: NOT_TOLD }),
    )
    await give({ data: { items }, missing })
  })

interface RouteRow {
  readonly enterpriseId: string
  readonly enterpriseName: string
  readonly prefix: string
  readonly state: string
  readonly mode: 'hosted' | 'self-built'
  readonly resolution: readonly unknown[] | null
}

/** Who answers is known to the registry; at which addresses, of an enterprise's own servers, the enterprise says. */
export const collectEnterpriseRoutes: Collect = ({ db }, give) => {
  const page = (after: string) =>
    db.query<RouteRow>(
      `select e.id as "enterpriseId", e.name as "enterpriseName", p.name as prefix, p.service as mode, r.resolution,
         case when p.state = 'active' then p.holder_state else p.state end as state
       from prefix p join enterprise e on e.id = p.enterprise_id
       left join enterprise_reporting r on r.enterprise_id = e.id
       where p.name > $1 order by p.name limit $2`,
      [after, ROWS_PER_PART],
    )
  return inParts(
    page,
    ({ prefix }) => prefix,
    async (rows) => {
      const items = rows.map(({ resolution, ...row }) => ({ ...row, ...(resolution !== null && { resolution }) }))
      const missing = rows.flatMap(({ mode, resolution }, at) =>
        mode === 'self-built' && resolution === null
          ? [{ field: `data.items[${at}].resolution`, reason: NOT_TOLD }]
          : [],
      )
      await give({ data: { items }, missing })
    },
  )
}

export const collectEnterpriseApplications: Collect = (collecting, give) =>
  enterprisesIn(collecting, async (rows) => {
    const items = rows.map((row) => ({ ...named(row), applications: row.applications ?? [] }))
    const missing = rows.flatMap(({ applications }, at) =>
      applications === null ? [{ field: `data.items[${at}].applications`, reason: NOT_TOLD }] : [],
    )
    await give({ data: { items }, missing })
  })

/** Templates are the node's, the same for all its enterprises. */
export const collectEnterpriseMetadata: Collect = (collecting, give) =>
  enterprisesIn(collecting, async (rows) => {
    const metadata = metadataOf(collecting.operator)
    await give({ data: { items: rows.map((row) => ({ ...named(row), metadata })) } })
  })
