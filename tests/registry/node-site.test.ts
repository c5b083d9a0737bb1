import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signatureKey } from '../../src/protocols/handle/keys.js'
import { decodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { decodeSite } from '../../src/record/value-types/hs-site.js'
import {
  currentNodeSite,
  findNodeSite,
  NO_SITE,
  type SiteSettings,
  settleNodeSite,
} from '../../src/registry/node-site.js'
import { nodeSigningKey } from '../../src/registry/signing-key.js'
import { SITE_FEED_KEY } from '../../src/resolution/feed-spaces.js'
import { feedOf, type RegistryFixture, registryFixture } from './fixture.js'

const KEY = new Uint8Array(0)
const SETTINGS: SiteSettings = { addresses: ['198.51.100.1', '2001:db8::1'], nativePort: 2641, publicKey: KEY }

let fixture: RegistryFixture
beforeAll(async () => {
  fixture = await registryFixture()
})
afterAll(() => fixture.close())

test('the first start makes the site, a later one with the same settings leaves it, and a change raises its serial', async () => {
  const { registry, db } = fixture
  expect(await findNodeSite(db)).toEqual(NO_SITE)
  expect(await settleNodeSite(registry, SETTINGS)).toMatchObject({ change: 1, serial: 1 })
  expect(await settleNodeSite(registry, SETTINGS)).toMatchObject({ change: 1, serial: 1 })
  const withHttp = await settleNodeSite(registry, { ...SETTINGS, httpPort: 8000, isTls: true })
  expect(withHttp).toMatchObject({ change: 2, serial: 2 })
  expect(withHttp.sites.map((octets) => siteOf(octets))).toMatchObject([
    { serial: 2, servers: [{ address: '198.51.100.1' }] },
    { serial: 2, servers: [{ address: '2001:db8::1' }] },
  ])
  expect(siteOf(withHttp.sites[0]!).servers[0]!.interfaces).toEqual([
    { type: 3, transport: 1, port: 2641 },
    { type: 2, transport: 0, port: 2641 },
    { type: 3, transport: 2, port: 8000 },
    { type: 3, transport: 3, port: 8000 },
  ])
  expect(await feedOf(db, SITE_FEED_KEY)).toEqual([1, 2])
  expect(await settleNodeSite(registry, { ...SETTINGS, nativePort: undefined })).toMatchObject({ sites: [] })
})

test('serials of 16 bits begin anew before the one that means "not known"', async () => {
  const { registry, db } = fixture
  await db.query('update node_site set serial = 65534')
  expect(await settleNodeSite(registry, { ...SETTINGS, nativePort: 1304 })).toMatchObject({ serial: 1 })
})

test('a process has it at hand, and hears of its changes by the feed', async () => {
  const { registry, db } = fixture
  let tell: (key: string, version: number) => void = () => undefined
  let polled: () => void = () => undefined
  const knowledge = {
    onChange: (listener: typeof tell) => {
      tell = listener
    },
    onReset: () => undefined,
    onPolled: (listener: typeof polled) => {
      polled = listener
    },
  }
  let failures = 1
  const flaky: Pick<typeof db, 'query'> = {
    query: (text, parameters) => {
      const fails = failures-- === 0
      return fails ? Promise.reject(new Error('away')) : db.query(text, parameters)
    },
  }
  const site = await currentNodeSite(flaky, knowledge)
  const { serial } = site()
  await settleNodeSite(registry, { ...SETTINGS, nativePort: 2642 })
  expect(site().serial).toBe(serial)
  tell(SITE_FEED_KEY, 9)
  polled()
  // The first look failed: the next poll looks again.
  for (let tries = 0; site().serial === serial && tries < 500; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    polled()
  }
  expect(site().serial).toBe(serial + 1)
})

test('the key that signs is made once, and is the one in HS_SITE that clients check with', async () => {
  const { db } = fixture
  const keys = await Promise.all([nodeSigningKey(db), nodeSigningKey(db)])
  expect(Buffer.compare(keys[0]!.publicKey, keys[1]!.publicKey)).toBe(0)
  const octets = Buffer.from('an answer')
  const signature = sign('sha256', octets, keys[0]!.privateKey)
  const read = decodePublicKey((await nodeSigningKey(db)).publicKey)
  if (!read.ok) throw new Error(read.message)
  expect(verify('sha256', octets, signatureKey(read.value)!, signature)).toBe(true)
})

test('a configured key takes its place; one that cannot sign is refused with the reason', async () => {
  const { db } = fixture
  const pemOf = (bits: number) =>
    generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const pem = pemOf(2048)
  const key = await nodeSigningKey(db, pem)
  expect(createPublicKey(key.privateKey).equals(createPublicKey(pem))).toBe(true)
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  for (const [text, why] of [
    [pemOf(1024), /1024 bits/],
    [ed25519, /not for RSA/],
    ['no key', /PEM/],
  ] as const)
    await expect(nodeSigningKey(db, text)).rejects.toThrow(why)
})

function siteOf(octets: Uint8Array) {
  const site = decodeSite(octets)
  if (!site.ok) throw new Error(site.message)
  return site.value
}
