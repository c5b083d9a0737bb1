/**
 * One statement, asked for rows by lists of keys, over connections of its own that do nothing else. It costs a quarter of
 * the same statement on the pool: nothing is checked out, described or turned into objects (codec-postgres.ts).
 *
 * A connection has one statement under way. It is made when it is first needed, and anew after it was lost; a reply that
 * is late ends it, since nothing says when it would come. A read whose connection was lost is sent once more: a backend
 * that was ended, or a table that was changed, is nothing that callers need know of.
 */
import type { Duplex } from 'node:stream'
import {
  type BinaryRow,
  type ColumnReader,
  encodeParse,
  encodeRead,
  type ReplyEvents,
  ReplyReader,
  type ReportedError,
} from './codec-postgres.js'
import type { DatabaseHealth } from './database-health.js'
import { NodeError } from './errors.js'
import { explained } from './sql-errors.js'

export type { ColumnReader } from './codec-postgres.js'

export interface KeyedReads {
  /** @throws NodeError as `Database.query`; other SQL errors with `code` = SQLSTATE */
  read(keys: readonly string[]): Promise<readonly ColumnReader[]>
  close(): Promise<void>
}

/** A connection that is logged in and idle, its bytes untouched by others from now on. */
export interface RawConnection {
  readonly stream: Duplex
  close(): Promise<void>
}

export interface KeyedReadsOptions {
  /** Its one parameter, $1, is a text[]. */
  readonly text: string
  readonly connections: number
  /** False: prepare anew with each read, which PgBouncer's transaction mode needs. */
  readonly isPrepared: boolean
  /** From the sending of a statement to the end of its reply. */
  readonly timeoutMs: number
  readonly health: DatabaseHealth
  /** @throws NodeError */
  connect(): Promise<RawConnection>
}

const STATEMENT = 'read'
/** A prepared statement whose tables were changed, or that a proxy sent to another server. */
const NO_LONGER_FITS: ReadonlySet<string> = new Set(['0A000', '26000'])

/** The connection was lost, or given up because the reply was late: then this says after how long. */
class NoReply extends Error {
  readonly lateMs: number

  constructor(cause: Error, lateMs = 0) {
    super(cause.message, { cause })
    this.lateMs = lateMs
  }
}

export function keyedReads(options: KeyedReadsOptions): KeyedReads {
  const { health } = options
  const lanes = Array.from({ length: options.connections }, () => new Lane(options))
  const idle = [...lanes]
  const waiting: ((lane: Lane) => void)[] = []

  function release(lane: Lane): void {
    const next = waiting.shift()
    if (next) next(lane)
    else idle.push(lane)
  }

  async function readOn(lane: Lane, keys: readonly string[]): Promise<readonly ColumnReader[]> {
    try {
      return await lane.read(keys)
    } catch (error) {
      if (!(error instanceof NoReply)) throw error
      if (error.lateMs > 0) throw failureOf(error)
    }
    return lane.read(keys).catch((error: unknown) => {
      throw error instanceof NoReply ? failureOf(error) : error
    })
  }

  function failureOf({ cause, lateMs }: NoReply): unknown {
    health.failed(lateMs)
    return explained(cause, undefined)
  }

  return {
    async read(keys) {
      health.check()
      // The one used last: what little there is to do stays on few connections.
      const lane = idle.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)))
      try {
        return await readOn(lane, keys)
      } finally {
        release(lane)
      }
    },
    close: async () => {
      await Promise.all(lanes.map((lane) => lane.close()))
    },
  }
}

interface UnderWay {
  readonly rows: BinaryRow[]
  readonly timer: NodeJS.Timeout
  error?: ReportedError
  resolve(rows: readonly BinaryRow[]): void
  reject(error: unknown): void
}

class Lane implements ReplyEvents {
  readonly #options: KeyedReadsOptions
  #connection: RawConnection | undefined
  #underWay: UnderWay | undefined
  #isClosed = false

  constructor(options: KeyedReadsOptions) {
    this.#options = options
  }

  async read(keys: readonly string[]): Promise<readonly ColumnReader[]> {
    if (this.#isClosed) throw closed()
    const connection = this.#connection ?? (await this.#open())
    const { text, isPrepared } = this.#options
    const message = isPrepared
      ? encodeRead(STATEMENT, keys)
      : Buffer.concat([encodeParse('', text), encodeRead('', keys)])
    return this.#send(connection, message)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const closing = this.#connection
    this.#connection = undefined
    this.#fail(new Error('the connection is being closed'))
    await closing?.close()
  }

  row(row: BinaryRow): void {
    this.#underWay?.rows.push(row)
  }

  failed(error: ReportedError): void {
    if (this.#underWay) this.#underWay.error = error
    // A fatal one is followed by the end of the connection.
    if (error.severity !== 'ERROR') this.#lose(errorOf(error))
  }

  ready(): void {
    const done = this.#underWay
    if (done === undefined) return
    this.#underWay = undefined
    clearTimeout(done.timer)
    this.#options.health.succeeded()
    const { error } = done
    if (error === undefined) {
      done.resolve(done.rows)
    } else if (NO_LONGER_FITS.has(error.code)) {
      this.#lose(errorOf(error))
      done.reject(new NoReply(errorOf(error)))
    } else {
      done.reject(explained(errorOf(error), error.code))
    }
  }

  async #open(): Promise<RawConnection> {
    const { text, isPrepared } = this.#options
    const connection = await this.#connect()
    if (this.#isClosed) {
      await connection.close()
      throw closed()
    }
    const { stream } = connection
    const reader = new ReplyReader(this)
    stream.on('data', (chunk: Buffer) => {
      if (this.#connection !== connection) return
      try {
        reader.feed(chunk)
      } catch (error) {
        this.#lose(error as Error)
      }
    })
    const lose = (error?: Error) => {
      if (this.#connection === connection) this.#lose(error ?? new Error('the server closed the connection'))
    }
    stream.on('error', lose)
    stream.on('close', () => lose())
    this.#connection = connection
    if (isPrepared) stream.write(encodeParse(STATEMENT, text))
    return connection
  }

  async #connect(): Promise<RawConnection> {
    const startedAtMs = performance.now()
    try {
      return await this.#options.connect()
    } catch (error) {
      // One that has no connection left to give does answer.
      if (error instanceof NodeError && error.code === 'authority-unavailable') {
        this.#options.health.failed(performance.now() - startedAtMs)
      }
      throw error
    }
  }

  #send({ stream }: RawConnection, message: Buffer): Promise<readonly BinaryRow[]> {
    const { timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const underWay: UnderWay = { rows: [], timer: setTimeout(() => setImmediate(late), timeoutMs), resolve, reject }
      // After a pause of this process the timer comes first, and then what has arrived meanwhile, which may be the reply.
      const late = () => {
        if (this.#underWay === underWay) this.#lose(new Error(`no reply in ${timeoutMs} ms`), timeoutMs)
      }
      this.#underWay = underWay
      stream.write(message)
    })
  }

  #lose(error: Error, lateMs = 0): void {
    const lost = this.#connection
    this.#connection = undefined
    lost?.stream.destroy()
    this.#fail(error, lateMs)
  }

  #fail(error: Error, lateMs = 0): void {
    const failed = this.#underWay
    this.#underWay = undefined
    if (failed === undefined) return
    clearTimeout(failed.timer)
    failed.reject(new NoReply(error, lateMs))
  }
}

function errorOf({ code, message }: ReportedError): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code })
}

function closed(): NodeError {
  return new NodeError('authority-unavailable', 'The connections to the database are closed.')
}
