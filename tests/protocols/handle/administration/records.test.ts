/** Records through operations 100 to 105 of the native protocol, each challenged and answered. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FLAG, hasFlag, OP, RC } from '../../../../src/protocols/handle/codes.js'
import { ADMIN_RIGHTS } from '../../../../src/record/value-types/hs-admin.js'
import { encodeValueList } from '../../../../src/record/value-types/hs-vlist.js'
import { listVersions } from '../../../../src/registry/history.js'
import { writeIdentifier } from '../../../../src/registry/identifiers.js'
import { identifierOf, registration, withdrawal } from '../../../registry/fixture.js'
import {
  type AdminNode,
  adminNode,
  adminOctets,
  adminValue,
  ask,
  codesOf,
  type Holder,
  reasonOf,
  rsaHolder,
  rsaKey,
  type Speaker,
  secretHolder,
  storedValue,
  TCP,
  wireValue,
} from './admin-node.js'

const PREFIX = '0.NA/88.118.8'
const key = rsaKey()
const holder = rsaHolder(PREFIX, 300, key.privateKey)
const bySecret = secretHolder(PREFIX, 301, 'a secret of acme')
/** May add handles, and nothing else. */
const adder = secretHolder(PREFIX, 302, 'a secret of an adder')

let node: AdminNode
let speaker: Speaker

beforeAll(async () => {
  node = await adminNode()
  speaker = { worker: node.worker, peer: TCP }
  await node.put(PREFIX, [
    adminValue(100, { handle: PREFIX, index: 200 }),
    adminValue(101, { handle: PREFIX, index: 302 }, ADMIN_RIGHTS.addHandle),
    storedValue(200, 'HS_VLIST', encodeValueList([holder, bySecret].map(({ handle, index }) => ({ handle, index })))),
    storedValue(300, 'HS_PUBKEY', key.record),
    storedValue(301, 'HS_SECKEY', 'a secret of acme', 0b1100),
    storedValue(302, 'HS_SECKEY', 'a secret of an adder', 0b1100),
  ])
})
afterAll(() => node.close())

const url = wireValue(1, 'URL', 'https://a.example/1')

async function create(handle: string, more: { values?: object[]; flags?: number; holder?: Holder } = {}) {
  const body = { kind: 'handle-values', handle, values: more.values ?? [url] } as never
  return ask(speaker, { opCode: OP.create, body, holder: more.holder ?? holder, flags: more.flags ?? 0 })
}

const change = (opCode: number, handle: string, values: object[], flags = 0, by: Holder = holder) =>
  ask(speaker, { opCode, body: { kind: 'handle-values', handle, values } as never, holder: by, flags })

const drop = (handle: string, by: Holder = holder) =>
  ask(speaker, { opCode: OP.delete, body: { kind: 'handle', handle }, holder: by })

const removeValues = (handle: string, indexes: number[], by: Holder = holder) =>
  ask(speaker, { opCode: OP.removeValues, body: { kind: 'handle-indexes', handle, indexes }, holder: by })

async function recordOf(handle: string) {
  const answer = await node.worker.resolve({ identifier: identifierOf(handle), authoritative: true })
  return answer.kind === 'found' ? answer.record : undefined
}

describe('to create', () => {
  test('is to register, with the registry’s versions, feed and author, and times of the node’s own', async () => {
    const before = Math.floor(Date.now() / 1000)
    const [created] = await create('88.118.8/Created-1')
    expect(created).toMatchObject({
      header: { opCode: OP.create, responseCode: RC.success },
      envelope: { sessionId: 0 },
      body: { kind: 'handle', handle: '88.118.8/Created-1' },
    })
    expect(hasFlag(created!.header.opFlags, FLAG.overwrite)).toBe(false)
    const record = (await recordOf('88.118.8/created-1'))!
    expect(record).toMatchObject({ version: 1, spelling: '88.118.8/Created-1', template: '' })
    expect(record.values).toMatchObject([{ index: 1, type: 'URL', data: 'https://a.example/1', ttlSeconds: 86_400 }])
    expect(record.values[0]!.timestampSeconds).toBeGreaterThanOrEqual(before)
    const [row] = await node.db.query<{ label: string; enterprise: string }>(
      `select k.label, k.enterprise_id as enterprise from identifier i join api_key k on k.id = i.recorded_by where i.key = $1`,
      ['88.118.8/created-1'],
    )
    expect(row).toEqual({ label: 'Handle identity 300:0.na/88.118.8', enterprise: 'acme' })
  })

  test('what is there is refused before anybody is challenged, whatever its case', async () => {
    await create('88.118.8/twice')
    const [refusal] = await ask(speaker, {
      opCode: OP.create,
      body: { kind: 'handle-values', handle: '88.118.8/TWICE', values: [url] },
    })
    expect(refusal!.header.responseCode).toBe(RC.handleExists)
  })

  test('with OWE replaces, and says so', async () => {
    await create('88.118.8/over')
    const [replaced] = await create('88.118.8/over', { values: [wireValue(2, 'DESC', 'new')], flags: FLAG.overwrite })
    expect(replaced!.header.responseCode).toBe(RC.success)
    expect(hasFlag(replaced!.header.opFlags, FLAG.overwrite)).toBe(true)
    expect(await recordOf('88.118.8/over')).toMatchObject({ version: 2, values: [{ index: 2, data: 'new' }] })
  })

  test('with OWE what is not there replaces nothing', async () => {
    const [created] = await create('88.118.8/over-nothing', { flags: FLAG.overwrite })
    expect(created!.header.responseCode).toBe(RC.success)
    expect(hasFlag(created!.header.opFlags, FLAG.overwrite)).toBe(false)
  })

  test('with MNS puts a UUID behind what is given', async () => {
    const [minted] = await create('88.118.8/batch-', { flags: FLAG.mintSuffix })
    expect(minted!.body).toMatchObject({
      handle: expect.stringMatching(
        /^88\.118\.8\/batch-[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      ),
    })
    expect(hasFlag(minted!.header.opFlags, FLAG.mintSuffix)).toBe(true)
    expect(codesOf(await create('88.118.8', { flags: FLAG.mintSuffix }))).toEqual([RC.invalidHandle])
  })

  test.each([
    ['no handle', '88.118.8/', [url], RC.invalidHandle],
    ['a prefix that is not this node’s', '99.100.1/x', [url], RC.notResponsible],
    ['an index of 0', '88.118.8/bad', [{ ...url, index: 0 }], RC.invalidValue],
    ['two values of one index', '88.118.8/bad', [url, url], RC.valueExists],
    ['a value that ends at a time', '88.118.8/bad', [{ ...url, ttlType: 1 }], RC.invalidValue],
    ['an index that is reserved', '88.118.8/bad', [{ ...url, index: 1000 }], RC.invalidValue],
    ['a type that is empty', '88.118.8/bad', [{ ...url, type: '' }], RC.invalidValue],
    ['an HS_ADMIN that is none', '88.118.8/bad', [wireValue(100, 'HS_ADMIN', 'everybody')], RC.invalidValue],
    ['a secret for everybody to read', '88.118.8/bad', [wireValue(300, 'HS_SECKEY', 'secret')], RC.invalidValue],
  ])('%s is refused without a challenge, with a reason', async (_name, handle, values, code) => {
    const refusal = await ask(speaker, {
      opCode: OP.create,
      body: { kind: 'handle-values', handle, values: values as never },
    })
    expect(codesOf(refusal)).toEqual([code])
    expect(reasonOf(refusal)).not.toBe('')
  })

  test('takes the right to add handles, of the prefix’s HS_ADMIN', async () => {
    expect(codesOf(await create('88.118.8/added', { holder: adder }))).toEqual([RC.success])
    const refusal = await create('88.118.8/added', { holder: adder, flags: FLAG.overwrite })
    expect(codesOf(refusal)).toEqual([RC.insufficientPermissions])
    expect(reasonOf(refusal)).toContain('delete handle')
  })

  test('below another’s prefix is refused, even where that prefix’s HS_ADMIN would allow it', async () => {
    await node.put('0.NA/88.118.9', [adminValue(100, { handle: PREFIX, index: 300 })])
    const refusal = await create('88.118.9/not-acme’s')
    expect(codesOf(refusal)).toEqual([RC.insufficientPermissions])
    expect(reasonOf(refusal)).toContain('88.118.9')
    expect(await recordOf('88.118.9/not-acme’s')).toBeUndefined()
  })

  test('below a prefix without administrators is nobody’s right', async () => {
    await node.put('0.NA/88.118.9', [storedValue(110, 'DESC', 'nobody')])
    expect(codesOf(await create('88.118.9/nobody'))).toEqual([RC.insufficientPermissions])
  })

  test('after a withdrawal makes the next version', async () => {
    await writeIdentifier(node.registry, node.acme, registration('88.118.8/again', 'https://a.example/'))
    await writeIdentifier(node.registry, node.acme, withdrawal('88.118.8/again'))
    expect(codesOf(await create('88.118.8/again'))).toEqual([RC.success])
    expect(await recordOf('88.118.8/again')).toMatchObject({ version: 3 })
  })

  test('of twenty who create the same at once, one does', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => create('88.118.8/race', { holder: bySecret })))
    const codes = all.flatMap(codesOf)
    expect(codes.filter((code) => code === RC.success)).toHaveLength(1)
    expect(codes.filter((code) => code === RC.handleExists)).toHaveLength(19)
  })
})

describe('to delete', () => {
  test('is to withdraw, with who did it in the history', async () => {
    await create('88.118.8/to-delete')
    expect(codesOf(await drop('88.118.8/TO-delete'))).toEqual([RC.success])
    expect(await recordOf('88.118.8/to-delete')).toBeUndefined()
    const history = await listVersions(node.db, '88.118.8/to-delete', { limit: 10 })
    expect(JSON.stringify(history)).toContain('Deleted by 300:0.NA/88.118.8.')
    expect(codesOf(await drop('88.118.8/to-delete'))).toEqual([RC.handleNotFound])
  })

  test('is challenged before anything is told of what is there', async () => {
    const body = { kind: 'handle', handle: '88.118.8/never-was' } as const
    expect(codesOf(await ask(speaker, { opCode: OP.delete, body }))).toEqual([RC.authenticationNeeded])
    expect(codesOf(await ask(speaker, { opCode: OP.delete, body, holder }))).toEqual([RC.handleNotFound])
  })

  test('goes by the record’s own HS_ADMIN where it has one', async () => {
    const other = adminOctets({ handle: '88.118.8/somebody', index: 300 })
    await create('88.118.8/others', { values: [url, wireValue(100, 'HS_ADMIN', other)] })
    const refusal = await drop('88.118.8/others')
    expect(codesOf(refusal)).toEqual([RC.insufficientPermissions])
    expect(reasonOf(refusal)).toContain('88.118.8/others')
    expect(await recordOf('88.118.8/others')).toMatchObject({ version: 1 })
  })
})

describe('values', () => {
  test('are added, changed and removed, and all others stay as they are', async () => {
    const octets = Buffer.from('kept as octets')
    await node.put('88.118.8/values', [storedValue(5, 'X', octets), storedValue(6, 'Y', 'text')], node.acme)
    expect(codesOf(await change(OP.addValues, '88.118.8/values', [wireValue(2, 'EMAIL', 'a@b.example')]))).toEqual([1])
    expect(codesOf(await change(OP.modifyValues, '88.118.8/values', [wireValue(2, 'EMAIL', 'c@d.example')]))).toEqual([
      1,
    ])
    expect(codesOf(await removeValues('88.118.8/values', [6, 77]))).toEqual([1])
    const record = (await recordOf('88.118.8/values'))!
    expect(record.version).toBe(4)
    expect(record.values).toMatchObject([
      { index: 2, type: 'EMAIL', data: 'c@d.example' },
      { index: 5, type: 'X', timestampSeconds: 1_700_000_000 },
    ])
    expect(Buffer.from(record.values[1]!.data)).toEqual(octets)
    expect(typeof record.values[1]!.data).toBe('object')
  })

  test('that are there are not added again, unless OWE is set', async () => {
    await create('88.118.8/conflict')
    const refusal = await change(OP.addValues, '88.118.8/conflict', [url])
    expect(codesOf(refusal)).toEqual([RC.valueExists])
    expect(reasonOf(refusal)).toBe('Index conflict for 1')
    const [replaced] = await change(OP.addValues, '88.118.8/conflict', [wireValue(1, 'URL', 'b')], FLAG.overwrite)
    expect(replaced!.header.responseCode).toBe(RC.success)
    expect(hasFlag(replaced!.header.opFlags, FLAG.overwrite)).toBe(true)
  })

  test('that are not there are not changed, which needs no challenge, nor removed', async () => {
    await create('88.118.8/missing')
    const unchallenged = await ask(speaker, {
      opCode: OP.modifyValues,
      body: { kind: 'handle-values', handle: '88.118.8/missing', values: [wireValue(9, 'URL', 'x')] },
    })
    expect(codesOf(unchallenged)).toEqual([RC.valuesNotFound])
    expect(codesOf(await removeValues('88.118.8/missing', [9]))).toEqual([RC.valuesNotFound])
    expect(codesOf(await change(OP.modifyValues, '88.118.8/no-such', [url]))).toEqual([RC.handleNotFound])
  })

  test('that administrators may not write stay', async () => {
    await create('88.118.8/closed', { values: [url, wireValue(2, 'SEAL', 'sealed', 0b1010)] })
    expect(codesOf(await removeValues('88.118.8/closed', [1, 2]))).toEqual([RC.insufficientPermissions])
    expect(await recordOf('88.118.8/closed')).toMatchObject({ version: 1 })
  })

  test('of administrators take rights of their own', async () => {
    const some = ADMIN_RIGHTS.addValue | ADMIN_RIGHTS.removeValue | ADMIN_RIGHTS.modifyValue
    await node.put('88.118.8/rights', [storedValue(1, 'URL', 'x'), adminValue(100, holder, some)], node.acme)
    const mine = wireValue(101, 'HS_ADMIN', adminOctets(holder))
    for (const [attempt, right] of [
      [await change(OP.addValues, '88.118.8/rights', [mine]), 'add administrator'],
      [await change(OP.modifyValues, '88.118.8/rights', [{ ...mine, index: 100 }]), 'modify administrator'],
      [await change(OP.modifyValues, '88.118.8/rights', [{ ...mine, index: 1 }]), 'add administrator'],
      [await change(OP.modifyValues, '88.118.8/rights', [wireValue(100, 'URL', 'x')]), 'remove administrator'],
      [
        await change(OP.addValues, '88.118.8/rights', [{ ...mine, index: 100 }], FLAG.overwrite),
        'modify administrator',
      ],
      [await change(OP.addValues, '88.118.8/rights', [{ ...mine, type: 'hs_admin.sub' }]), 'add administrator'],
      [await removeValues('88.118.8/rights', [100]), 'remove administrator'],
    ] as const) {
      expect(codesOf(attempt)).toEqual([RC.insufficientPermissions])
      expect(reasonOf(attempt)).toContain(right)
    }
    expect(codesOf(await removeValues('88.118.8/rights', [1]))).toEqual([RC.success])
  })

  test('that many add at once are all there at the end', async () => {
    await create('88.118.8/many')
    const additions = Array.from({ length: 6 }, (_, at) =>
      change(OP.addValues, '88.118.8/many', [wireValue(10 + at, 'N', `${at}`)], 0, bySecret),
    )
    const codes = (await Promise.all(additions)).flatMap(codesOf)
    const added = codes.filter((code) => code === RC.success).length
    expect(codes.filter((code) => code !== RC.success).every((code) => code === RC.tooBusy)).toBe(true)
    expect(added).toBeGreaterThan(0)
    expect((await recordOf('88.118.8/many'))!.values).toHaveLength(1 + added)
  })
})

describe('a record of a template', () => {
  const part = (handle: string) =>
    writeIdentifier(node.registry, node.acme, {
      identifier: identifierOf(handle),
      intent: 'register',
      template: 'part',
      values: [storedValue(1, 'URL', 'x'), storedValue(2000, 'partNumber', 'P-1'), storedValue(2001, 'name', 'Pump')],
    })

  test('stays one when its free values change, or its attributes to what they may be', async () => {
    await part('88.118.8/part-1')
    expect(codesOf(await change(OP.modifyValues, '88.118.8/part-1', [wireValue(1, 'URL', 'y')]))).toEqual([1])
    expect(codesOf(await change(OP.addValues, '88.118.8/part-1', [wireValue(2009, 'mass', '12.5')]))).toEqual([1])
    expect(await recordOf('88.118.8/part-1')).toMatchObject({ template: 'part', version: 3 })
  })

  test('is not broken', async () => {
    await part('88.118.8/part-2')
    for (const [attempt, word] of [
      [await removeValues('88.118.8/part-2', [2000]), 'attributes.partNumber'],
      [await change(OP.addValues, '88.118.8/part-2', [wireValue(2009, 'mass', 'heavy')]), 'attributes.mass'],
      [await change(OP.addValues, '88.118.8/part-2', [wireValue(2003, 'colour', 'red')]), 'attributes.batch'],
      [await change(OP.addValues, '88.118.8/part-2', [wireValue(2999, 'colour', 'red')]), '2999'],
    ] as const) {
      expect(codesOf(attempt)).toEqual([RC.invalidValue])
      expect(reasonOf(attempt)).toContain(word)
    }
    expect(await recordOf('88.118.8/part-2')).toMatchObject({ version: 1 })
  })

  test('is overwritten by one of the same template, or by one of free values alone', async () => {
    await part('88.118.8/part-3')
    const values = [wireValue(2000, 'partNumber', 'P-2'), wireValue(2001, 'name', 'Other pump')]
    expect(codesOf(await create('88.118.8/part-3', { values, flags: FLAG.overwrite }))).toEqual([RC.success])
    expect(await recordOf('88.118.8/part-3')).toMatchObject({ template: 'part', version: 2 })
    const half = [wireValue(2000, 'partNumber', 'P-2')]
    expect(codesOf(await create('88.118.8/part-3', { values: half, flags: FLAG.overwrite }))).toEqual([RC.invalidValue])
    expect(codesOf(await create('88.118.8/part-3', { flags: FLAG.overwrite }))).toEqual([RC.success])
    expect(await recordOf('88.118.8/part-3')).toMatchObject({ template: '', version: 3 })
  })
})

describe('the record of a prefix', () => {
  test('is changed by the identity of its holder, but for the part that is the node’s own', async () => {
    expect(codesOf(await change(OP.addValues, PREFIX, [wireValue(400, 'NOTE', 'ours')]))).toEqual([RC.success])
    expect((await recordOf(PREFIX))!.values.find(({ index }) => index === 400)).toMatchObject({ data: 'ours' })
    expect(codesOf(await removeValues(PREFIX, [400]))).toEqual([RC.success])
    const managed = (await recordOf(PREFIX))!.values.filter(({ index }) => index < 100)
    expect(managed.length).toBeGreaterThan(0)
    const refusal = await change(OP.addValues, PREFIX, [wireValue(50, 'HS_SITE', 'ours')])
    expect(codesOf(refusal)).toEqual([RC.invalidValue])
    const version = (await recordOf(PREFIX))!.version
    for (const indexes of [[managed[0]!.index], [managed[0]!.index, 300]])
      expect(codesOf(await removeValues(PREFIX, indexes))).toEqual([RC.insufficientPermissions])
    expect((await recordOf(PREFIX))!.version).toBe(version)
    expect((await recordOf(PREFIX))!.values.filter(({ index }) => index < 100)).toEqual(managed)
  })

  test('stays as long as the prefix', async () => {
    expect(codesOf(await drop(PREFIX))).toEqual([RC.insufficientPermissions])
  })
})

describe('lists', () => {
  test('come in chunks of fifty, each handle once, without those withdrawn', async () => {
    const names = Array.from({ length: 120 }, (_, at) => `88.118.9/L${String(at).padStart(3, '0')}`)
    await node.put('0.NA/88.118.9', [
      adminValue(100, { handle: '0.NA/88.118.9', index: 300 }),
      storedValue(300, 'HS_SECKEY', 'globex', 0b1100),
    ])
    for (const name of names) await writeIdentifier(node.registry, node.globex, registration(name, 'x'))
    await writeIdentifier(node.registry, node.globex, withdrawal(names[7]!))
    const globex = secretHolder('0.NA/88.118.9', 300, 'globex')
    for (const handle of ['0.NA/88.118.9', '88.118.9']) {
      const messages = await ask(speaker, { opCode: OP.listHandles, body: { kind: 'handle', handle }, holder: globex })
      const lists = messages.map(({ body }) => (body.kind === 'handles' ? body.handles : []))
      expect(lists.map(({ length }) => length)).toEqual([50, 50, 19])
      expect(lists.flat()).toEqual(names.filter((_, at) => at !== 7))
    }
  })

  test('are not for everybody', async () => {
    const body = { kind: 'handle', handle: '0.NA/88.118.9' } as const
    expect(codesOf(await ask(speaker, { opCode: OP.listHandles, body }))).toEqual([RC.authenticationNeeded])
    expect(codesOf(await ask(speaker, { opCode: OP.listHandles, body, holder }))).toEqual([RC.insufficientPermissions])
    expect(codesOf(await ask(speaker, { opCode: OP.listHandles, body: { ...body, handle: '88.1' } }))).toEqual([301])
    expect(codesOf(await ask(speaker, { opCode: OP.listHandles, body: { ...body, handle: '88.118.9/x' } }))).toEqual([
      102,
    ])
  })
})
