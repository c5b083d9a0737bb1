/** What is in the registry when the storm is over, as a node tells it: every version of every identifier, with its content. */
import { contentIn } from './catalogue.js'
import { HttpLine, type Reply } from './http-line.js'
import type { StoredVersion } from './record.js'

export interface AuditOptions {
  readonly port: number
  readonly keys: readonly string[]
  /** Numbers of the keys to look at. */
  readonly wanted: Iterable<number>
}

const LINES = 8
const PATIENCE_MS = 10_000

/** @throws Error when the node, which is well now, does not answer */
export async function audit({ port, keys, wanted }: AuditOptions): Promise<Map<number, readonly StoredVersion[]>> {
  const stored = new Map<number, readonly StoredVersion[]>()
  const queue = [...wanted]
  const work = async () => {
    const line = new HttpLine(port)
    for (let key = queue.pop(); key !== undefined; key = queue.pop())
      stored.set(key, await versionsOf(line, keys[key]!))
    line.close()
  }
  await Promise.all(Array.from({ length: LINES }, work))
  return stored
}

interface Summary {
  readonly version: number
  readonly state: 'registered' | 'withdrawn'
  readonly contentSha256: string | null
  readonly reason: string | null
}

async function versionsOf(line: HttpLine, spelling: string): Promise<StoredVersion[]> {
  const summaries = await summariesOf(line, spelling)
  const versions: StoredVersion[] = []
  for (const { version, state, contentSha256, reason } of summaries.reverse()) {
    const text =
      state === 'withdrawn' ? (reason ?? '') : (await get(line, `/v1/identifiers/${spelling}?version=${version}`)).body
    versions.push({ version, state, digest: contentSha256, content: contentIn(text) })
  }
  return versions
}

/** Newest first. */
async function summariesOf(line: HttpLine, spelling: string): Promise<Summary[]> {
  const summaries: Summary[] = []
  for (let before: string | null = ''; before !== null; ) {
    const reply = await get(line, `/v1/history/${spelling}?limit=1000${before === '' ? '' : `&before=${before}`}`)
    if (reply.status === 404) return []
    const page = JSON.parse(reply.body) as { items: Summary[]; next?: string | null }
    summaries.push(...page.items)
    before = page.next ?? null
  }
  return summaries
}

async function get(line: HttpLine, path: string): Promise<Reply> {
  const reply = await line.ask({ method: 'GET', path }, PATIENCE_MS)
  if (typeof reply === 'string') throw new Error(`${path}: no answer (${reply})`)
  if (reply.status !== 200 && reply.status !== 404) throw new Error(`${path}: ${reply.status} ${reply.body}`)
  return reply
}
