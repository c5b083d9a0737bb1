/** HS_ADMIN and groups, over records made up for the purpose: who is let, and how much is looked up for it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Actor } from '../../../../src/protocols/handle/administration/actors.js'
import type { KnownValues } from '../../../../src/protocols/handle/administration/known-values.js'
import { permissions } from '../../../../src/protocols/handle/administration/permissions.js'
import { refused } from '../../../../src/protocols/handle/administration/refusals.js'
import type { HandleValue } from '../../../../src/protocols/handle/codec-value.js'
import { RC } from '../../../../src/protocols/handle/codes.js'
import { ADMIN_RIGHTS } from '../../../../src/record/value-types/hs-admin.js'
import { encodeValueList } from '../../../../src/record/value-types/hs-vlist.js'
import { identifierOf } from '../../../registry/fixture.js'
import { adminOctets, wireValue } from './admin-node.js'

const ME = '88.1/me'
const actor: Actor = {
  identity: { handle: ME, index: 300, keySha256: '' },
  key: ME,
  isServerAdministrator: false,
}
const list = (names: readonly string[]) =>
  wireValue(200, 'HS_VLIST', encodeValueList(names.map((handle) => ({ handle, index: handle === ME ? 300 : 200 }))))

/** Records by their keys; every look-up is noted. */
function records(values: Readonly<Record<string, readonly HandleValue[]>>) {
  const asked: string[] = []
  const known: KnownValues = {
    ownRecord: async () => refused(RC.error, 'not asked here'),
    async valuesOf({ key }) {
      asked.push(key)
      return { ok: true, value: values[key] ?? [] }
    },
  }
  return { known, asked }
}

function governed(admins: readonly HandleValue[]) {
  return { handle: identifierOf('88.1/record'), values: admins }
}

async function isLet(known: KnownValues, admins: readonly HandleValue[], rights: number): Promise<boolean> {
  return (await permissions(known).refusedFor(actor, governed(admins), rights)) === undefined
}

const byGroup = wireValue(100, 'HS_ADMIN', adminOctets({ handle: '88.1/g0', index: 200 }))

describe('groups', () => {
  test('are looked up once each, however often and in whatever circles they name each other', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `88.1/g${at}`)
    const every = list([...names, ...names, ...names])
    const { known, asked } = records(Object.fromEntries(names.map((name) => [name, [every]])))
    expect(await isLet(known, [byGroup], 1)).toBe(false)
    expect(asked).toHaveLength(8)
  })

  test('let in whom they reach, over at most ten lists one within another', async () => {
    const graph = fc.array(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }), {
      minLength: 13,
      maxLength: 13,
    })
    await fc.assert(
      fc.asyncProperty(graph, fc.integer({ min: 0, max: 12 }), async (edges, home) => {
        const of = (at: number) => edges[at]!.map((to) => `88.1/g${to}`)
        const { known } = records(
          Object.fromEntries(edges.map((_, at) => [`88.1/g${at}`, [list(at === home ? [...of(at), ME] : of(at))]])),
        )
        let level = new Set([0])
        let isReached = false
        for (let depth = 1; depth <= 10; depth += 1) {
          isReached ||= level.has(home)
          level = new Set([...level].flatMap((at) => edges[at]!))
        }
        expect(await isLet(known, [byGroup], 1)).toBe(isReached)
      }),
      { numRuns: 300 },
    )
  })

  test('that could not be looked up are no reason to say that somebody is in none', async () => {
    const known: KnownValues = {
      ownRecord: async () => refused(RC.error, 'not asked here'),
      valuesOf: async () => refused(RC.tooBusy, 'the database does not answer'),
    }
    const refusal = await permissions(known).refusedFor(actor, governed([byGroup]), 1)
    expect(refusal).toMatchObject({ responseCode: RC.tooBusy })
    const mine = wireValue(101, 'HS_ADMIN', adminOctets({ handle: ME, index: 300 }))
    expect(await isLet(known, [byGroup, mine], 1)).toBe(true)
  })

  test('of giant size are not followed', async () => {
    const crowd = Array.from({ length: 2_001 }, (_, at) => `88.1/m${at}`)
    const { known, asked } = records({ '88.1/g0': [list([...crowd, ME])] })
    expect(await isLet(known, [byGroup], 1)).toBe(false)
    expect(asked.length).toBeLessThan(60)
  })
})

describe('rights', () => {
  test('of several values add up, and those that nobody asked for don’t matter', async () => {
    const { known } = records({})
    const some = (index: number, rights: number, handle = ME) =>
      wireValue(index, 'HS_ADMIN', adminOctets({ handle, index: 300 }, rights))
    const { addValue, removeValue, modifyValue } = ADMIN_RIGHTS
    const admins = [some(100, addValue), some(101, removeValue), some(102, modifyValue, '88.1/other')]
    expect(await isLet(known, admins, addValue | removeValue)).toBe(true)
    expect(await isLet(known, admins, addValue | modifyValue)).toBe(false)
    const refusal = await permissions(known).refusedFor(actor, governed(admins), addValue | modifyValue)
    expect(refusal!.message).toContain('modify value')
    expect(refusal!.message).not.toContain('add value')
  })

  test('come from the prefix’s record where the record names no administrator, and from above for a prefix’s own', async () => {
    const mine = wireValue(100, 'HS_ADMIN', adminOctets({ handle: ME, index: 300 }))
    const { known, asked } = records({ '0.na/88.1': [mine], '0.na/88': [mine] })
    const rules = permissions(known)
    expect(await rules.refusedFor(actor, { handle: identifierOf('88.1/x'), values: [] }, 1)).toBeUndefined()
    expect(await rules.refusedFor(actor, { handle: identifierOf('0.NA/88.1'), values: [] }, 1)).toBeUndefined()
    expect(asked).toEqual(['0.na/88.1', '0.na/88'])
    for (const handle of ['0.NA/88', 'urn:oid:1.2.156.3000.1', '88.2/x']) {
      const refusal = await rules.refusedFor(actor, { handle: identifierOf(handle), values: [] }, 1)
      expect(refusal).toMatchObject({ responseCode: RC.insufficientPermissions })
    }
  })
})
