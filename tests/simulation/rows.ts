/** Answers to the registry's look-up statement, as rows of its table; and back: which write an answer shows. */

import type { ColumnReader } from '../../src/platform/keyed-reads.js'
import type { Answer } from '../../src/record/answer.js'
import { encodeValues } from '../../src/record/codec.js'
import { REGISTERED, WITHDRAWN } from '../../src/registry/write-upsert.js'
import type { Ledger, Write } from './ledger.js'

export function columnsOfFind(ledger: Ledger, keys: readonly string[]): ColumnReader[] {
  return keys.flatMap((key, index) => {
    const newest = ledger.newest(`i:${key}`)
    return newest === undefined ? [] : columns([index + 1, ...columnsOf(newest)])
  })
}

/** version, state, spelling, template, body, reason, registered_at, recorded_at */
function columnsOf({ id, version, kind }: Write): readonly Column[] {
  const isRegistered = kind === 'found'
  const state = isRegistered ? REGISTERED : WITHDRAWN
  return [version, state, undefined, '', isRegistered ? bodyOf(id) : undefined, isRegistered ? undefined : id, 0, 0]
}

type Column = number | string | Buffer | undefined

function columns(list: readonly Column[]): ColumnReader {
  let at = 0
  const next = () => list[at++]
  return {
    integer: () => next() as number,
    text: () => next() as string | undefined,
    octets: () => next() as Buffer | undefined,
    timeMs: () => next() as number,
  }
}

function bodyOf(id: string): Buffer {
  const value = { index: 1, type: 'URL', data: id, ttlSeconds: 60, permissions: 14, timestampSeconds: 0 }
  return Buffer.from(encodeValues([value]))
}

/** undefined for "absent", and for an answer that no write ever made. */
export function shownWriteId(answer: Answer): string | undefined {
  if (answer.kind === 'withdrawn') return answer.reason
  const data = answer.kind === 'found' ? answer.record.values[0]?.data : undefined
  return typeof data === 'string' ? data : undefined
}
