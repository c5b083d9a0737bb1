/**
 * The lab's Postgres: the embedded one, over a data folder of its own, with every process of it at hand for signals.
 * Killed, it is started again on the same port by its keeper, and recovers what it had acknowledged.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { type Database, openDatabase } from '../../src/platform/postgres.js'

export interface PostgresServer {
  /** Straight, past all proxies. */
  readonly url: string
  readonly port: number
  /** Straight, with patience. */
  readonly db: Database
  /** To the server and all processes it has. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void
  /** Resolves when statements are answered. */
  untilUp(): Promise<void>
  stop(): Promise<void>
}

const UP_WITHIN_MS = 60_000
const POLL_MS = 50

export async function startPostgres(): Promise<PostgresServer> {
  // Named so that a later run of the tests sweeps it away, should this one be killed (tests/support/global-setup.ts).
  const folder = mkdtempSync(path.join(os.tmpdir(), `jiexi-test-${process.pid}-faults-`))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const server = await startEmbeddedPostgres({ dataFolder: folder }).catch((error) => {
    remove()
    throw error
  })
  const db = openDatabase({ url: server.url, maxConnections: 4, statementTimeoutMs: 30_000 })
  const signal = (name: NodeJS.Signals) => {
    const pid = server.pid()
    if (pid === undefined) return
    // Listed first: children of a dead parent have another one.
    for (const one of [pid, ...childrenOf(pid)]) sendSignal(one, name)
  }
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    db,
    signal,
    untilUp: () => untilAnswered(db),
    stop: async () => {
      signal('SIGCONT')
      await db.close()
      await server.stop()
      remove()
    },
  }
}

async function untilAnswered(db: Database): Promise<void> {
  const giveUpAtMs = performance.now() + UP_WITHIN_MS
  for (;;) {
    try {
      await db.query('select 1 as one')
      return
    } catch (error) {
      if (performance.now() > giveUpAtMs) throw error
      await delay(POLL_MS)
    }
  }
}

/** Each Postgres process has a group and session of its own, so its parent is what tells whose it is. */
function childrenOf(parent: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid, ppid]) => (ppid === parent ? [pid!] : []))
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
