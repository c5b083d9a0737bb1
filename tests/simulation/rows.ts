/** Answers to the registry's look-up statement, as rows of its table; and back: which write an answer shows. */
import type { Answer } from '../../src/record/answer.js'
import { encodeValues } from '../../src/record/codec.js'
import type { VersionRow } from '../../src/registry/version-rows.js'
import { REGISTERED, WITHDRAWN } from '../../src/registry/write-upsert.js'
import type { Ledger, Write } from './ledger.js'

export function rowsOfFind(ledger: Ledger, keys: readonly string[]): VersionRow[] {
  return keys.flatMap((key) => {
    const newest = ledger.newest(`i:${key}`)
    return newest === undefined ? [] : rowOf(key, newest)
  })
}

function rowOf(key: string, { id, version, kind }: Write): VersionRow {
  const isRegistered = kind === 'found'
  return {
    key,
    version,
    state: isRegistered ? REGISTERED : WITHDRAWN,
    prefix: '',
    spelling: key,
    template: '',
    body: isRegistered ? bodyOf(id) : null,
    reason: isRegistered ? null : id,
    registeredAtMs: 0,
    recordedAtMs: 0,
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
