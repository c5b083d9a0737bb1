/**
 * Where this node lets itself be sent. Addresses come from referrals, redirects and names that others control; without a
 * guard any of them could make the node ask its own machine, its neighbours, or the host's metadata service.
 *
 * Checked three times: as written, after the name was looked up (all of its addresses), and on the connected socket. What
 * was looked up is what is connected to, so that a name cannot mean something else a moment later.
 *
 * Private networks may be right for a peer: they are allowed network by network, port by port, for that peer only.
 *
 * Ranges: the special-purpose registries of IPv4 and IPv6 (RFC 6890 and its updates).
 */
import dns from 'node:dns'
import { BlockList, isIP, isIPv6, type LookupFunction, type Socket } from 'node:net'
import os from 'node:os'
import { NodeError } from './errors.js'
import { readHost } from './host-spelling.js'

const FORBIDDEN_NETWORKS = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Only 2000::/3 is given to hosts; all ways to write IPv4 in IPv6 lie outside of it, but for Teredo and 6to4.
  ...['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
]

/** One network and the ports in it that a peer may send us to. */
export interface AllowedNetwork {
  readonly address: string
  readonly bits: number
  readonly leastPort: number
  readonly mostPort: number
}

export interface Place {
  readonly host: string
  readonly port: number
}

export interface AddressGuardOptions {
  readonly allowed?: readonly AllowedNetwork[]
  /** Given by whoever runs the node: wherever these lead, it is his own choice. */
  readonly given?: readonly Place[]
  /** Default `dns.lookup`. */
  readonly lookup?: LookupFunction
  /** Default: those of the machine's interfaces. */
  readonly ownAddresses?: () => readonly string[]
  /** Where others reach this node itself; whatever is allowed, it does not go there. Default: nowhere. */
  readonly ownPlaces?: () => readonly Place[]
}

export class AddressGuard {
  private readonly allowed: readonly { readonly network: BlockList; readonly ports: AllowedNetwork }[]
  private readonly given: readonly Place[]
  private readonly resolve: LookupFunction
  private readonly ownAddresses: () => readonly string[]
  private readonly ownPlaces: () => readonly Place[]

  constructor({
    allowed = [],
    given = [],
    lookup = dns.lookup as LookupFunction,
    ownAddresses = ofThisMachine,
    ownPlaces = () => [],
  }: AddressGuardOptions) {
    this.allowed = allowed.map((ports) => ({ network: networkOf(ports), ports }))
    this.given = given
    this.resolve = lookup
    this.ownAddresses = ownAddresses
    this.ownPlaces = ownPlaces
  }

  /** Why it must not be asked; undefined when it may be, and for names, whose addresses are looked at when they are known. */
  refusalOf(host: string, port: number): string | undefined {
    if (this.isGiven(host, port)) return undefined
    const read = readHost(host)
    if (read.kind === 'malformed') return `${quoted(host)} is neither an address nor a name of a host`
    return read.kind === 'address' ? this.addressRefusal(read.address, port) : undefined
  }

  /** As `refusalOf`, where only addresses are taken. */
  literalRefusal(host: string, port: number): string | undefined {
    const read = readHost(host)
    return read.kind === 'name' ? `${quoted(host)} is a name, where an address is needed` : this.refusalOf(host, port)
  }

  isGiven(host: string, port: number): boolean {
    return this.given.some((place) => place.host === host && place.port === port)
  }

  /** For `net.connect` and `tls.connect`: gives no address at all when one of them is forbidden. */
  lookupFor(port: number): LookupFunction {
    return (name, options, done) =>
      this.resolve(name, options, (error, addresses, family) => {
        if (error) return done(error, addresses, family)
        const all = typeof addresses === 'string' ? [addresses] : addresses.map(({ address }) => address)
        const why = all.map((address) => this.addressRefusal(address, port)).find((refusal) => refusal !== undefined)
        if (why === undefined) return done(null, addresses, family)
        done(forbidden(`${quoted(name)} leads to a forbidden address: ${why}`), [], 0)
      })
  }

  /** Of a connected socket. */
  peerRefusal({ remoteAddress, remotePort }: Socket): string | undefined {
    if (remoteAddress === undefined || remotePort === undefined) return 'the connection has gone'
    return this.addressRefusal(remoteAddress, remotePort)
  }

  private addressRefusal(address: string, port: number): string | undefined {
    const bare = address.split('%')[0]!
    if (this.ownPlaces().some((place) => place.port === port && place.host === bare))
      return `${bare} at port ${port} is this node itself`
    const family = isIPv6(bare) ? 'ipv6' : 'ipv4'
    if (isIP(bare) === 0) return `${quoted(address)} is no address`
    const isAllowed = this.allowed.some(
      ({ network, ports }) =>
        isIPv6(ports.address) === isIPv6(bare) &&
        network.check(bare, family) &&
        port >= ports.leastPort &&
        port <= ports.mostPort,
    )
    if (isAllowed) return undefined
    if (FORBIDDEN[family].check(bare, family))
      return `${bare} is not a public address, and not allowed for this peer at port ${port}`
    return this.isOwn(bare, family) ? `${bare} is this machine's own address` : undefined
  }

  private isOwn(address: string, family: 'ipv4' | 'ipv6'): boolean {
    const own = new BlockList()
    for (const one of this.ownAddresses()) own.addAddress(one, isIPv6(one) ? 'ipv6' : 'ipv4')
    return own.check(address, family)
  }
}

/** `not-permitted`: nothing was sent. */
export function forbidden(why: string): NodeError {
  return new NodeError('not-permitted', `This node does not go there: ${why}.`)
}

const NETWORK = /^(?:\[([\da-f:.]+)(?:\/(\d{1,3}))?\]|([\d.]+)(?:\/(\d{1,2}))?):(\d{1,5})(?:-(\d{1,5}))?$/i

/**
 *   10.2.0.0/16:2641   127.0.0.1:9000-9100   [fd00::/8]:2641
 *
 * @throws Error that says what is expected
 */
export function parseAllowedNetwork(text: string): AllowedNetwork {
  const [, six, sixBits, four, fourBits, least = '', most = least] = NETWORK.exec(text) ?? []
  const address = six ?? four ?? ''
  const family = isIP(address)
  const width = family === 4 ? 32 : 128
  const bits = Number(sixBits ?? fourBits ?? width)
  const [leastPort, mostPort] = [Number(least), Number(most)]
  const isRight = family === (six === undefined ? 4 : 6) && bits <= width && leastPort >= 1 && mostPort <= 65_535
  if (!isRight || leastPort > mostPort)
    throw new Error(
      `expected a network with ports, such as 10.2.0.0/16:2641 or [fd00::/8]:2641-2650; "${text}" is none`,
    )
  return { address, bits, leastPort, mostPort }
}

function networkOf({ address, bits }: Pick<AllowedNetwork, 'address' | 'bits'>): BlockList {
  const list = new BlockList()
  list.addSubnet(address, bits, isIPv6(address) ? 'ipv6' : 'ipv4')
  return list
}

/** One for each family: a list takes an IPv4 address for the IPv6 address that maps it, too. */
const FORBIDDEN = { ipv4: forbiddenNetworks(4), ipv6: forbiddenNetworks(6) }

function forbiddenNetworks(family: 4 | 6): BlockList {
  const list = new BlockList()
  for (const network of FORBIDDEN_NETWORKS) {
    const [address = '', bits] = network.split('/')
    if (isIP(address) === family) list.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4')
  }
  return list
}

const OWN_ADDRESSES_KEPT_MS = 5_000
let known: { readonly addresses: readonly string[]; readonly untilMs: number } = { addresses: [], untilMs: 0 }

/** Interfaces come and go; asking for them at every request would be a waste. */
function ofThisMachine(): readonly string[] {
  if (performance.now() < known.untilMs) return known.addresses
  const addresses = Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
  known = { addresses, untilMs: performance.now() + OWN_ADDRESSES_KEPT_MS }
  return addresses
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
