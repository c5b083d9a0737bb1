/** What happens to Postgres. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Connection, openDatabase, type Transaction } from '../../src/platform/postgres.js'
import type { Heal, Inflictions } from './inflict.js'
import type { PostgresServer } from './postgres-server.js'

const ABORTED_TRANSACTIONS = 20
const LONGEST_TRANSACTION_MS = 300_000

export const POSTGRES_INFLICTIONS: Inflictions<'postgres'> = {
  'postgres.stop': async ({ postgres }) => {
    postgres.signal('SIGSTOP')
    return () => postgres.signal('SIGCONT')
  },
  'postgres.kill': async ({ postgres }) => {
    // Their numbers were given out and are on no disk: after the crash they are given out again.
    for (let at = 0; at < ABORTED_TRANSACTIONS; at += 1) await abortedTransaction(postgres, writeToFeed)
    postgres.signal('SIGKILL')
    return postgres.untilUp
  },
  'postgres.crash': async ({ postgres }) => {
    postgres.signal('SIGKILL')
    return postgres.untilUp
  },
  'postgres.hold': async ({ postgres }) => held(postgres, writeToFeed),
  'postgres.lock-records': async ({ postgres }) => held(postgres, lock('identifier')),
  'postgres.lock-feed': async ({ postgres }) => held(postgres, lock('change')),
  'postgres.crowd': async ({ postgres, nodes }) => {
    const crowd = crowdAt(postgres)
    await crowd.untilFull()
    for (const node of nodes) node.postgresProxy.reset()
    return crowd.leave
  },
}

type Work = (tx: Transaction) => Promise<unknown>

/** As if for a key of nobody's. */
const writeToFeed: Work = (tx) =>
  tx.query("insert into change (keys, versions) values (array['i:88.300.1/nobody'], array[1])")

function lock(table: 'identifier' | 'change'): Work {
  return (tx) => tx.query(`lock table ${table} in access exclusive mode`)
}

/** Does it in a transaction that stays open until it is healed, and is then taken back. */
async function held(postgres: PostgresServer, work: Work): Promise<Heal> {
  let release: (() => void) | undefined
  const until = new Promise<void>((resolve) => {
    release = resolve
  })
  const over = abortedTransaction(postgres, work, until)
  return () => {
    release?.()
    return over
  }
}

async function abortedTransaction({ db }: PostgresServer, work: Work, until?: Promise<void>): Promise<void> {
  const abort = new Error('as intended')
  const transaction = db.transaction(
    async (tx) => {
      await work(tx)
      await until
      throw abort
    },
    { timeoutMs: LONGEST_TRANSACTION_MS },
  )
  // Whether it ended by our hand or with the server makes no difference.
  await transaction.catch(() => undefined)
}

const CROWD_PAUSE_MS = 10

/** Takes every connection that is to be had, at once and whenever one gets free. */
function crowdAt({ url }: PostgresServer) {
  const db = openDatabase({ url })
  const taken: Connection[] = []
  let isOver = false
  let full: (() => void) | undefined
  const isFull = new Promise<void>((resolve) => {
    full = resolve
  })
  const take = async () => {
    while (!isOver) {
      try {
        taken.push(await db.connect())
      } catch {
        full?.()
        await delay(CROWD_PAUSE_MS)
      }
    }
  }
  const taking = take()
  return {
    untilFull: () => isFull,
    async leave() {
      isOver = true
      await taking
      await Promise.all(taken.map((connection) => connection.close()))
      await db.close()
    },
  }
}
