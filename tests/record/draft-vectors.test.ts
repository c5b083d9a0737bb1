/** Bodies of a PUT, from the vector files: what they stand for, or every fault with its exact field. */
import { describe, expect, test } from 'vitest'
import { readDraft } from '../../src/record/draft.js'
import type { Value } from '../../src/record/record.js'
import { readVectors } from './read-vectors.js'
import { NOW_SECONDS } from './samples.js'

interface Invalid {
  readonly name: string
  readonly input?: unknown
  /** Where the names of the members matter to JavaScript. */
  readonly json?: string
  readonly code?: string
  readonly faults: readonly (readonly [field: string, position: number | null, reason: string])[]
}

describe('refused', () => {
  test.each(readVectors<Invalid>('drafts-invalid.json'))('$name', ({ input, json, code, faults }) => {
    const read = readDraft(json === undefined ? input : JSON.parse(json), NOW_SECONDS)
    if (read.ok) throw new Error('was accepted')
    expect(read.code).toBe(code ?? 'record-invalid')
    expect(read.faults.map(({ field, position }) => [field, position ?? null])).toEqual(
      faults.map(([field, position]) => [field, position]),
    )
    for (const [place, [, , reason]] of faults.entries()) expect(read.faults[place]!.reason).toContain(reason)
  })
})

type Listed = Pick<Value, 'index' | 'type' | 'references'> & {
  readonly text?: string
  readonly octets?: string
  readonly ttlSeconds?: number
  readonly permissions?: number
}

interface Valid {
  readonly name: string
  readonly input: unknown
  readonly template: string
  readonly values: readonly Listed[]
}

describe('accepted', () => {
  test.each(readVectors<Valid>('drafts-valid.json'))('$name', ({ input, template, values }) => {
    expect(readDraft(input, NOW_SECONDS)).toEqual({ ok: true, value: { template, values: values.map(valueListed) } })
  })
})

function valueListed({ text, octets, ...listed }: Listed): Value {
  const data = text ?? new Uint8Array(Buffer.from(octets!, 'hex'))
  return { ttlSeconds: 86_400, permissions: 14, timestampSeconds: NOW_SECONDS, ...listed, data }
}
