/**
 * One run: three replicas of the real cache, a storm of faults, then calm. The seed decides everything, so that a run that
 * breaks a promise can be looked at again, with a trace.
 */
import type { Answer } from '../../src/record/answer.js'
import type { Query } from '../../src/resolution/resolve.js'
import { checkAnswer, checkError, type Look, Violation } from './checker.js'
import { FAULTS } from './fault-plan.js'
import { hostileRedis } from './hostile-redis.js'
import { ledger as newLedger } from './ledger.js'
import { seededRandom } from './random.js'
import { type Replica, replica } from './replica.js'
import { withSeededCrypto } from './seeded-crypto.js'
import { calmed, type Faults, REPLICAS, settingsFor } from './settings.js'
import { simulatedPostgres } from './simulated-postgres.js'
import { type Tally, tally } from './tally.js'
import { virtualTime } from './virtual-time.js'
import { someChanges, somePrefixChange, someQueries, startingChanges } from './workload.js'

export interface Run {
  readonly seed: number
  readonly violation: Violation | undefined
  readonly tally: Tally
  readonly virtualSeconds: number
  /** The last steps before the violation, when tracing. */
  readonly trace: readonly string[]
}

export interface RunOptions {
  readonly isTraced?: boolean
  /** A word that traced look-ups and writes must hold, such as the identifier or a replica's name. */
  readonly about?: string
}

const TRACE_LINES = 60
/** Until the last freeze and the last slow reply are over, and caches are filled again. */
const SETTLING_MS = 5_000

export async function simulate(seed: number, options: RunOptions = {}): Promise<Run> {
  const random = seededRandom(seed)
  const storm = settingsFor(seed, random)
  let settings = storm
  const time = virtualTime(random)
  const ledger = newLedger()
  const parts = { time, random, ledger, settings: () => settings }
  const postgres = simulatedPostgres(parts)
  postgres.preload(startingChanges())
  const redis = hostileRedis(parts)
  const replicas = withSeededCrypto(random, () =>
    Array.from({ length: REPLICAS }, (_, number) =>
      replica({ number, time, postgres, redis: storm.hasRedis ? redis.client : undefined, settings: storm }),
    ),
  )
  const machinery = { random, postgres, redis, replicas }
  const counts = tally()
  const trace: string[] = []
  let violation: Violation | undefined

  function note(line: () => string): void {
    if (options.isTraced !== true || violation !== undefined) return
    const text = line()
    if (options.about !== undefined && text.startsWith('replica') && !text.includes(options.about)) return
    trace.push(`${time.nowMs().toFixed(1).padStart(8)} ms  ${text}`)
    if (trace.length > TRACE_LINES) trace.shift()
  }

  function check(judge: () => void): void {
    if (violation !== undefined) return
    try {
      judge()
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      note(() => error.message)
      violation = error
    }
  }

  /** Again and again until the end of time, at the rate there is then. */
  function repeat(perSecond: () => number, act: () => void): void {
    const rate = perSecond()
    if (rate === 0) return
    time.after(random.gapMs(rate), () => {
      if (perSecond() > 0) act()
      repeat(perSecond, act)
    })
  }

  function lookUp(at: Replica, query: Query): void {
    const startedAtMs = time.nowMs()
    let knewHistory = false
    const settle = (result: { answer: Answer } | { error: unknown }) => {
      const look: Look = { query, replica: at, startedAtMs, endedAtMs: time.nowMs(), knewHistory }
      note(() => `replica ${at.number}: ${describe(query)} from ${startedAtMs.toFixed(1)}: ${describeResult(result)}`)
      if ('answer' in result) check(() => checkAnswer(ledger, look, result.answer))
      else check(() => checkError(ledger, look, result.error))
      counts.add(look, result)
    }
    const deliver = async () => {
      knewHistory = at.knowledge.epoch === postgres.epoch()
      try {
        settle({ answer: await at.resolve(query) })
      } catch (error) {
        settle({ error })
      }
    }
    time.after(random.between(0, 2), () => void deliver(), at)
  }

  function write(at: Replica, changes: ReturnType<typeof someChanges>): void {
    const waits = random.chance(settings.waitShare)
    const commit = async () => {
      const writes = await at.write(changes, waits).catch(() => undefined)
      const described = writes?.map((one) => `${one.key} ${one.version} (${one.kind}, xid ${one.xid})`)
      note(() => `replica ${at.number} wrote ${described}${waits ? ', which shows everywhere' : ''}`)
      if (waits && writes !== undefined) counts.addVisible()
    }
    time.after(0, () => void commit(), at)
  }

  function repeatWrite(at: Replica): void {
    const earlier = ledger.anyWrite(random)
    const ask = async () => {
      await at.repeat(earlier)
      note(() => `replica ${at.number} was told that ${earlier.key} ${earlier.version} shows everywhere`)
      counts.addVisible()
    }
    time.after(0, () => void ask().catch(() => undefined), at)
  }

  for (const one of replicas) {
    time.after(random.between(0, 100), one.start, one)
    repeat(
      () => settings.readsPerSecond,
      () => {
        for (const query of someQueries(random, ledger)) lookUp(one, query)
      },
    )
  }
  repeat(
    () => settings.writesPerSecond,
    () => write(random.pick(replicas), someChanges(random, ledger)),
  )
  repeat(
    () => settings.repeatsPerSecond,
    () => repeatWrite(random.pick(replicas)),
  )
  repeat(
    () => settings.prefixChangesPerSecond,
    () => write(random.pick(replicas), somePrefixChange(random, ledger)),
  )
  for (const kind of Object.keys(FAULTS) as (keyof Faults)[]) {
    repeat(
      () => settings.faults[kind],
      () => {
        const done = FAULTS[kind](machinery)
        note(() => done)
      },
    )
  }

  await time.runUntil(storm.stormMs)
  settings = calmed(storm)
  postgres.link.recover()
  redis.recover()
  note(() => 'calm')
  await time.runUntil(storm.stormMs + SETTLING_MS)
  counts.beginCalm()
  await time.runUntil(storm.stormMs + storm.calmMs)
  check(() => counts.checkCalm(storm))
  for (const one of replicas) time.after(0, () => void one.stop(), one)
  await time.runUntil(storm.stormMs + storm.calmMs + 1_000)
  return { seed, violation, tally: counts, trace, virtualSeconds: (storm.stormMs + storm.calmMs) / 1_000 }
}

function describe({ identifier, authoritative, token, minVersion }: Query): string {
  return [
    identifier.key,
    authoritative && 'authoritative',
    token && `token ${token}`,
    minVersion && `at least ${minVersion}`,
  ]
    .filter(Boolean)
    .join(', ')
}

function describeResult(result: { answer: Answer } | { error: unknown }): string {
  if ('error' in result) return String(result.error)
  const { kind, version, tier, stamp, stale } = result.answer
  return `${kind} ${version} from ${tier}, stamp ${stamp}${stale ? ', marked' : ''}`
}
