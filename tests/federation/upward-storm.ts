/**
 * Registrations at a secondary node, told to a top-level node over a line that fails a share of all calls, while each of the
 * two is killed (kill -9) again and again. In the end the node above must know every identifier in its newest version, and
 * every version must have had its effect once, in its order.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from '../../src/platform/postgres.js'
import { seededRandom } from '../faults/random.js'
import { testDatabase } from '../support/database.js'
import { freePorts, type RestartableNode, restartableNode } from '../support/restartable-node.js'
import { type FailingLine, failingLine } from './failing-line.js'

export interface UpwardStormOptions {
  readonly registrations: number
  /** Of calls to the node above that fail, from 0 to 1. */
  readonly failing: number
  /** Of each side. */
  readonly kills: number
  readonly seed: number
  readonly say: (line: string) => void
}

export interface UpwardStormResult {
  readonly identifiers: number
  /** Of all identifiers and prefixes together: each must have had one effect above. */
  readonly versions: number
  readonly applied: number
  readonly repeated: number
  readonly refused: number
  /** Identifiers that the node above does not know in their newest version and state. */
  readonly different: number
  /** Effects above that came twice or in the wrong order. */
  readonly disorder: number
  /** By the secondary node's own word. */
  readonly notAcknowledged: number
  readonly calls: number
  readonly failedCalls: number
  readonly kills: number
  readonly tookMs: number
}

const BATCH = 500
/** One in so many identifiers is written again, and one in twice so many a third time. */
const AGAIN_EVERY = 10
const GIVE_UP_MS = 20 * 60_000
const PREFIX = '88.118.8'

export async function runUpwardStorm(options: UpwardStormOptions): Promise<UpwardStormResult> {
  const { say } = options
  const startedAtMs = performance.now()
  const random = seededRandom(options.seed).next
  const [above, below] = await Promise.all([testDatabase(), testDatabase()])
  await watchOrder(above.db)
  const top = await server(above.url, { JIEXI_ROLE: 'top-level' })
  const nodeKey = await keyFor(top, { id: 'node', prefix: '88.118' })
  const line = await failingLine({ port: top.port, share: options.failing, random })
  const node = await server(below.url, { JIEXI_PARENT: line.url, JIEXI_PARENT_API_KEY: nodeKey })
  try {
    const apiKey = await keyFor(node, { id: 'works', prefix: PREFIX })
    await until(() => isWalked(below.db), 'the first telling of everything')
    const killing = killInTurn([top, node], { ...options, db: above.db })
    await writeAll(node, apiKey, options)
    say('All is written.')
    const kills = await killing
    await until(() => isAllTold(below.db), 'the acknowledgement of everything')
    const tookMs = performance.now() - startedAtMs
    return { ...(await audit(above.db, below.db)), ...countsOf(line), kills, tookMs }
  } finally {
    await Promise.all([top.kill(), node.kill()])
    await line.close()
    await Promise.all([above.close(), below.close()])
  }
}

function countsOf({ calls, failed }: FailingLine): Pick<UpwardStormResult, 'calls' | 'failedCalls'> {
  return { calls, failedCalls: failed }
}

/** Started. */
async function server(databaseUrl: string, environment: Readonly<Record<string, string>>): Promise<RestartableNode> {
  const node = restartableNode({ ...(await freePorts()), databaseUrl, environment })
  await node.start()
  return node
}

/** Of an enterprise with that prefix. Tried again on a machine that is too busy at the moment. */
async function keyFor(
  at: RestartableNode,
  { id, prefix }: { readonly id: string; readonly prefix: string },
): Promise<string> {
  await post(at, '/v1/enterprises', { id, name: id })
  await post(at, '/v1/prefixes', { prefix, enterpriseId: id })
  return (await post(at, `/v1/enterprises/${id}/keys`, { scopes: ['read', 'write'] })).apiKey!
}

async function post(at: RestartableNode, path: string, body: unknown): Promise<{ readonly apiKey?: string }> {
  for (;;) {
    const response = await fetch(at.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${at.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    // 409: a try before was carried out, though its answer said nothing of it.
    if (response.ok || response.status === 409) return (await response.json()) as { apiKey?: string }
    if (response.status !== 503) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    await delay(100)
  }
}

/** An effect that is no newer than the one before would make the batch fail, and the storm with it. */
async function watchOrder(db: Database): Promise<void> {
  await db.query(`create table effect (key text not null, version bigint not null, primary key (key, version))`)
  await db.query(`
    create function note_effect() returns trigger language plpgsql as $$
    begin
      if tg_op = 'UPDATE' and new.version <= old.version then
        raise exception 'version % of % came after %', new.version, new.key, old.version;
      end if;
      insert into effect values (new.key, new.version);
      return new;
    end $$`)
  await db.query(
    // After: before an insert it would also be called for what then becomes an update.
    'create trigger notes_effects after insert or update on delegate_identifier for each row execute function note_effect()',
  )
}

async function writeAll(
  node: RestartableNode,
  apiKey: string,
  { registrations, say }: UpwardStormOptions,
): Promise<void> {
  for (let from = 0; from < registrations; from += BATCH) {
    const places = Array.from({ length: Math.min(BATCH, registrations - from) }, (_, at) => from + at)
    await writeBatch(node, apiKey, { places, round: 1 })
    await writeBatch(node, apiKey, { places: places.filter((place) => place % AGAIN_EVERY === 0), round: 2 })
    await writeBatch(node, apiKey, { places: places.filter((place) => place % (2 * AGAIN_EVERY) === 0), round: 3 })
    if ((from / BATCH) % 20 === 19) say(`${from + BATCH} of ${registrations} are written.`)
  }
}

/** Until it is acknowledged by the node itself: the same again is no new version. */
async function writeBatch(
  node: RestartableNode,
  apiKey: string,
  { places, round }: { readonly places: readonly number[]; readonly round: number },
): Promise<void> {
  const items = places.map((place) => ({
    identifier: `${PREFIX}/unit-${place}`,
    template: 'part',
    attributes: { partNumber: `unit-${place}`, name: `Round ${round}` },
  }))
  const isDone = async () => {
    const response = await fetch(`${node.url}/v1/identifiers:batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ items }),
      signal: AbortSignal.timeout(30_000),
    })
    if (!response.ok) return false
    const { results } = (await response.json()) as { results: readonly { status: number }[] }
    return results.every(({ status }) => status < 300)
  }
  if (items.length > 0) await until(() => isDone().catch(() => false), `the writing of ${items.length} records`)
}

/** One after the other, spread over the telling, the other side in between. */
async function killInTurn(
  sides: readonly RestartableNode[],
  { kills, registrations, say, db }: UpwardStormOptions & { readonly db: Database },
): Promise<number> {
  const all = kills * sides.length
  for (let kill = 0; kill < all; kill += 1) {
    const due = (registrations * (kill + 1)) / (all + 2)
    await until(async () => (await appliedIn(db)) >= due, `${Math.round(due)} effects above`)
    await sides[kill % sides.length]!.kill()
    await sides[kill % sides.length]!.start()
    say(`Killed the ${kill % sides.length === 0 ? 'top-level' : 'secondary'} node after ${Math.round(due)} effects.`)
  }
  return all
}

async function appliedIn(db: Database): Promise<number> {
  const [row] = await db.query<{ applied: number }>(
    'select coalesce(sum(applied_count), 0)::bigint as applied from delegate',
  )
  return row!.applied
}

async function isWalked(db: Database): Promise<boolean> {
  const [row] = await db.query<{ walk: string | null }>('select walk from propagation')
  return row !== undefined && row.walk === null
}

async function isAllTold(db: Database): Promise<boolean> {
  const [row] = await db.query<{ told: boolean }>(
    `select c.xid >= (select max(xid) from change)
       and c.ordinal >= (select cardinality(keys) from change order by xid desc limit 1) as told
     from change_consumer c where name = 'upward'`,
  )
  return row?.told ?? false
}

type Audit = Omit<UpwardStormResult, 'calls' | 'failedCalls' | 'kills' | 'tookMs'>

interface Row {
  readonly key: string
  readonly version: number
  readonly state: number
}

async function audit(above: Database, below: Database): Promise<Audit> {
  const here = await below.query<Row>(`select key, version, state from identifier where key not like '0.na/%'`)
  const there = await above.query<Row>('select key, version, state from delegate_identifier')
  const known = new Map(there.map((row) => [row.key, row]))
  const isSame = ({ key, version, state }: Row) =>
    known.get(key)?.version === version && known.get(key)?.state === state
  const prefixes = await below.query<{ version: number }>('select version from prefix')
  const [told] = await above.query<Pick<Audit, 'applied' | 'repeated' | 'refused'>>(
    'select applied_count as applied, repeated_count as repeated, refused_count as refused from delegate',
  )
  const [effects] = await above.query<{ keys: number }>('select count(distinct key) as keys from effect')
  const pending = await below.query<{ count: number }>('select count(*) as count from propagation_refusal')
  return {
    ...told!,
    identifiers: here.length,
    versions: sum(here) + sum(prefixes),
    different: here.filter((row) => !isSame(row)).length + Math.abs(there.length - here.length),
    disorder: effects!.keys - there.length,
    notAcknowledged: pending[0]!.count,
  }
}

function sum(rows: readonly { readonly version: number }[]): number {
  return rows.reduce((total, { version }) => total + version, 0)
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS
  while (!(await isSo())) {
    if (performance.now() > giveUpAtMs) throw new Error(`Waited in vain for ${what}.`)
    await delay(20)
  }
}
