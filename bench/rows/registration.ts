/** Rows of registration: one by one from many callers, and in batches of 1,000, against plain upserts of like rows. */
import { openDatabase } from '../../src/platform/postgres.js'
import { parseAnswer } from '../baselines/recording.js'
import { startDatabaseBaseline } from '../baselines/run.js'
import type { Bench } from '../bench.js'
import { takeTurns } from '../load/rounds.js'
import { collectAnswers } from '../load/send-all.js'
import { loadedSide, warningsOf } from '../load/sides.js'
import type { Row } from '../report/report.js'
import type { Api } from '../stage/api.js'
import type { RunningNode } from '../stage/node-under-test.js'
import { recordAt } from '../workload/dataset.js'
import { register, registerMany } from '../workload/requests.js'
import { databaseSide, meanBodyOctets } from './import.js'

const BATCH = 1_000
const BATCH_CALLERS = 4
/** A batch takes a noticeable part of a second. */
const MIN_DURATION_MS = 500
/** What the node's own pool has. */
const CONNECTIONS = 10

/** Makes the rows, which write identifiers beyond the data set, each once. */
export function registrationRows(bench: Bench, node: RunningNode, api: Api) {
  const { options } = bench
  let next = options.records
  const takeRecord = () => {
    const record = recordAt(options.seed, next)
    next += 1
    return record
  }
  const registerOne = () => register(takeRecord(), api.apiKey)
  const registerBatch = () => registerMany(Array.from({ length: BATCH }, takeRecord), api.apiKey)

  return {
    single: () =>
      measure(bench, node, {
        name: 'register',
        title: `PUT of a new identifier, ${options.connections} callers`,
        callers: options.connections,
        rowsPerRequest: 1,
        expectStatus: 201,
        nextRequest: registerOne,
      }),
    batch: async () => {
      await requireAllCreated(node, registerBatch())
      return measure(bench, node, {
        name: 'register-batch',
        title: 'POST /v1/identifiers:batch of 1,000 new ones',
        callers: BATCH_CALLERS,
        rowsPerRequest: BATCH,
        expectStatus: 200,
        nextRequest: registerBatch,
      })
    },
  }
}

interface RegistrationSpec {
  readonly name: 'register' | 'register-batch'
  readonly title: string
  readonly callers: number
  readonly rowsPerRequest: number
  readonly expectStatus: number
  nextRequest(): Buffer
}

async function measure(bench: Bench, node: RunningNode, spec: RegistrationSpec): Promise<Row> {
  bench.say(`${spec.name}: ${spec.title}`)
  const durationMs = Math.max(bench.options.durationMs, MIN_DURATION_MS)
  const url = bench.stage.databaseUrl
  const db = openDatabase({ url, maxConnections: 1, statementTimeoutMs: 30_000 })
  const bodyOctets = await meanBodyOctets(db).finally(() => db.close())
  const upsert = await startDatabaseBaseline(
    'plain-upsert',
    [url, spec.callers, spec.rowsPerRequest, CONNECTIONS, bodyOctets],
    bench.pinned?.serverCore,
  )
  try {
    const [measured, baseline] = await takeTurns(
      [
        loadedSide({
          name: 'node',
          server: node,
          connections: spec.callers,
          durationMs,
          nextRequest: spec.nextRequest,
          expectStatus: spec.expectStatus,
          unitsPerAnswer: spec.rowsPerRequest,
        }),
        databaseSide('plain upsert', upsert, { durationMs }),
      ],
      bench.turns(),
    )
    return {
      name: spec.name,
      title: spec.title,
      unit: 'records',
      node: measured!,
      baselines: [baseline!],
      notes: warningsOf([measured!, baseline!]),
      facts: { callers: spec.callers, rowsPerRequest: spec.rowsPerRequest, bodyOctets },
    }
  } finally {
    await upsert.stop()
  }
}

async function requireAllCreated(node: RunningNode, request: Buffer): Promise<void> {
  const [answer] = await collectAnswers(node.port, [request])
  const { status, body } = parseAnswer(answer!)
  const results = status === 200 ? (JSON.parse(body.toString()) as { results: { status: number }[] }).results : []
  const created = results.filter((result) => result.status === 201).length
  if (created !== BATCH) {
    throw new Error(`A batch created ${created} of ${BATCH}: ${status} ${body.toString().slice(0, 500)}`)
  }
}
