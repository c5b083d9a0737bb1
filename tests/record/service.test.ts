import { describe, expect, test } from 'vitest'
import {
  describeService,
  locationsOf,
  nativeInterfaces,
  serviceValues,
  siteFault,
  sitesOf,
} from '../../src/record/service.js'
import { decodeSite, encodeSite, type Site } from '../../src/record/value-types/hs-site.js'

const ABOUT = { serial: 7, protocolVersion: { major: 2, minor: 11 } }
const V4 = { address: '203.0.113.7', interfaces: nativeInterfaces(2641) }
const V6 = { address: '2001:db8::7', interfaces: nativeInterfaces(1304) }

describe('sites of one server', () => {
  test('its first interface is TCP for everything: of a site where it is not, the national SDK goes over to UDP', () => {
    const site = siteOf(sitesOf([V4], ABOUT)[0]!)
    expect(site).toMatchObject({ format: 1, serial: 7, flags: 0x80, hashOption: 2 })
    expect(site.servers[0]!.interfaces).toEqual([
      { type: 3, transport: 1, port: 2641 },
      { type: 2, transport: 0, port: 2641 },
    ])
  })

  test('each address is a site of its own: servers of one site would share its handles out', () => {
    const sites = sitesOf([V4, V6], ABOUT).map(siteOf)
    expect(sites.map(({ servers }) => servers.map(({ address }) => address))).toEqual([
      ['203.0.113.7'],
      ['2001:db8::7'],
    ])
    expect(sites.map(({ flags }) => flags)).toEqual([0xc0, 0xc0])
  })

  test('an IPv6 site has the type that clients ask for beside HS_SITE; a referral of prefixes has its own types', () => {
    const service = { handle: '', sites: sitesOf([V4, V6], ABOUT) }
    const types = (asPrefix: boolean) =>
      serviceValues(service, { timestampSeconds: 1, asPrefix }).map(({ type }) => type)
    expect(types(false)).toEqual(['HS_SITE', 'HS_SITE.6'])
    expect(types(true)).toEqual(['HS_SITE.PREFIX', 'HS_SITE.PREFIX'])
    expect(serviceValues({ handle: '88.118/service', sites: [] }, { timestampSeconds: 1 })).toMatchObject([
      { index: 10, type: 'HS_SERV', data: '88.118/service', permissions: 0b1110 },
    ])
  })

  test('where it is, for people and for programs that do not read HS_SITE', () => {
    const service = { handle: '', sites: sitesOf([V6], ABOUT) }
    expect(locationsOf(service)).toEqual([
      { address: '2001:db8::7', port: 1304, transport: 'tcp', use: 'both' },
      { address: '2001:db8::7', port: 1304, transport: 'udp', use: 'lookups' },
    ])
    expect(describeService(service)).toBe('tcp://[2001:db8::7]:1304, udp://[2001:db8::7]:1304')
    expect(describeService({ handle: '88.118/service', sites: [] })).toBe('hdl:88.118/service')
  })
})

test.each<[string, Partial<Site>, RegExp | undefined]>([
  ['as it should be', {}, undefined],
  ['without a server', { servers: [] }, /no server/],
  ['with no address', { servers: [server({ address: '0.0.0.0' })] }, /without an address/],
  ['with no interface', { servers: [server({ interfaces: [] })] }, /takes no look-ups/],
  [
    'for administration only',
    { servers: [server({ interfaces: [{ type: 1, transport: 1, port: 1 }] })] },
    /no look-ups/,
  ],
  ['with port 0', { servers: [server({ interfaces: [{ type: 3, transport: 1, port: 0 }] })] }, /the port 0/],
  [
    'with a port past the last',
    { servers: [server({ interfaces: [{ type: 3, transport: 1, port: 65_536 }] })] },
    /65536/,
  ],
])('a site %s', (_name, changed, fault) => {
  const octets = encodeSite({ ...siteOf(sitesOf([V4], ABOUT)[0]!), ...changed })
  if (fault === undefined) expect(siteFault(octets)).toBeUndefined()
  else expect(siteFault(octets)).toMatch(fault)
})

test('octets that are no site are told what is wrong with them', () => {
  expect(siteFault(Uint8Array.of(0, 1, 2))).toMatch(/no HS_SITE/)
  expect(siteFault(new Uint8Array(20_000))).toMatch(/at most/)
})

function siteOf(octets: Uint8Array): Site {
  const site = decodeSite(octets)
  if (!site.ok) throw new Error(site.message)
  return site.value
}

function server(changed: Partial<Site['servers'][number]>): Site['servers'][number] {
  return { id: 1, address: '203.0.113.7', publicKey: new Uint8Array(0), interfaces: nativeInterfaces(2641), ...changed }
}
