/** Daily monitoring of the nodes of enterprises: how the server of each self-built prefix answered when it was probed. */
import { type Collect, type Collecting, inParts, ROWS_PER_PART } from './collect.js'
import { type Latency, latencyOf } from './performance.js'

interface NodeRow extends Latency {
  readonly prefix: string
  readonly enterpriseId: string
  readonly enterpriseName: string
  readonly probes: number
}

const NOT_KNOWN_HERE = [
  {
    field: 'data.items[].resolution.peak',
    reason: 'look-ups go to the node itself, which counts them',
  },
  { field: 'data.items[].registration', reason: 'the node registers by itself' },
]

export const collectEnterprisePerformance: Collect = async (collecting, give) => {
  const page = (after: string) => listNodes(collecting, after)
  await inParts(
    page,
    ({ prefix }) => prefix,
    (rows) => give({ data: { items: rows.map(itemOf) }, missing: NOT_KNOWN_HERE }),
  )
}

/** Self-built prefixes, and those that were so on that day. Of equal extremes the first. */
function listNodes({ db, period }: Collecting, after: string): Promise<readonly NodeRow[]> {
  return db.query<NodeRow>(
    `with probed as (
       select prefix, sum(probes)::bigint as probes, sum(answered)::bigint as timed, sum(sum_ms) as "sumMs",
         min(min_ms) as "minMs", (array_agg(min_at order by min_ms, min_at))[1] as "minAt",
         max(max_ms) as "maxMs", (array_agg(max_at order by max_ms desc nulls last, max_at))[1] as "maxAt"
       from node_probe_hour where hour >= $1 and hour < $2 and prefix > $3 group by prefix
     )
     select p.name as prefix, e.id as "enterpriseId", e.name as "enterpriseName", coalesce(probes, 0)::bigint as probes,
       coalesce(timed, 0)::bigint as timed, "sumMs", "minMs", "minAt", "maxMs", "maxAt"
     from prefix p join enterprise e on e.id = p.enterprise_id left join probed on probed.prefix = p.name
     where p.name > $3 and (p.service = 'self-built' or probes > 0) and p.created_at < $2
     order by p.name limit $4`,
    [new Date(period.fromMs), new Date(period.toMs), after, ROWS_PER_PART],
  )
}

function itemOf({ prefix, enterpriseId, enterpriseName, probes, ...latency }: NodeRow) {
  const { timed: answered } = latency
  return {
    enterpriseId,
    enterpriseName,
    prefix,
    resolution: { count: answered, ...latencyOf(latency) },
    availability: {
      probes,
      answered,
      ...(probes > 0 && { percent: Math.round((answered / probes) * 100_000_000) / 1_000_000 }),
    },
  }
}
