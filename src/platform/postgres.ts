/**
 * Postgres: a pool, transactions, dedicated connections and COPY. The only home of `pg` and `pg-copy-streams`.
 *
 * Every statement text is prepared once per connection under its own name, so texts must be constants, never built from
 * input. PgBouncer in transaction mode does not know named statements: `preparedStatements: false` turns them off.
 * Timeouts are measured ones: a hung server is noticed in 700 ms, a full pool in 500 ms.
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { NodeError } from './errors.js'

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
  onNotice(channel: string, listener: () => void): Promise<void>
  close(): Promise<void>
}

export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it throws. `timeoutMs` replaces the statement bound for long work. */
  transaction<Result>(
    work: (tx: Transaction) => Promise<Result>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Result>
  connect(): Promise<Connection>
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly url: string
  /** Default 10. */
  readonly maxConnections?: number
  /** Bound on one statement, on both sides of the wire. Default 700 ms for the client, 600 for the server. */
  readonly statementTimeoutMs?: number
  /** Default true. */
  readonly preparedStatements?: boolean
}

pg.types.setTypeParser(pg.types.builtins.INT8, Number)
const INT8_ARRAY = 1016 as Parameters<typeof pg.types.setTypeParser>[0]
pg.types.setTypeParser(INT8_ARRAY, (text: string) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(Number)))

const CONNECT_TIMEOUT_MS = 500

/** @throws NodeError (from every query) `authority-unavailable`, `overloaded`, `storage-full`; other SQL errors as pg's own, with `code` = SQLSTATE. */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 600
  const statements = statementNames(options.preparedStatements ?? true)
  const settings: pg.PoolConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + 100,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
    application_name: 'jiexi',
  }
  const pool = new pg.Pool({ ...settings, max: options.maxConnections ?? 10, idleTimeoutMillis: 60_000 })
  // An idle connection that dies is replaced at the next query; the error has no other listener.
  pool.on('error', ignoreIdleLoss)

  return {
    query: (text, parameters) => run(pool, statements, { text, parameters }),
    transaction: (work, { timeoutMs } = {}) => inTransaction(pool, statements, { work, timeoutMs }),
    connect: () => connect(settings, statements),
    close: () => pool.end(),
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

async function run<Row extends object>(
  on: pg.Pool | pg.ClientBase,
  nameOf: NameOf,
  statement: Statement,
): Promise<Row[]> {
  const { text, parameters, timeoutMs } = statement
  const name = nameOf(text)
  try {
    const result = await on.query<Row>({
      text,
      values: parameters as unknown[] | undefined,
      ...(name !== undefined && parameters !== undefined ? { name } : {}),
      ...(timeoutMs !== undefined ? { query_timeout: timeoutMs } : {}),
    } as pg.QueryConfig)
    return result.rows
  } catch (error) {
    throw translated(error)
  }
}

async function inTransaction<Result>(
  pool: pg.Pool,
  nameOf: NameOf,
  task: { work: (tx: Transaction) => Promise<Result>; timeoutMs: number | undefined },
): Promise<Result> {
  const client = await pool.connect().catch((error: unknown) => {
    throw translated(error)
  })
  // A connection lost between two statements is told by the next statement's failure.
  client.on('error', ignoreIdleLoss)
  let broken = false
  const { timeoutMs } = task
  try {
    await run(client, nameOf, { text: 'begin' })
    if (timeoutMs !== undefined)
      await run(client, nameOf, { text: `set local statement_timeout = ${Math.floor(timeoutMs)}` })
    const result = await task.work(transactionOn(client, nameOf, timeoutMs))
    await run(client, nameOf, { text: 'commit', timeoutMs: timeoutMs === undefined ? undefined : timeoutMs + 100 })
    return result
  } catch (error) {
    // After a time-out the connection may still be busy with the lost statement: only a clean rollback returns it to the pool.
    await run(client, nameOf, { text: 'rollback' }).catch(() => {
      broken = true
    })
    throw error
  } finally {
    client.off('error', ignoreIdleLoss)
    client.release(broken)
  }
}

function transactionOn(client: pg.PoolClient, nameOf: NameOf, timeoutMs: number | undefined): Transaction {
  const clientTimeoutMs = timeoutMs === undefined ? undefined : timeoutMs + 100
  return {
    query: (text, parameters) => run(client, nameOf, { text, parameters, timeoutMs: clientTimeoutMs }),
    copyIn: async (statement, lines) => {
      try {
        await pipeline(lines, client.query(copyFrom(statement)))
      } catch (error) {
        throw translated(error)
      }
    },
  } as Transaction
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
  return {
    query: (text, parameters) => run(client, nameOf, { text, parameters }),
    onLost: (listener) => {
      if (lost) listener(lost)
      else listeners.push(listener)
    },
    onNotice: async (channel, listener) => {
      client.on('notification', (notice) => {
        if (notice.channel === channel) listener()
      })
      await run(client, nameOf, { text: `listen ${client.escapeIdentifier(channel)}` })
    },
    close: () => client.end(),
  }
}

function ignoreIdleLoss(): void {
  // The next use of the pool reports it to whoever asked.
}

/** What the caller can act on becomes a NodeError; an error of ours in SQL stays what it is. */
function translated(error: unknown): unknown {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof NodeError) return error
  const state = sqlStateOf(error)
  if (state === undefined || state.startsWith('08') || state.startsWith('57')) {
    return new NodeError('authority-unavailable', 'The database gave no answer. Try again shortly.', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  if (state === '53100')
    return new NodeError('storage-full', 'The database has no space left; nothing was written.', { cause: error })
  if (state.startsWith('53')) {
    return new NodeError('overloaded', 'The database has no capacity left at the moment.', {
      cause: error,
      retryAfterSeconds: 1,
    })
  }
  return error
}
