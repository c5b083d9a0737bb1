/**
 * Postgres: a pool, transactions, dedicated connections and COPY. The only home of `pg` and `pg-copy-streams`.
 *
 * Every statement text is prepared once per connection under its own name, so texts must be constants, never built from
 * input. PgBouncer in transaction mode does not know named statements: `preparedStatements: false` turns them off.
 * Timeouts are measured ones: a hung server is noticed in 700 ms, a full pool in 500 ms.
 */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { type DatabaseHealth, databaseHealth } from './database-health.js'
import { isUnavailable, NodeError } from './errors.js'
import { type KeyedReads, keyedReads, type RawConnection } from './keyed-reads.js'
import { parseTextArray } from './sql-arrays.js'
import { explained } from './sql-errors.js'

export interface Queryable {
  /** Rows as objects. bigint columns arrive as numbers (all of ours stay below 2^53), timestamptz as Date, bytea as Buffer. */
  query<Row extends object = Record<string, unknown>>(text: string, parameters?: readonly unknown[]): Promise<Row[]>
}

declare const transactional: unique symbol

/** Its own type, so that a pool cannot slip in where atomicity is needed. */
export interface Transaction extends Queryable {
  readonly [transactional]: true
  /** Streams lines of COPY text format; resolves when the server has taken them all. */
  copyIn(statement: string, lines: AsyncIterable<string | Buffer> | Iterable<string | Buffer>): Promise<void>
}

/** A connection of its own, for a follower that must not wait behind the pool. */
export interface Connection extends Queryable {
  onLost(listener: (error: Error) => void): void
  /** `payload`: what the notice carries. */
  onNotice(channel: string, listener: (payload: string) => void): Promise<void>
  close(): Promise<void>
}

export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it throws. `timeoutMs` replaces the statement bound for long work. */
  transaction<Result>(
    work: (tx: Transaction) => Promise<Result>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Result>
  connect(): Promise<Connection>
  /** `text` has one parameter, a text[] of keys. For look-ups, where every microsecond counts: see keyed-reads.ts. */
  keyedReads(text: string, connections: number): KeyedReads
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  /** Default 10. */
  readonly maxConnections?: number
  /** Bound on one statement, on both sides of the wire. Default 700 ms for the client, 600 for the server. */
  readonly statementTimeoutMs?: number
  /** Bound on making a connection, or on waiting for one that is free. Default 500. */
  readonly connectTimeoutMs?: number
  /**
   * Default true. `false` suits PgBouncer in transaction mode, which also refuses to pass on our bound on a statement:
   * set the server's side with `alter role … set statement_timeout`.
   */
  readonly preparedStatements?: boolean
}

pg.types.setTypeParser(pg.types.builtins.INT8, Number)
const INT8_ARRAY = 1016 as Parameters<typeof pg.types.setTypeParser>[0]
pg.types.setTypeParser(INT8_ARRAY, (text: string) =>
  text === '{}' ? [] : text.slice(1, -1).split(',').map(numberOrNull),
)

const TEXT_ARRAY = 1009 as Parameters<typeof pg.types.setTypeParser>[0]
const parseAnyTextArray = pg.types.getTypeParser(TEXT_ARRAY) as (text: string) => (string | null)[]
pg.types.setTypeParser(TEXT_ARRAY, (text: string) => parseTextArray(text, parseAnyTextArray))

const CONNECT_TIMEOUT_MS = 500
const CLOSE_TIMEOUT_MS = 1_000
const AWAY = { failures: 3, longMs: 400, probeEveryMs: 250 }

/** @throws NodeError (from every query) `authority-unavailable`, `overloaded`, `storage-full`; other SQL errors as pg's own, with `code` = SQLSTATE. */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 600
  const nameOf = statementNames(options.preparedStatements ?? true)
  const settings: pg.PoolConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + 100,
    ...((options.preparedStatements ?? true) ? { statement_timeout: statementTimeoutMs } : {}),
    keepAlive: true,
    application_name: 'jiexi',
  }
  const pool = new pg.Pool({ ...settings, max: options.maxConnections ?? 10, idleTimeoutMillis: 60_000 })
  // A lost connection is told to whoever asks it next, by the failure of the statement; the events have nothing to add.
  pool.on('error', ignoreLoss)
  const clients = new Set<pg.PoolClient>()
  const readers: KeyedReads[] = []
  pool.on('connect', (client) => clients.add(client.on('error', ignoreLoss)))
  pool.on('remove', (client) => clients.delete(client))
  const health = databaseHealth({ ...AWAY, probe: () => askOnce(settings) })
  const source = { pool, nameOf, health }

  return {
    query: (text, parameters) => runOnPool(source, { text, parameters }),
    transaction: (work, { timeoutMs } = {}) => inTransaction(source, { work, timeoutMs }),
    connect: () => connect(settings, nameOf),
    keyedReads: (text, connections) => {
      const reads = keyedReads({
        text,
        connections,
        isPrepared: options.preparedStatements ?? true,
        timeoutMs: statementTimeoutMs + 100,
        health,
        connect: () => connectRaw(settings),
      })
      readers.push(reads)
      return reads
    },
    close: async () => {
      health.close()
      const all = [closeWithin(pool.end(), () => [...clients]), ...readers.map((reads) => reads.close())]
      await Promise.all(all)
    },
  }
}

/** SQLSTATE of an error the server reported, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

interface Statement {
  readonly text: string
  readonly parameters?: readonly unknown[] | undefined
  readonly timeoutMs?: number | undefined
}

type NameOf = (text: string) => string | undefined

function statementNames(prepared: boolean): NameOf {
  const names = new Map<string, string>()
  return (text) => {
    if (!prepared) return undefined
    let name = names.get(text)
    if (name === undefined) {
      name = createHash('sha1').update(text).digest('hex')
      names.set(text, name)
    }
    return name
  }
}

/** Where sessions come from. */
interface Source {
  readonly pool: pg.Pool
  readonly nameOf: NameOf
  readonly health: DatabaseHealth
}

async function runOnPool<Row extends object>(source: Source, statement: Statement): Promise<Row[]> {
  const session = await checkOut(source)
  try {
    const { rows } = await run<Row>(session, statement)
    return rows
  } finally {
    session.client.release(session.isBroken)
  }
}

async function checkOut({ pool, nameOf, health }: Source): Promise<Session & { readonly client: pg.PoolClient }> {
  health.check()
  // Then it waits for another caller's, and the database is not to blame when none comes free.
  const isFull = pool.totalCount >= pool.options.max && pool.idleCount === 0
  const startedAtMs = performance.now()
  try {
    return { client: await pool.connect(), nameOf, health, isBroken: false }
  } catch (error) {
    const failure = translated(error)
    if (!isFull && isAway(failure)) health.failed(performance.now() - startedAtMs)
    throw failure
  }
}

/** A connection in use. */
interface Session {
  readonly client: pg.ClientBase
  readonly nameOf: NameOf
  /** Told how it goes; absent for a connection that is no measure of the others. */
  readonly health?: DatabaseHealth
  /** Lost, or busy with a statement that nobody waits for any more: not to be used again. */
  isBroken: boolean
}

async function run<Row extends object>(session: Session, statement: Statement): Promise<pg.QueryResult<Row>> {
  const { text, parameters, timeoutMs } = statement
  const name = session.nameOf(text)
  const startedAtMs = performance.now()
  try {
    const result = await session.client.query<Row>({
      text,
      values: parameters as unknown[] | undefined,
      ...(name !== undefined && parameters !== undefined ? { name } : {}),
      ...(timeoutMs !== undefined ? { query_timeout: timeoutMs } : {}),
    } as pg.QueryConfig)
    session.health?.succeeded()
    return result
  } catch (error) {
    throw noted(session, error, performance.now() - startedAtMs)
  }
}

/**
 * After an error that the server reported the connection is as good as before, unless a prepared statement no longer
 * fits: its tables were changed (0A000), or a proxy gave us another server (26000).
 */
function noted(session: Session, error: unknown, tookMs = 0): unknown {
  const isHarmless = error instanceof pg.DatabaseError && error.severity === 'ERROR'
  if (!isHarmless || error.code === '0A000' || error.code === '26000') session.isBroken = true
  const failure = translated(error)
  if (isHarmless) session.health?.succeeded()
  else if (isAway(failure)) session.health?.failed(tookMs)
  return failure
}

/** Not one that has no capacity left: that answers. */
function isAway(failure: unknown): boolean {
  return isUnavailable(failure) && (failure as NodeError).code !== 'overloaded'
}

async function inTransaction<Result>(
  source: Source,
  task: { work: (tx: Transaction) => Promise<Result>; timeoutMs: number | undefined },
): Promise<Result> {
  const session = await checkOut(source)
  const { timeoutMs } = task
  try {
    const bound = timeoutMs === undefined ? '' : `; set local statement_timeout = ${Math.floor(timeoutMs)}`
    await run(session, { text: `begin${bound}` })
    const result = await task.work(transactionOn(session, timeoutMs))
    await commit(session, timeoutMs)
    return result
  } catch (error) {
    if (!session.isBroken) await run(session, { text: 'rollback' }).catch(ignoreLoss)
    throw error
  } finally {
    session.client.release(session.isBroken)
  }
}

async function commit(session: Session, timeoutMs: number | undefined): Promise<void> {
  const { command } = await run(session, { text: 'commit', timeoutMs: clientTimeout(timeoutMs) })
  // The server answers so, without an error, when a statement failed and `work` did not let that show.
  if (command !== 'COMMIT')
    throw new NodeError('internal', 'A statement of the transaction failed; nothing was written.')
}

/** The server's bound comes first: its error leaves the connection usable. */
function clientTimeout(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : timeoutMs + 100
}

function transactionOn(session: Session, timeoutMs: number | undefined): Transaction {
  return {
    query: async <Row extends object>(text: string, parameters?: readonly unknown[]) => {
      const { rows } = await run<Row>(session, { text, parameters, timeoutMs: clientTimeout(timeoutMs) })
      return rows
    },
    copyIn: (statement, lines) => copyIn(session, { statement, lines, timeoutMs: clientTimeout(timeoutMs) }),
  } as Transaction
}

async function copyIn(
  session: Session,
  copy: { statement: string; lines: Parameters<Transaction['copyIn']>[1]; timeoutMs: number | undefined },
): Promise<void> {
  // pg applies its bound to a stream too, and takes it from there.
  const options = copy.timeoutMs === undefined ? {} : { query_timeout: copy.timeoutMs }
  const target = session.client.query(Object.assign(copyFrom(copy.statement), options))
  let source: { error: unknown } | undefined
  const lines = async function* () {
    try {
      yield* copy.lines
    } catch (error) {
      source = { error }
      throw error
    }
  }
  try {
    await pipeline(lines, target)
  } catch (error) {
    // What went wrong in making the lines is not the database's failure: the copy was called off, the connection is good.
    if (source) throw source.error
    throw noted(session, error)
  }
}

/** Whether the database answers, on a connection made for the question. That it has none left to give is an answer. */
async function askOnce(settings: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(settings)
  client.on('error', ignoreLoss)
  try {
    await client.connect()
    await client.query('select 1')
  } catch (error) {
    if (isAway(translated(error))) throw error
  } finally {
    closeWithin(client.end(), () => [client]).catch(ignoreLoss)
  }
}

/** `pg` logs in, with whatever encryption and password that takes, and from then on leaves the bytes alone. */
async function connectRaw(settings: pg.ClientConfig): Promise<RawConnection> {
  const client = new pg.Client(settings)
  client.on('error', ignoreLoss)
  try {
    await client.connect()
  } catch (error) {
    throw translated(error)
  }
  const stream = streamOf(client)
  stream.removeAllListeners('data')
  return { stream, close: () => closeWithin(client.end(), () => [client]) }
}

async function connect(settings: pg.ClientConfig, nameOf: NameOf): Promise<Connection> {
  const client = new pg.Client(settings)
  const listeners: ((error: Error) => void)[] = []
  let lost: Error | undefined
  const lose = (error: Error) => {
    if (lost) return
    lost = error
    for (const listener of listeners) listener(error)
  }
  client.on('error', lose)
  client.on('end', () => lose(new Error('connection closed')))
  try {
    await client.connect()
  } catch (error) {
    throw translated(error)
  }
  const session: Session = { client, nameOf, isBroken: false }
  return {
    query: async <Row extends object>(text: string, parameters?: readonly unknown[]) =>
      (await run<Row>(session, { text, parameters })).rows,
    onLost: (listener) => {
      if (lost) listener(lost)
      else listeners.push(listener)
    },
    onNotice: async (channel, listener) => {
      client.on('notification', (notice) => {
        if (notice.channel === channel) listener(notice.payload ?? '')
      })
      await run(session, { text: `listen ${client.escapeIdentifier(channel)}` })
    },
    close: () => closeWithin(client.end(), () => [client]),
  }
}

/** A server that hangs never answers a goodbye: after a moment the line is cut. */
async function closeWithin(closed: Promise<void>, open: () => readonly pg.ClientBase[]): Promise<void> {
  const cut = setTimeout(() => {
    for (const client of open()) streamOf(client).destroy()
  }, CLOSE_TIMEOUT_MS)
  await closed
  clearTimeout(cut)
}

/** Of TCP, TLS or a unix socket. */
function streamOf(client: pg.ClientBase): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream
}

function numberOrNull(text: string): number | null {
  return text === 'NULL' ? null : Number(text)
}

function ignoreLoss(): void {
  // Whoever uses the connection next is told.
}

function translated(error: unknown): unknown {
  return explained(error, sqlStateOf(error))
}
