/**
 * When a write is acknowledged: once it is committed; with `?wait=visible`, once no process of the node can answer older
 * than it; with `?wait=acknowledged`, once the node above has taken it, or refused it. Its token goes out with every answer, also with the refusal of one that could not be waited for.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Fault } from '../../platform/errors.js'
import type { Registry } from '../../registry/registry.js'
import { TOKEN_HEADER } from './demands.js'
import type { RestOptions } from './door-options.js'
import { malformedQuery, queryIn } from './lookup-options.js'

/** For routes whose query is checked against a schema. */
export const WaitQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Literal('visible', {
        description: 'acknowledge only when no replica can answer older than this write: the freshness bound T later',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Likewise, for what the node above is told of. */
export const UpwardWaitQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Enum(['visible', 'acknowledged'], {
        description:
          'visible: acknowledge only when no replica can answer older than this write; acknowledged: when the node above has taken or refused it, within 10 s (202 otherwise)',
      }),
    ),
  },
  { additionalProperties: false },
)

export type Wait = 'visible' | 'acknowledged' | undefined

export interface Write<Result> {
  readonly reply: FastifyReply
  readonly wait: Wait
  readonly carryOut: () => Promise<Result>
  /** The newest transaction that the result stands for, where it is known; undefined: nothing is there to wait for. */
  readonly standsFor: (result: Result) => { readonly xid?: number | undefined } | undefined
}

export interface Acknowledged<Result> {
  readonly result: Result
  /** The token of a transaction of this write. */
  tokenOf(xid: number): string
}

type WaitingDoor = Pick<RestOptions, 'waits' | 'tokens' | 'upward'>

/**
 * @throws NodeError what the write throws, `overloaded` and `request-malformed` (nobody is there to wait for) before it,
 *   `not-yet-visible` or `not-yet-acknowledged` after it
 */
export async function acknowledge<Result>(
  door: WaitingDoor,
  { reply, wait, carryOut, standsFor }: Write<Result>,
): Promise<Acknowledged<Result>> {
  const { tokens } = door
  const place = placeFor(door, wait)
  try {
    const tokenOf = tokens.begin()
    const result = await carryOut()
    const written = standsFor(result)
    if (written?.xid !== undefined) reply.header(TOKEN_HEADER, tokenOf(written.xid))
    if (written !== undefined && place !== undefined) await waitAt(place, reply, written.xid)
    return { result, tokenOf }
  } finally {
    place?.leave()
  }
}

interface Place {
  /** What the write stands for is so, or the place was left. */
  until(xid: number | undefined): Promise<void>
  leave(): void
}

/** A place among those who wait, taken before anything is written. */
function placeFor({ waits, upward }: WaitingDoor, wait: Wait): Place | undefined {
  if (wait === undefined) return undefined
  if (wait === 'visible') {
    const { untilVisible, leave } = waits.takePlace()
    return { until: untilVisible, leave }
  }
  if (upward === undefined)
    throw malformedQuery([{ field: 'wait', reason: 'this node tells no node above of what it holds' }])
  const { untilAcknowledged, leave } = upward.waits.takePlace()
  // A transaction that is not known changed nothing that could be told.
  return { until: async (xid) => (xid === undefined ? undefined : untilAcknowledged(xid)), leave }
}

async function waitAt(place: Place, { raw }: FastifyReply, xid: number | undefined): Promise<void> {
  // Of a client that hangs up nothing is left.
  raw.once('close', place.leave)
  if (raw.closed) place.leave()
  try {
    await place.until(xid)
  } finally {
    raw.off('close', place.leave)
  }
}

/** For commands that do not tell which transaction was theirs. */
export async function administer<Result>(
  door: RestOptions,
  asked: { readonly reply: FastifyReply; readonly wait: Wait },
  command: (registry: Registry) => Promise<Result>,
): Promise<Result> {
  let xid: number | undefined
  const registry: Registry = {
    ...door.registry,
    committed(change) {
      xid = change.xid
      door.registry.committed(change)
    },
  }
  const write = { ...asked, carryOut: () => command(registry), standsFor: () => ({ xid }) }
  return (await acknowledge(door, write)).result
}

/** The query of a write that is read by hand: `wait`, and what else is known there. @throws NodeError `request-malformed` */
export function readWriteQuery(request: FastifyRequest, known: readonly string[] = []): URLSearchParams {
  const query = new URLSearchParams(queryIn(request.raw.url!))
  const names = [...known, 'wait']
  const faults: Fault[] = []
  for (const name of new Set(query.keys())) {
    const field = name.slice(0, 64)
    if (!names.includes(name)) faults.push({ field, reason: `not known in a write; known are ${names.join(', ')}` })
    else if (query.getAll(name).length > 1) faults.push({ field, reason: 'may stand once' })
  }
  const wait = query.get('wait')
  if (wait !== null && !isWait(wait))
    faults.push({ field: 'wait', reason: 'can only be wait=visible or wait=acknowledged' })
  if (faults.length > 0) throw malformedQuery(faults)
  return query
}

export function waitIn(query: URLSearchParams): Wait {
  const wait = query.get('wait')
  return isWait(wait) ? wait : undefined
}

function isWait(wait: string | null): wait is NonNullable<Wait> {
  return wait === 'visible' || wait === 'acknowledged'
}

/** What is written is the same with and without it, so that a retry may wait for what a first try did not wait for. */
export function withoutWait(url: string): string {
  const mark = url.indexOf('?')
  if (mark < 0) return url
  const kept = url
    .slice(mark + 1)
    .split('&')
    .filter((parameter) => parameter !== 'wait=visible' && parameter !== 'wait=acknowledged')
  return kept.length === 0 ? url.slice(0, mark) : `${url.slice(0, mark)}?${kept.join('&')}`
}
