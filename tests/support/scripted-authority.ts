/** An authority whose records, changes and outages the test scripts; it keeps a change feed as the registry does. */
import { NodeError } from '../../src/platform/errors.js'
import type { Absent, Answer, Found, Withdrawn } from '../../src/record/answer.js'
import type { ChangeKnowledge, FeedRow, Poll } from '../../src/resolution/change-knowledge.js'
import type { Resolve } from '../../src/resolution/resolve.js'

export interface ScriptedAuthority {
  readonly resolve: Resolve
  /** How many look-ups reached it. */
  asked(): number
  /** Commits a new version with this text as its value; the transaction's id. */
  holds(key: string, text: string): number
  withdraws(key: string): number
  changesPrefix(prefix: string): number
  goesDown(): void
  comesBack(): void
  /** Look-ups from now on read what is there, but their replies wait for the release that is returned. */
  delaysReplies(): () => void
  poll(): Poll
}

export function scriptedAuthority(knowledge: () => ChangeKnowledge): ScriptedAuthority {
  const answers = new Map<string, Omit<Found, 'stamp'> | Omit<Withdrawn, 'stamp'>>()
  const feed: FeedRow[] = [{ xid: 1, keys: [], versions: [] }]
  let nextXid = 2
  let asked = 0
  let down = false
  let gate: Promise<void> = Promise.resolve()

  function commit(keys: readonly string[], versions: readonly number[]): number {
    const xid = nextXid++
    feed.push({ xid, keys, versions })
    return xid
  }

  function read(key: string, stamp: number): Answer {
    const held = answers.get(key)
    const absent: Absent = { kind: 'absent', key, prefix: prefixOf(key), version: 0, tier: 'registry', stamp }
    return held === undefined ? absent : ({ ...held, stamp } as Answer)
  }

  return {
    resolve: async (query) => {
      asked += 1
      if (down) throw new NodeError('authority-unavailable', 'the scripted authority is down')
      const answer = read(query.identifier.key, knowledge().mark)
      await gate
      return answer
    },
    asked: () => asked,
    holds(key, text) {
      const version = (answers.get(key)?.version ?? 0) + 1
      answers.set(key, foundAnswer(key, version, text))
      return commit([`i:${key}`], [version])
    },
    withdraws(key) {
      const version = (answers.get(key)?.version ?? 0) + 1
      const prefix = prefixOf(key)
      answers.set(key, {
        kind: 'withdrawn',
        key,
        prefix,
        version,
        tier: 'registry',
        spelling: key,
        withdrawnAtMs: 0,
        reason: 'scrapped',
      })
      return commit([`i:${key}`], [version])
    },
    changesPrefix: (prefix) => commit([`p:${prefix}`], [1]),
    goesDown() {
      down = true
    },
    comesBack() {
      down = false
    },
    delaysReplies() {
      let release!: () => void
      gate = new Promise((resolve) => {
        release = resolve
      })
      return () => {
        gate = Promise.resolve()
        release()
      }
    },
    poll: () => ({ epoch: 'E1', xmin: nextXid, floor: 1, rows: feed }),
  }
}

function foundAnswer(key: string, version: number, text: string): Omit<Found, 'stamp'> {
  const value = { index: 1, type: 'URL', data: text, ttlSeconds: 60, permissions: 14, timestampSeconds: 0 }
  const prefix = prefixOf(key)
  const record = {
    key,
    spelling: key,
    prefix,
    version,
    template: '',
    values: [value],
    registeredAtMs: 0,
    recordedAtMs: 0,
  }
  return { kind: 'found', key, prefix, version, tier: 'registry', record }
}

function prefixOf(key: string): string {
  return key.slice(0, key.indexOf('/'))
}
