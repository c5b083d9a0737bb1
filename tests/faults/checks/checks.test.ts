/** A checker that cannot fail checks nothing: each is given a record by hand that must fail it, and one that must not. */
import { describe, expect, test } from 'vitest'
import { expectedDigest } from '../catalogue.js'
import { type Evidence, type Read, ReadLog, type StoredVersion, type Write } from '../record.js'
import { withVersions } from '../withdrawals.js'
import { checkAnswered, latenciesByFault, measureAvailability } from './availability.js'
import { checkDurability, checkVersions } from './durability.js'
import { checkOnce, checkWhole } from './once.js'
import { checkPresence } from './presence.js'
import { checkDemands, checkMonotonic, checkOwnWrites } from './sessions.js'
import { checkStaleness, checkVisibility } from './staleness.js'

const KEYS = ['88.300.1/old', '88.300.1/new']
const OLD = 0
const NEW = 1

describe('bounded staleness', () => {
  const writes = [write(1, { version: 1, atMs: 0 }), write(2, { version: 2, atMs: 1_000 })]

  test('an old version within the bound is allowed', () => {
    const result = checkStaleness(evidence({ writes, reads: [read({ startedAtMs: 2_000, version: 1 })] }))
    expect(result).toMatchObject({ checked: 1, violations: 0, worstUnmarkedAgeMs: 1_000 })
  })

  test('an old version after the bound is a violation', () => {
    const result = checkStaleness(evidence({ writes, reads: [read({ startedAtMs: 2_001, version: 1 })] }))
    expect(result).toMatchObject({ violations: 1, worstUnmarkedAgeMs: 1_001 })
    expect(result.examples[0]).toContain('88.300.1/old found as version 1, 1001 ms late: node1, process 1, at 2.001 s')
  })

  test('"not registered" after the bound is a violation', () => {
    const reads = [read({ startedAtMs: 2_001, outcome: 'absent', version: 0 })]
    expect(checkStaleness(evidence({ writes, reads })).violations).toBe(1)
  })

  test('a newer version acknowledged earlier than an older one counts from then', () => {
    const late = [
      write(1, { version: 1, atMs: 0 }),
      write(2, { version: 2, atMs: 9_000 }),
      write(3, { version: 3, atMs: 1_000 }),
    ]
    expect(
      checkStaleness(evidence({ writes: late, reads: [read({ startedAtMs: 2_500, version: 1 })] })).violations,
    ).toBe(1)
  })

  test('marked answers and failures are not held to it', () => {
    const reads = [
      read({ startedAtMs: 9_000, version: 1, isStale: true }),
      read({ startedAtMs: 9_000, version: 0, outcome: 'unanswered' }),
    ]
    expect(checkStaleness(evidence({ writes, reads }))).toMatchObject({ checked: 0, violations: 0 })
  })
})

describe('visible when acknowledged', () => {
  const writes = [
    write(1, { version: 1, atMs: 0 }),
    { ...write(2, { version: 2, atMs: 1_000 }), waits: true },
    write(3, { version: 3, atMs: 1_500 }),
  ]
  const late = (difference: Partial<Read>) =>
    checkVisibility(evidence({ writes, reads: [read({ startedAtMs: 1_001, version: 1, ...difference })] }))

  test('a write that waited shows to every look-up after its acknowledgement', () => {
    expect(late({})).toMatchObject({ checked: 1, violations: 1, worstUnmarkedAgeMs: 1 })
    expect(late({ outcome: 'absent', version: 0 }).violations).toBe(1)
    expect(late({ version: 2 }).violations).toBe(0)
  })

  test('before it, and marked, the older version is allowed', () => {
    expect(late({ startedAtMs: 999 }).violations).toBe(0)
    expect(late({ isStale: true }).violations).toBe(0)
  })

  test('a write that did not wait promises no such thing', () => {
    expect(late({ startedAtMs: 1_600, version: 2 }).violations).toBe(0)
  })
})

describe('own writes', () => {
  const writes = [write(1, { version: 5, atMs: 100, node: 1 })]

  test('where it was acknowledged, a write shows at once', () => {
    const before = [read({ startedAtMs: 99, version: 4, node: 1 }), read({ startedAtMs: 101, version: 5, node: 1 })]
    expect(checkOwnWrites(evidence({ writes, reads: before })).violations).toBe(0)
    expect(
      checkOwnWrites(evidence({ writes, reads: [read({ startedAtMs: 101, version: 4, node: 1 })] })).violations,
    ).toBe(1)
  })

  test('another node, and another process of the same node, may be late', () => {
    const reads = [
      read({ startedAtMs: 101, version: 4, node: 0 }),
      read({ startedAtMs: 101, version: 4, node: 1, incarnation: 2 }),
    ]
    expect(checkOwnWrites(evidence({ writes, reads })).checked).toBe(0)
  })
})

test('what a token or minVersion demands shows anywhere, marked or not', () => {
  const demand = (difference: Partial<Read>) =>
    checkDemands(evidence({ reads: [read({ startedAtMs: 101, version: 4, minVersion: 5, ...difference })] }))
  expect(demand({}).violations).toBe(1)
  expect(demand({ isStale: true }).violations).toBe(1)
  expect(demand({ version: 5 })).toMatchObject({ checked: 1, violations: 0 })
  expect(demand({ minVersion: 0 }).checked).toBe(0)
})

test('a step back within one session and process is counted, one on another process is not', () => {
  const three = read({ startedAtMs: 1, version: 3 })
  const back = { ...three, startedAtMs: 2, version: 2 }
  expect(checkMonotonic(evidence({ reads: [three, back] })).violations).toBe(1)
  expect(checkMonotonic(evidence({ reads: [three, { ...back, incarnation: 2 }] })).violations).toBe(0)
  expect(checkMonotonic(evidence({ reads: [three, { ...back, session: 1 }] })).violations).toBe(0)
})

describe('acknowledged writes', () => {
  const writes = [write(1, { version: 1, atMs: 0 })]

  test('that are there satisfy', () => {
    expect(checkDurability(evidence({ writes, stored: [version(1, 1)] }))).toMatchObject({ checked: 1, violations: 0 })
  })

  test.each<[string, StoredVersion[], string]>([
    ['missing', [], 'is not there'],
    ['other content', [{ ...version(1, 1), content: 7 }], 'shows the content of write 7'],
    ['another digest', [{ ...version(1, 1), digest: 'ff' }], 'another digest than the receipt'],
    ['withdrawn', [{ ...version(1, 1), state: 'withdrawn' }], 'registered and is withdrawn'],
  ])('%s: a violation', (_, stored, why) => {
    const result = checkDurability(evidence({ writes, stored }))
    expect(result.violations).toBe(1)
    expect(result.examples[0]).toContain(why)
  })

  test('a receipt that names another content than the one sent is a violation', () => {
    const forged = [write(1, { version: 1, atMs: 0, digest: 'ff' })]
    expect(checkDurability(evidence({ writes: forged, stored: [version(1, 1)] })).violations).toBe(1)
  })

  test('a withdrawal that is not there is a violation', () => {
    const withdrawal = [{ ...write(2, { version: 1, atMs: 0, digest: null }), intent: 'withdraw' as const }]
    expect(checkDurability(evidence({ writes: withdrawal, stored: [version(1, 2)] })).violations).toBe(1)
  })

  test('a gap in the versions is a violation', () => {
    expect(checkVersions(evidence({ stored: [version(1, 1), version(2, 2)] })).violations).toBe(0)
    expect(checkVersions(evidence({ stored: [version(1, 1), version(3, 2)] })).violations).toBe(1)
  })
})

describe('each write once', () => {
  test('two versions of one write are a violation', () => {
    const writes = [{ ...write(1, { version: 1, atMs: 0 }), tries: 2 }]
    expect(checkOnce(evidence({ writes, stored: [version(1, 1), version(2, 9)] })).violations).toBe(0)
    expect(checkOnce(evidence({ writes, stored: [version(1, 1), version(2, 9), version(3, 1)] })).violations).toBe(1)
  })

  test('a receipt that names another version than the one made is a violation', () => {
    const writes = [write(1, { version: 2, atMs: 0 })]
    expect(checkOnce(evidence({ writes, stored: [version(1, 1)] })).violations).toBe(1)
  })

  test('what was refused and yet written is a violation, unless an earlier try may still be under way', () => {
    const refused: Write = { ...write(1, { version: 1, atMs: 0 }), result: { kind: 'refused', status: 410 } }
    expect(checkOnce(evidence({ writes: [refused], stored: [version(1, 1)] })).violations).toBe(1)
    expect(checkOnce(evidence({ writes: [{ ...refused, tries: 2 }], stored: [version(1, 1)] })).violations).toBe(0)
  })
})

test('a batch of which a part was carried out is a violation', () => {
  const two = [1, 2].map((number) => ({ ...write(number, { version: number, atMs: 0 }), batch: 1 }))
  const of = (stored: StoredVersion[]) => checkWhole(evidence({ writes: two, stored }))
  expect(of([version(1, 1), version(2, 2)])).toMatchObject({ checked: 1, violations: 0 })
  expect(of([])).toMatchObject({ checked: 1, violations: 0 })
  expect(of([version(1, 1), version(2, 9)]).examples).toEqual(['batch 1 made 1 versions, and none of 88.300.1/old'])
  expect(checkWhole(evidence({ writes: [write(1, { version: 1, atMs: 0 })] })).checked).toBe(0)
})

describe('presence', () => {
  const stored = [version(1, 1), { ...version(2, 2), state: 'withdrawn' as const }, version(3, 3)]
  const writes = [
    write(1, { version: 1, atMs: 0 }),
    { ...write(2, { version: 2, atMs: 1_000, digest: null }), intent: 'withdraw' as const },
  ]

  test.each<[string, Partial<Read>, number]>([
    ['as it was', { version: 1, content: 1, startedAtMs: 1_900 }, 0],
    ['found too long after the withdrawal', { version: 1, content: 1, startedAtMs: 2_100 }, 1],
    ['found after the withdrawal, but marked', { version: 1, content: 1, startedAtMs: 2_100, isStale: true }, 0],
    ['never absent, even when marked', { version: 0, outcome: 'absent', isStale: true }, 1],
    ['a withdrawn version as found', { version: 2, content: 2 }, 1],
    ['a registered version as withdrawn', { version: 3, outcome: 'withdrawn' }, 1],
    ['a version that never was', { version: 4, content: 4 }, 1],
    ["another write's content", { version: 1, content: 3 }, 1],
  ])('%s', (_, difference, violations) => {
    const reads = [read({ startedAtMs: 500, version: 1, ...difference })]
    expect(checkPresence(evidence({ writes, stored, reads })).violations).toBe(violations)
  })

  test('an identifier registered in the storm may be absent until T has passed', () => {
    const registered = [{ ...write(1, { version: 1, atMs: 1_000 }), key: NEW }]
    const absent = (startedAtMs: number) =>
      checkPresence(
        evidence({ writes: registered, reads: [read({ startedAtMs, key: NEW, outcome: 'absent', version: 0 })] }),
      ).violations
    expect(absent(500)).toBe(0)
    expect(absent(2_000)).toBe(0)
    expect(absent(2_001)).toBe(1)
  })
})

test('a look-up counts as answered when its retry was', () => {
  const failed = read({ startedAtMs: 0, version: 0, outcome: 'unanswered', failure: 'status 503' })
  const reads = [
    failed,
    read({ startedAtMs: 10, version: 1, isRetry: true, isStale: true }),
    { ...failed, key: NEW },
    { ...failed, key: NEW, isRetry: true },
  ]
  expect(measureAvailability(evidence({ reads }))).toEqual({
    lookups: 2,
    answered: 1,
    inBatches: 0,
    known: { lookups: 1, answered: 1 },
    markedStale: 1,
    failures: new Map([['status 503', 3]]),
  })
})

test('too many known identifiers without an answer are violations', () => {
  const known = { lookups: 10_000, answered: 9_998 }
  const availability = { ...measureAvailability(evidence({})), known }
  expect(checkAnswered(availability, 0.9998).violations).toBe(0)
  expect(checkAnswered(availability, 0.9999)).toMatchObject({ checked: 10_000, violations: 2 })
})

test('latencies are told by kind of fault, with the retry in them', () => {
  const reads = [
    read({ startedAtMs: 5, endedAtMs: 6, askedAtMs: 5, version: 1 }),
    read({ startedAtMs: 2_000, endedAtMs: 2_040, askedAtMs: 2_000, outcome: 'unanswered', version: 0 }),
    read({ startedAtMs: 2_040, endedAtMs: 2_050, askedAtMs: 2_000, version: 1, isRetry: true }),
  ]
  const batch = read({ startedAtMs: 2_000, endedAtMs: 2_900, version: 1, isOfBatch: true })
  const faults = [{ text: 'node2.pause for 900ms', startedAtMs: 1_900, endedAtMs: 2_800 }]
  expect(latenciesByFault(evidence({ reads: [...reads, batch], faults }))).toMatchObject([
    { text: 'node.pause', times: 1, lookups: 2, answered: 2, p50Ms: 50 },
    { text: '(calm)', lookups: 1, answered: 1, p50Ms: 1 },
  ])
})

test('the log of reads gives back what was put in, also when it has grown', () => {
  const log = new ReadLog()
  const one = read({
    startedAtMs: 12.5,
    endedAtMs: 13.25,
    askedAtMs: 11,
    version: 70_000,
    content: 900_000,
    isStale: true,
    isRetry: true,
    isOfBatch: true,
  })
  for (let at = 0; at < 70_000; at += 1) log.add({ ...one, key: at })
  const back = [...log]
  expect(back).toHaveLength(70_000)
  expect([back[0], back[69_999]]).toEqual([
    { ...one, key: 0 },
    { ...one, key: 69_999 },
  ])
})

test('a withdrawal that a batch tells of by its reason has the version which that write made', () => {
  const told = read({ startedAtMs: 1, outcome: 'withdrawn', version: 0, content: 2, isOfBatch: true })
  const stored = new Map([[OLD, [version(1, 1), { ...version(2, 2), state: 'withdrawn' as const }]]])
  expect([...withVersions([told, { ...told, content: 9 }, { ...told, outcome: 'absent' }], stored)]).toEqual([
    { ...told, version: 2 },
    { ...told, content: 9 },
    { ...told, outcome: 'absent' },
  ])
})

function evidence(parts: {
  reads?: readonly Read[]
  writes?: readonly Write[]
  stored?: readonly StoredVersion[]
  faults?: Evidence['faults']
}): Evidence {
  const { reads = [], writes = [], stored = [], faults = [] } = parts
  return { boundMs: 1_000, keys: KEYS, registeredFirst: 1, reads, writes, faults, stored: new Map([[OLD, stored]]) }
}

function read(difference: Partial<Read> & Pick<Read, 'startedAtMs' | 'version'>): Read {
  return {
    ...{ endedAtMs: difference.startedAtMs + 1, askedAtMs: difference.startedAtMs, key: OLD, session: 0, node: 0 },
    ...{
      incarnation: 1,
      outcome: 'found',
      failure: '',
      content: 0,
      isStale: false,
      isRetry: false,
      isOfBatch: false,
      minVersion: 0,
    },
    ...difference,
  }
}

function write(
  number: number,
  {
    version,
    atMs,
    node = 0,
    digest = expectedDigest(KEYS[OLD]!, number),
  }: { version: number; atMs: number; node?: number; digest?: string | null },
): Write {
  const receipt = { outcome: 'replaced', version, digest, token: '1', node, incarnation: 1 } as const
  const result = { kind: 'acknowledged', atMs, receipt } as const
  const what = { number, key: OLD, intent: 'register', waits: false, idempotencyKey: undefined } as const
  return { ...what, startedAtMs: atMs, tries: 1, result }
}

function version(number: number, content: number): StoredVersion {
  return { version: number, state: 'registered', digest: expectedDigest(KEYS[OLD]!, content), content }
}
