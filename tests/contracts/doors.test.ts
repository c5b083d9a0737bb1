/** One record, every door: whatever is registered, all doors give the same of it, at once, whole or in part. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleClient } from '../../src/protocols/handle/client/client.js'
import { FIRST_ATTRIBUTE_INDEX, RESERVED_INDEXES } from '../../src/record/template.js'
import { encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { encodePublicKey, withSign } from '../../src/record/value-types/hs-pubkey.js'
import { encodeSite } from '../../src/record/value-types/hs-site.js'
import { encodeValueList } from '../../src/record/value-types/hs-vlist.js'
import { admin, octets, references, site } from '../record/value-types/arbitraries.js'
import { makeEnterprise, type TestNode, testNode } from '../support/node.js'
import { type Addresses, type Asked, DOORS, type Given, type GivenValue, type NativeTransport } from './doors.js'

let node: TestNode
let apiKey: string
let addresses: Addresses
beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0' } })
  apiKey = (await makeEnterprise(node, { id: 'acme', prefix: '88.118.8' })).apiKey
  const { port, httpPort } = node.handle
  const client = (transport: NativeTransport) =>
    handleClient({
      start: {
        kind: 'servers',
        servers: [{ transport, host: '127.0.0.1', port: (transport === 'http' ? httpPort : port)! }],
      },
    })
  addresses = {
    rest: node.url,
    handleHttp: `http://127.0.0.1:${httpPort}`,
    native: { udp: client('udp'), tcp: client('tcp'), http: client('http') },
  }
})
afterAll(async () => {
  for (const client of Object.values(addresses?.native ?? {})) await client.close()
  await node?.close()
})

/** Thousands of look-ups, by six doors. */
const PATIENCE_MS = 180_000

const hex = (data: Uint8Array) => ({ format: 'hex', value: Buffer.from(data).toString('hex') })
const number = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => withSign(new Uint8Array(bytes)))
const small = fc.integer({ min: 0, max: 0xffff })

/** Structures that have a word for everything in them: JSON of the Handle System has none for the rest (codec-data-json.ts). */
const structured = fc.oneof(
  admin.map((one) => ['HS_ADMIN', hex(encodeAdmin({ ...one, hasTail: false }))] as const),
  references.map((list) => ['HS_VLIST', hex(encodeValueList(list))] as const),
  fc
    .tuple(number, number)
    .map(
      ([exponent, modulus]) =>
        ['HS_PUBKEY', hex(encodePublicKey({ kind: 'rsa', flags: 0, exponent, modulus }))] as const,
    ),
  fc.tuple(site, fc.array(small, { maxLength: 3 })).map(([one, ports]) => {
    const interfaces = ports.map((port, place) => ({ type: (place % 3) + 1, transport: port % 4, port }))
    const servers = one.servers.map((server) => ({ ...server, publicKey: new Uint8Array(0), interfaces }))
    return [
      'HS_SITE',
      hex(encodeSite({ ...one, flags: one.flags & 0xc0, hashOption: one.hashOption % 3, servers })),
    ] as const
  }),
  octets().map((any) => ['HS_SITE', hex(Uint8Array.of(0xff, ...any))] as const),
  octets().map((any) => ['HS_SECKEY', hex(any)] as const),
)
const free = fc.tuple(
  fc.oneof(
    fc.constantFrom('URL', 'url', 'EMAIL', 'URL.other', '10320/loc'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  ),
  fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), octets().map(hex), octets(3000).map(hex)),
)
const typed = fc.oneof({ weight: 2, arbitrary: free }, { weight: 1, arbitrary: structured })

const index = fc.oneof(
  fc.integer({ min: 1, max: FIRST_ATTRIBUTE_INDEX - 1 }).filter((one) => !RESERVED_INDEXES.includes(one)),
  fc.integer({ min: FIRST_ATTRIBUTE_INDEX, max: 0xffff_ffff }),
)
const value = fc
  .record({
    index,
    typed,
    ttlSeconds: fc.oneof(fc.integer({ min: 0, max: 0x7fff_ffff }), fc.constant(86_400)),
    permissions: fc.oneof(
      { weight: 4, arbitrary: fc.constant('1110') },
      { weight: 1, arbitrary: fc.nat(15).map((bits) => bits.toString(2).padStart(4, '0')) },
    ),
    references: fc.array(fc.record({ handle: fc.constantFrom('88.118.8/a', '0.NA/88.118.8'), index: fc.nat(5) }), {
      maxLength: 2,
    }),
  })
  .map(({ typed: [type, data], ...rest }) => ({ ...rest, type, data }))
const values = fc.uniqueArray(value, { selector: ({ index: one }) => one, maxLength: 8 })

function write(handle: string, init: { readonly method: string; readonly body?: string }): Promise<Response> {
  const json = init.body === undefined ? {} : { 'content-type': 'application/json' }
  return fetch(`${node.url}/v1/identifiers/${encodeURIComponent(handle)}`, {
    ...init,
    headers: { authorization: `Bearer ${apiKey}`, ...json },
  })
}

async function register(handle: string, body: object): Promise<boolean> {
  const { status } = await write(handle, { method: 'PUT', body: JSON.stringify(body) })
  if (status !== 200 && status !== 201 && status !== 422) throw new Error(`status ${status}`)
  return status !== 422
}

/** What all doors agree on. */
async function truthOf(asked: Asked): Promise<Given> {
  const given = await Promise.all(DOORS.map((door) => door.ask(addresses, asked)))
  const [first, ...others] = DOORS.map(({ name }, place) => ({ name, given: given[place]! }))
  for (const other of others)
    expect({ of: asked, ...other }).toEqual({ of: asked, name: other.name, given: first!.given })
  return first!.given
}

function valuesOf(given: Given): readonly GivenValue[] {
  if (given === 'none') throw new Error('there is no such handle')
  return given
}

const whole = (handle: string): Asked => ({ handle, indexes: [], types: [] })

test(
  'any record is the same truth at every door, replaced at every door, and gone at every door',
  async () => {
    let [registered, shown] = [0, 0]
    await fc.assert(
      fc.asyncProperty(values, values, fc.boolean(), async (before, after, isHit) => {
        const handle = `88.118.8/Any-${registered}`
        if (!(await register(handle, { values: before }))) return
        registered += 1
        if (isHit) await truthOf(whole(handle))
        const given = await truthOf(whole(handle))
        const visible = before.filter(({ permissions }) => permissions[2] === '1').map((one) => one.index)
        expect(valuesOf(given).map((one) => one.index)).toEqual(visible.sort((a, b) => a - b))
        shown += visible.length

        for (const { index: one, type } of before.slice(0, 3)) {
          await truthOf({ handle, indexes: [one], types: [] })
          await truthOf({ handle, indexes: [7], types: [type, `${type}.`] })
        }
        if (await register(handle, { values: after })) await truthOf(whole(handle))
        await write(handle, { method: 'DELETE' })
        expect(await truthOf(whole(handle))).toBe('none')
      }),
      { numRuns: 25 },
    )
    // The generator must not be making what is refused, or what nobody may read.
    expect(registered).toBeGreaterThan(15)
    expect(shown).toBeGreaterThan(25)
  },
  PATIENCE_MS,
)

test('a record of a template is values to doors that know no templates', async () => {
  const attributes = { partNumber: 'P-1', name: '离心泵', mass: '1.5' }
  await register('88.118.8/part', {
    template: 'part',
    attributes,
    values: [{ index: 1, type: 'URL', data: 'https://x.example/' }],
  })
  const given = await truthOf(whole('88.118.8/part'))
  expect(valuesOf(given).map(({ type }) => type)).toEqual(['URL', 'partNumber', 'name', 'mass'])
  await truthOf({ handle: '88.118.8/part', indexes: [2001], types: ['MASS'] })
})

test.each(['88.118.8/none', '88.118.8/a/b c中'])('what is not registered is nowhere: %s', async (handle) => {
  expect(await truthOf(whole(handle))).toBe('none')
})
