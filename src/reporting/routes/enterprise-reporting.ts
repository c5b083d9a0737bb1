/** What only an enterprise can say of itself, for T6, T7 and T10: kept with the enterprise, replaced as a whole. */
import { Type } from 'typebox'
import { NodeError } from '../../platform/errors.js'
import { answers, operation } from '../../protocols/rest/documented.js'
import type { Scope } from '../../protocols/rest/door.js'
import { isStorable } from '../../registry/checks.js'
import { findEnterprise } from '../../registry/enterprises.js'
import { lockStanding } from '../../registry/standing.js'
import { authorize } from '../../security/authorize.js'
import { Application, Resolution, Subject } from '../tables/shapes.js'

const tag = 'Reports'
const json = 'application/json'
const closed = { additionalProperties: false } as const
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })

const Said = Type.Object(
  {
    subject: Type.Optional(Type.Partial(Subject, closed)),
    resolution: Type.Optional(
      Type.Array(Resolution, { maxItems: 100, description: 'servers of its own; absent: this node answers for it' }),
    ),
    applications: Type.Optional(Type.Array(Application, { maxItems: 1_000 })),
  },
  closed,
)

const COLUMNS = 'subject, resolution, applications'

export function enterpriseReportingRoutes({ app, door, authenticate }: Scope): void {
  const { registry } = door
  app.get(
    '/v1/enterprises/:id/reporting',
    {
      schema: {
        ...operation({ tag, summary: 'What an enterprise has said of itself for reports', secured: true }),
        params: ById,
        ...answers(200, 'As it was put', { [json]: Said }),
      },
    },
    async (request) => {
      const { id } = request.params
      const enterprise = await findEnterprise(registry, await authenticate(request), id)
      if (enterprise === undefined) throw new NodeError('not-found', `There is no enterprise ${id}.`)
      const [row] = await registry.db.query<Record<string, unknown>>(
        `select ${COLUMNS} from enterprise_reporting where enterprise_id = $1`,
        [id],
      )
      return Object.fromEntries(Object.entries(row ?? {}).filter(([, said]) => said !== null))
    },
  )
  app.put(
    '/v1/enterprises/:id/reporting',
    {
      schema: {
        ...operation({
          tag,
          summary: 'Say what an enterprise has to say of itself for reports',
          description: 'For the administrator. What is left out is reported as missing; nothing is made up.',
          secured: true,
        }),
        params: ById,
        body: Said,
        ...answers(200, 'As it is now', { [json]: Said }),
      },
    },
    async (request) => {
      const principal = await authenticate(request)
      authorize(principal, 'administer')
      const { id } = request.params
      if (!isStorable(id)) throw new NodeError('not-found', `There is no enterprise ${id}.`)
      const { subject, resolution, applications } = request.body
      const asJson = (said: unknown) => (said === undefined ? null : JSON.stringify(said))
      await registry.db.transaction(async (tx) => {
        await lockStanding(tx, principal)
        const rows = await tx.query(
          `insert into enterprise_reporting as held (enterprise_id, ${COLUMNS})
           select id, $2::jsonb, $3::jsonb, $4::jsonb from enterprise where id = $1
           on conflict (enterprise_id) do update set subject = excluded.subject, resolution = excluded.resolution,
             applications = excluded.applications, version = held.version + 1, changed_at = clock_timestamp()
           returning version`,
          [id, asJson(subject), asJson(resolution), asJson(applications)],
        )
        if (rows.length === 0) throw new NodeError('not-found', `There is no enterprise ${id}.`)
      })
      return request.body
    },
  )
}
