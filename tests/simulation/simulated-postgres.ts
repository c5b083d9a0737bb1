/**
 * A Postgres as far as the cache protocol can tell: transaction ids given at the begin and free again after a crash,
 * locks per key, read committed, commits out of the order of ids, snapshots, the change feed with its horizon, crashes,
 * a failover that loses commits, outages, hangs. It answers the node's own statements, known by a phrase of their text.
 */
import type { ColumnReader } from '../../src/platform/keyed-reads.js'
import type { Connection, Database } from '../../src/platform/postgres.js'
import type { FeedRow } from '../../src/resolution/change-knowledge.js'
import type { Ledger, Write, WriteKind } from './ledger.js'
import { type Link, link } from './link.js'
import type { Random } from './random.js'
import { columnsOfFind } from './rows.js'
import type { Settings } from './settings.js'
import type { VirtualTime } from './virtual-time.js'

export interface Change {
  readonly key: string
  readonly kind: WriteKind
}

export interface SimulatedPostgres {
  readonly db: Database
  /** Before the run begins. */
  preload(changes: readonly Change[]): void
  /** Runs one transaction and gives its writes; undefined when it was rolled back. Rejects when nobody knows. */
  write(changes: readonly Change[], replica: number): Promise<readonly Write[] | undefined>
  /** What the receipt of an earlier write names, if that write is in the present history. */
  receiptOf(write: Write): Promise<Write | undefined>
  /** As loadRoutes does: the newest state of every prefix that has one. */
  loadPrefixes(): Promise<readonly Write[]>
  /** Of the present history. */
  epoch(): string
  crash(): void
  failOver(): void
  readonly link: Link
  prune(): void
  /** Holds back every snapshot's xmin. */
  beginLongTransaction(forMs: number): void
}

interface Running {
  readonly xid: number
  isOver: boolean
}

interface Committed extends FeedRow {
  readonly writes: readonly Write[]
}

const NOBODY = -1

export interface PostgresParts {
  readonly time: VirtualTime
  readonly random: Random
  readonly ledger: Ledger
  /** As they are now: the calm at the end has others. */
  readonly settings: () => Settings
}

export function simulatedPostgres({ time, random, ledger, settings }: PostgresParts): SimulatedPostgres {
  const wire = link({ time, random, settings })
  const running = new Set<Running>()
  const locks = new Map<string, (() => void)[]>()
  /** In the order of commits. The first row is the migration's. */
  let feed: Committed[] = [{ xid: 1, keys: [], versions: [], writes: [] }]
  let nextXid = 2
  let horizon = 0
  /** A failover loses no commit from before the last pruning, which is a commit too. */
  let durableRows = 1
  let timeline = 1
  const bounds = new Set<number>()

  const xmin = () => Math.min(nextXid, ...[...running].map(({ xid }) => xid))

  function begin(): Running {
    const transaction = { xid: nextXid++, isOver: false }
    running.add(transaction)
    return transaction
  }

  function end(transaction: Running, keys: readonly string[]): void {
    transaction.isOver = true
    running.delete(transaction)
    for (const key of keys) unlock(key)
  }

  function lock(key: string, acquired: () => void): void {
    const waiting = locks.get(key)
    if (waiting !== undefined) waiting.push(acquired)
    else {
      locks.set(key, [])
      acquired()
    }
  }

  function unlock(key: string): void {
    const next = locks.get(key)?.shift()
    if (next === undefined) locks.delete(key)
    else next()
  }

  /** Takes the locks one after the other, then commits or rolls back. */
  function transact(changes: readonly Change[], by: { replica: number; done: (writes?: readonly Write[]) => void }) {
    const transaction = begin()
    const keys = changes.map(({ key }) => key)
    const step = () => {
      const long = random.chance(0.02) ? 30 : 1
      return random.between(0, settings().transactionMs * long)
    }
    const finish = () => {
      if (transaction.isOver) return
      const isCommitted = !random.chance(0.1)
      const writes = isCommitted ? commit(transaction.xid, changes, by.replica) : undefined
      end(transaction, keys)
      by.done(writes)
    }
    const takeLocks = (from: number) => {
      if (transaction.isOver) return
      if (from === keys.length) return time.after(step(), finish)
      lock(keys[from]!, () => time.after(step(), () => takeLocks(from + 1)))
    }
    time.after(step(), () => takeLocks(0))
  }

  function commit(xid: number, changes: readonly Change[], replica: number): readonly Write[] {
    const writes = changes.map(({ key, kind }) => ledger.commit({ key, kind, xid, replica }, time.nowMs()))
    feed.push({ xid, keys: writes.map(({ key }) => key), versions: writes.map(({ version }) => version), writes })
    return writes
  }

  /** Whatever was running is gone without a trace, ids included. */
  function breakDown(): void {
    for (const transaction of running) transaction.isOver = true
    running.clear()
    locks.clear()
    nextXid = 1 + Math.max(horizon, ...feed.map(({ xid }) => xid))
    wire.breakAll()
  }

  const newestSettled = () => Math.max(0, ...feed.map(({ xid }) => xid).filter((xid) => xid < xmin()))
  const epoch = () => `sim-${timeline}`
  const moment = () => ({ epoch: epoch(), xmin: xmin(), horizon })

  function follow(mark: number): object[] {
    const head = { ...moment(), overflow: random.chance(settings().overflowShare) }
    return rowsOf(head, head.overflow ? [] : feedFrom(mark))
  }

  /** Any floor will do that keeps the newest row below xmin; the real statement picks one by age and size. */
  function lookBack(): object[] {
    const cuts = feed.map(({ xid }) => xid + 1).filter((cut) => cut <= newestSettled())
    const floor = Math.max(horizon, random.chance(0.5) && cuts.length > 0 ? random.pick(cuts) : 0)
    return rowsOf({ ...moment(), floor }, feedFrom(floor))
  }

  function noteBound(boundMs: number): object[] {
    bounds.add(boundMs)
    return []
  }

  const feedFrom = (from: number) => feed.filter(({ xid }) => xid >= from).sort((one, other) => one.xid - other.xid)

  const statements: readonly (readonly [phrase: string, run: (parameters: readonly unknown[]) => object[]])[] = [
    ['as overflow from feed', ([mark]) => follow(mark as number)],
    ['as floor from newest', lookBack],
    ['insert into staleness_bound', ([boundMs]) => noteBound(boundMs as number)],
    ['from staleness_bound', () => [{ largestMs: Math.max(0, ...bounds), epoch: epoch() }]],
  ]

  function query<Row extends object>(text: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const known = statements.find(([phrase]) => text.includes(phrase))
    if (known === undefined) throw new Error(`The simulated Postgres does not know this statement: ${text}`)
    return wire.ask(() => known[1](parameters) as Row[])
  }

  return {
    link: wire,
    db: databaseOf(query, wire, (keys) => columnsOfFind(ledger, keys)),
    preload(changes) {
      const transaction = begin()
      for (const write of commit(transaction.xid, changes, NOBODY)) write.acknowledgedAtMs = time.nowMs()
      end(transaction, [])
    },
    write: (changes, replica) => wire.order((done) => transact(byKey(changes), { replica, done })),
    receiptOf: (write) => wire.ask(() => (ledger.versionsOf(write.key).includes(write) ? write : undefined)),
    loadPrefixes: () => wire.ask(() => allNewest(ledger)),
    epoch,
    crash: breakDown,
    failOver() {
      const lost = feed.slice(durableRows).slice(-random.below(4) - 1)
      ledger.lose(lost.flatMap(({ writes }) => writes).reverse(), time.nowMs())
      feed = feed.filter((row) => !lost.includes(row))
      timeline += 1
      breakDown()
    },
    prune() {
      const bound = random.chance(0.5) ? newestSettled() : random.below(newestSettled() + 1)
      if (bound <= horizon) return
      horizon = bound
      feed = feed.filter(({ xid }) => xid >= bound)
      durableRows = feed.length
    },
    beginLongTransaction(forMs) {
      const transaction = begin()
      time.after(forMs, () => {
        if (!transaction.isOver) end(transaction, [])
      })
    },
  }
}

/** Locks are taken in the order of the keys, so that there are no deadlocks. */
function byKey(changes: readonly Change[]): readonly Change[] {
  return changes.toSorted((one, other) => (one.key < other.key ? -1 : 1))
}

function rowsOf(head: object, rows: readonly FeedRow[]): object[] {
  if (rows.length === 0) return [{ ...head, xid: null, keys: null, versions: null }]
  return rows.map(({ xid, keys, versions }) => ({ ...head, xid, keys, versions }))
}

function allNewest(ledger: Ledger): readonly Write[] {
  return ledger.keys('p:').flatMap((key) => ledger.newest(key) ?? [])
}

function databaseOf(
  query: Database['query'],
  wire: Link,
  find: (keys: readonly string[]) => readonly ColumnReader[],
): Database {
  const unused = () => Promise.reject(new Error('not part of the simulation'))
  return {
    query,
    keyedReads(text) {
      if (!text.includes('as wanted (key, place)')) throw new Error(`The simulated Postgres does not know: ${text}`)
      return { read: (keys) => wire.ask(() => find(keys)), close: () => Promise.resolve() }
    },
    transaction: unused,
    close: () => Promise.resolve(),
    connect: () =>
      wire.ask((): Connection => {
        return { query, onLost: wire.onBreak, onNotice: unused, close: () => Promise.resolve() }
      }),
  }
}
