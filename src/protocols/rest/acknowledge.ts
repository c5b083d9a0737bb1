/**
 * When a write is acknowledged: once it is committed or, with `?wait=visible`, once no process of the node can answer older
 * than it. What the query of a write may say is read here too.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Fault } from '../../platform/errors.js'
import type { VisibleWaits } from '../../registry/visible-waits.js'
import { malformedQuery } from './lookup-options.js'

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

export interface Write<Result> {
  readonly reply: FastifyReply
  /** What was asked for: `visible`, or nothing. */
  readonly wait: 'visible' | undefined
  readonly carryOut: () => Promise<Result>
  /** The newest transaction that the result stands for; undefined when nothing is there to be waited for. */
  readonly tokenOf?: (result: Result) => string | undefined
}

/** @throws NodeError what the write throws, and `overloaded` before or `not-yet-visible` after it */
export async function acknowledge<Result>(waits: VisibleWaits, write: Write<Result>): Promise<Result> {
  const { reply, wait, carryOut, tokenOf } = write
  if (wait === undefined) return carryOut()
  const place = waits.takePlace()
  try {
    const result = await carryOut()
    const token = tokenOf?.(result)
    if (tokenOf !== undefined && token === undefined) return result
    // A client that hangs up has nobody waiting for it.
    reply.raw.once('close', place.leave)
    if (reply.raw.closed) place.leave()
    await place.untilVisible(token === undefined ? undefined : Number(token))
    return result
  } finally {
    reply.raw.off('close', place.leave)
    place.leave()
  }
}

/** The query of a write that is read by hand: `wait`, and what else is known there. @throws NodeError `request-malformed` */
export function readWriteQuery(request: FastifyRequest, known: readonly string[] = []): URLSearchParams {
  const url = request.raw.url!
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')
  const names = [...known, 'wait']
  const faults: Fault[] = []
  for (const name of new Set(query.keys())) {
    const field = name.slice(0, 64)
    if (!names.includes(name)) faults.push({ field, reason: `not known in a write; known are ${names.join(', ')}` })
    else if (query.getAll(name).length > 1) faults.push({ field, reason: 'may stand once' })
  }
  const wait = query.get('wait')
  if (wait !== null && wait !== 'visible') faults.push({ field: 'wait', reason: 'can only be wait=visible' })
  if (faults.length > 0) throw malformedQuery(faults)
  return query
}

export function waitIn(query: URLSearchParams): 'visible' | undefined {
  return query.get('wait') === 'visible' ? 'visible' : undefined
}

/** What is written is the same with and without it, so that a retry may wait for what a first try did not wait for. */
export function withoutWait(url: string): string {
  const mark = url.indexOf('?')
  if (mark < 0) return url
  const kept = url
    .slice(mark + 1)
    .split('&')
    .filter((parameter) => parameter !== 'wait=visible')
  return kept.length === 0 ? url.slice(0, mark) : `${url.slice(0, mark)}?${kept.join('&')}`
}
