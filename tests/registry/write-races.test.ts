import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findVersion, listVersions } from '../../src/registry/history.js'
import {
  amendIdentifier,
  type Receipt,
  type Registration,
  writeIdentifier,
  writeIdentifiers,
} from '../../src/registry/identifiers.js'
import { joinWrites } from '../../src/registry/join-writes.js'
import type { Registry } from '../../src/registry/registry.js'
import {
  ABSENT,
  feedOf,
  identifierOf,
  type RegistryFixture,
  registration,
  registryFixture,
  urlValue,
  version,
  withdrawal,
} from './fixture.js'

let fixture: RegistryFixture
let joined: readonly Registry[]
beforeAll(async () => {
  fixture = await registryFixture()
  joined = [joinWrites(fixture.registry), joinWrites(fixture.registry)]
})
afterAll(() => fixture.close())

const ROUNDS = 50

describe.each(['apart', 'joined'])('%s', (how) => {
  test('of two writers that both want to be first, exactly one is', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = `88.118.8/first-${how}-${round}`
      const results = await settle(
        how,
        [0, 1].map((who) => registration(name, `writer ${who}`, ABSENT)),
      )
      expect(results.map(codeOf).sort()).toEqual(['created', 'precondition-failed'])
      expect(await feedOf(fixture.db, `i:${name}`)).toEqual([1])
    }
  })

  test('of two writers that saw the same version, exactly one replaces it', async () => {
    await writeIdentifier(fixture.registry, fixture.acme, registration(`88.118.8/seen-${how}`, 'start'))
    for (let round = 1; round <= ROUNDS; round += 1) {
      const results = await settle(
        how,
        [0, 1].map((who) => registration(`88.118.8/seen-${how}`, `${round} by ${who}`, version(round))),
      )
      expect(results.map(codeOf).sort()).toEqual(['precondition-failed', 'replaced'])
    }
    expect(await feedOf(fixture.db, `i:88.118.8/seen-${how}`)).toEqual(countTo(ROUNDS + 1))
  })

  test('writers without a precondition all succeed, versions have no gaps and every one is in the history', async () => {
    const key = `88.118.8/busy-${how}`
    const receipts: Receipt[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const results = await settle(
        how,
        Array.from({ length: 4 }, (_, who) => registration(key, `${round} by ${who}`)),
      )
      for (const result of results) receipts.push((result as PromiseFulfilledResult<Receipt>).value)
    }
    expect(receipts.map((receipt) => receipt.version).sort((a, b) => a - b)).toEqual(countTo(ROUNDS * 4))
    expect(await listVersions(fixture.db, key, { limit: 1000 })).toHaveLength(ROUNDS * 4)
    for (const receipt of receipts.slice(0, 20)) {
      expect(receipt.outcome).toBe(receipt.version === 1 ? 'created' : 'replaced')
      const answer = await findVersion(fixture.db, key, { version: receipt.version })
      expect(answer).toMatchObject({ kind: 'found', version: receipt.version })
    }
  })

  test('writers of the same content make one version between them', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const results = await settle(
        how,
        [0, 1, 2].map(() => registration(`88.118.8/agreed-${how}`, `round ${round}`)),
      )
      expect(results.map(codeOf).sort()).toEqual([round === 1 ? 'created' : 'replaced', 'unchanged', 'unchanged'])
      expect(results.map((result) => (result as PromiseFulfilledResult<Receipt>).value.version)).toEqual([
        round,
        round,
        round,
      ])
    }
  })

  test('withdrawals and registrations that race leave a history in which they alternate', async () => {
    const key = `88.118.8/flipping-${how}`
    const found = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const items = [registration(key, 'a'), withdrawal(key), registration(key, 'a'), withdrawal(key)]
      for (const result of await settle(how, items)) found.add(codeOf(result))
    }
    const history = await listVersions(fixture.db, key, { limit: 1000 })
    expect(history.map((entry) => entry.version)).toEqual(countTo(history.length).reverse())
    for (const entry of history) expect(entry.state).toBe(entry.version % 2 === 1 ? 'registered' : 'withdrawn')
    for (const code of found) {
      expect(['created', 'unchanged', 'withdrawn', 'identifier-absent', 'identifier-withdrawn']).toContain(code)
    }
    expect(await feedOf(fixture.db, `i:${key}`)).toHaveLength(history.length)
  })
})

test('batches over the same identifiers in opposite orders never meet in a deadlock', async () => {
  const names = Array.from({ length: 60 }, (_, at) => `88.118.8/shared-${at}`)
  const batches = Array.from({ length: 40 }, (_, batch) => {
    const items = names.map((name) => registration(name, `batch ${batch}`))
    // Every third writes some twice, and so takes a transaction of several statements.
    return [...(batch % 2 === 0 ? items : items.toReversed()), ...(batch % 3 === 0 ? items.slice(0, 20) : [])]
  })
  const outcomes = await Promise.all(batches.map((items) => writeIdentifiers(fixture.registry, fixture.acme, items)))
  for (const outcome of outcomes.flat()) expect(outcome.ok).toBe(true)
  for (const name of names) {
    // Transactions take their ids before they wait for each other: the feed's order is not that of versions.
    expect((await feedOf(fixture.db, `i:${name}`)).toSorted((a, b) => a - b)).toEqual(countTo(40))
  }
})

test('amendments at the same time are all carried out, none on what another has replaced', async () => {
  const identifier = identifierOf('88.118.8/counter')
  await writeIdentifier(fixture.registry, fixture.acme, registration('88.118.8/counter', '0'))
  const add = () =>
    amendIdentifier(fixture.registry, fixture.acme, {
      identifier,
      amend: ({ values }) => ({
        ok: true,
        value: { template: '', values: [urlValue(String(Number(values[0]!.data) + 1))] },
      }),
    })
  for (let round = 0; round < 10; round += 1) await Promise.all([add(), add(), add()])
  expect(await findVersion(fixture.db, identifier.key, { version: 31 })).toMatchObject({
    record: { values: [{ data: '30' }] },
  })
})

/** Joined with others of their API key, in two processes; or each on its own. */
function settle(how: string, items: readonly Registration[]): Promise<PromiseSettledResult<Receipt>[]> {
  const processes = how === 'joined' ? joined : [fixture.registry]
  return Promise.allSettled(
    items.map((item, at) => writeIdentifier(processes[at % processes.length]!, fixture.acme, item)),
  )
}

function codeOf(result: PromiseSettledResult<Receipt>): string {
  return result.status === 'fulfilled' ? result.value.outcome : result.reason.code
}

function countTo(number: number): number[] {
  return Array.from({ length: number }, (_, at) => at + 1)
}
