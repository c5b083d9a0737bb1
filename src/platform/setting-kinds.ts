/** Readers of one environment variable's text. Each throws an Error whose message says what is expected. */
import { isIP } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type AllowedNetwork, parseAllowedNetwork } from './address-guard.js'

export type ReadSetting<Value> = (text: string) => Value

export function wholeNumber(least: number, most: number): ReadSetting<number> {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < least || value > most) {
      throw new Error(`expected a whole number from ${least} to ${most}`)
    }
    return value
  }
}

export function portOrNone(text: string): number | 'none' {
  if (text.toLowerCase() === 'none') return 'none'
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error('expected none, or a whole number from 0 to 65535')
}

const MAX_WORKERS = 64

/** `auto`: as many as processor cores are at hand. */
export function workerCount(text: string): number {
  if (text.toLowerCase() === 'auto') return Math.min(MAX_WORKERS, os.availableParallelism())
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_WORKERS) return value
  throw new Error(`expected auto, or a whole number from 1 to ${MAX_WORKERS}`)
}

export function fraction(text: string): number {
  const value = Number(text)
  if (!/^\d*\.?\d+$/.test(text) || value > 1) throw new Error('expected a number from 0 to 1')
  return value
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  k: 1e3,
  m: 1e6,
  g: 1e9,
}

/** `268435456`, `256MiB`, `1.5 GB`. */
export function byteCount(least: number, most: number): ReadSetting<number> {
  return (text) => {
    const [, digits, unit] = /^(\d+(?:\.\d+)?) ?(|[kmg]i?)b?$/i.exec(text) ?? []
    const value = Math.floor(Number(digits) * (BYTES_PER_UNIT[unit?.toLowerCase() ?? ''] ?? Number.NaN))
    if (!(value >= least && value <= most)) {
      throw new Error(`expected a size from ${formatBytes(least)} to ${formatBytes(most)}, such as 256MiB`)
    }
    return value
  }
}

function formatBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${bytes / 2 ** 30}GiB` : `${bytes / 2 ** 20}MiB`
}

export function yesOrNo(text: string): boolean {
  if (/^(true|yes|on|1)$/i.test(text)) return true
  if (/^(false|no|off|0)$/i.test(text)) return false
  throw new Error('expected true or false')
}

export function oneOf<const Choice extends string>(choices: readonly Choice[]): ReadSetting<Choice> {
  return (text) => {
    const choice = choices.find((known) => known === text.toLowerCase())
    if (choice === undefined) throw new Error(`expected one of ${choices.join(', ')}`)
    return choice
  }
}

export function address(protocols: readonly string[]): ReadSetting<string> {
  return (text) => {
    const expected = `expected an address that starts with ${protocols.map((name) => `${name}://`).join(' or ')}`
    // The text may hold a password: it is not repeated.
    if (!URL.canParse(text)) throw new Error(expected)
    const url = new URL(text)
    if (!protocols.includes(url.protocol.slice(0, -1))) throw new Error(expected)
    if (url.hostname === '' && url.protocol !== 'unix:' && !url.searchParams.has('host')) {
      throw new Error(`${expected} and names a host`)
    }
    return text
  }
}

export function secret(leastLength: number): ReadSetting<string> {
  return (text) => {
    if (text.length < leastLength) throw new Error(`expected at least ${leastLength} characters`)
    return text
  }
}

export function file(text: string): string {
  return path.resolve(text)
}

export function folder(text: string): string {
  return path.resolve(text)
}

export function hostName(text: string): string {
  if (!/^[\w.:%-]+$/.test(text)) throw new Error('expected a host name or an address, such as 127.0.0.1, 0.0.0.0 or ::')
  return text
}

/** IP addresses, separated by commas. */
export function addresses(text: string): readonly string[] {
  const all = text.split(',').map((part) => part.trim())
  const wrong = all.find((part) => isIP(part) === 0 || NOBODYS_ADDRESS.test(part))
  if (wrong === undefined && all.length <= MAX_ADDRESSES) return all
  throw new Error(
    `expected 1 to ${MAX_ADDRESSES} addresses at which others reach this node, such as 203.0.113.5,2001:db8::5`,
  )
}

const MAX_ADDRESSES = 8
/** Of no machine or of every one; with a zone, which only this machine knows; and IPv4 addresses in other spellings. */
const NOBODYS_ADDRESS = /^(?:0\.0\.0\.0$|::1?$|::ffff:)|%/i

export interface Endpoint {
  readonly address: string
  readonly port: number
}

/** Addresses, each with a port or without: `203.0.113.9`, `203.0.113.9:2641`, `[2001:db8::9]:2641`. */
export function endpoints(defaultPort: number): ReadSetting<readonly Endpoint[]> {
  return (text) => text.split(',').map((part) => endpoint(part.trim(), defaultPort))
}

function endpoint(text: string, defaultPort: number): Endpoint {
  const [, bracketed, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^[\]]+?))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const isBare = isIP(text) !== 0
  const host = isBare ? text : (bracketed ?? plain ?? '')
  const port = isBare || digits === undefined ? defaultPort : Number(digits)
  const family = isIP(host)
  const isAmbiguous = !isBare && bracketed === undefined && family === 6
  if (family === 0 || isAmbiguous || port < 1 || port > 65_535)
    throw new Error(
      'expected addresses with ports, such as 203.0.113.9:2641 or [2001:db8::9]:2641, separated by commas',
    )
  return { address: host, port }
}

const MAX_PARENTS = 8
const PARENT_PROTOCOLS: readonly string[] = ['tcp:', 'udp:', 'http:', 'https:']

/** Of one node, by the native protocol, by our own API, or by both. */
export function parentAddresses(text: string): readonly string[] {
  const all = text.split(',').map((part) => part.trim())
  const protocols = all.map((part) => (URL.canParse(part) ? new URL(part).protocol : ''))
  const isKnown = protocols.every((name) => PARENT_PROTOCOLS.includes(name))
  const isBare = all.every((part) => /^\w+:\/\/[^/?#@\s]+\/?$/.test(part))
  if (isKnown && isBare && all.length <= MAX_PARENTS) return all
  throw new Error(
    `expected 1 to ${MAX_PARENTS} addresses of one node, native such as tcp://203.0.113.9:2641, or of its API such as https://node.example`,
  )
}

/** Whether a parent is reached there by our own API; else it is by the native protocol. */
export function isApiAddress(address: string): boolean {
  return /^https?:/i.test(address)
}

export type Following = 'follow' | 'refer' | 'refuse'

/** One word for all askers, or one each: `public=refer,known=follow`. */
export function followings(text: string): Readonly<Record<'public' | 'known', Following>> {
  const [, one] = /^(follow|refer|refuse)$/i.exec(text) ?? []
  if (one !== undefined) return { public: one.toLowerCase() as Following, known: one.toLowerCase() as Following }
  const words = new Map(
    text.split(',').map((part): [string, string] => {
      const [asker = '', word = ''] = part.trim().toLowerCase().split('=')
      return [asker, word]
    }),
  )
  const chosen = { public: words.get('public'), known: words.get('known') }
  const isRight = Object.values(chosen).every((word) => word === 'follow' || word === 'refer' || word === 'refuse')
  if (isRight && words.size === 2) return chosen as Record<'public' | 'known', Following>
  throw new Error('expected follow, refer or refuse, or one for each kind of asker, such as public=refer,known=follow')
}

/** `parent=10.0.0.0/8:2641,88.118.8=127.0.0.1/32:2641-2650`: networks by the peer that they are allowed for. */
export function peerNetworks(text: string): Readonly<Record<string, readonly AllowedNetwork[]>> {
  const networks = new Map<string, AllowedNetwork[]>()
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue
    const [, peer, network] = /^(parent|[a-z\d.:-]{1,64})=(\S+)$/i.exec(part) ?? []
    if (peer === undefined || network === undefined)
      throw new Error('expected networks with their peers, such as parent=10.0.0.0/8:2641,88.118.8=10.2.0.0/16:2641')
    networks.set(peer.toLowerCase(), [...(networks.get(peer.toLowerCase()) ?? []), parseAllowedNetwork(network)])
  }
  return Object.fromEntries(networks)
}

/** `all`, or prefixes with commas. */
export function prefixList(text: string): readonly string[] {
  const all = text
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
  if (all.every((prefix) => /^(all|[a-z\d-]+(\.[a-z\d-]+)*)$/.test(prefix))) return all
  throw new Error('expected all, or prefixes such as 88.118.8,88.118.9')
}

export function nodeName(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text))
    throw new Error('expected at most 64 letters, digits, dots, hyphens and underscores')
  return text
}

/** `false`: none; `true`: any; or the addresses and networks of the proxies in front, separated by commas. */
export function proxies(text: string): boolean | readonly string[] {
  if (/^(true|false)$/i.test(text)) return yesOrNo(text)
  const addresses = text.split(',').map((part) => part.trim())
  const wrong = addresses.find((part) => !isNetwork(part))
  if (wrong === undefined) return addresses
  throw new Error(`expected true, false, or addresses of proxies such as 10.0.0.0/8,127.0.0.1; "${wrong}" is none`)
}

/** An address, or one with the length of its network mask: 1 to 32 bits, for IPv6 1 to 128. */
function isNetwork(text: string): boolean {
  const [, host = '', mask] = /^([\da-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? []
  const family = isIP(host)
  if (family === 0) return false
  return mask === undefined || (Number(mask) >= 1 && Number(mask) <= (family === 4 ? 32 : 128))
}

const HEADER_NAME = /^[A-Za-z][A-Za-z\d-]{0,63}$/

export function headerName(text: string): string {
  if (HEADER_NAME.test(text)) return text
  throw new Error('expected the name of a header field, such as CF-IPCountry')
}

export interface HandleIdentity {
  readonly handle: string
  readonly index: number
}

const HANDLE_IDENTITY = /^(\d{1,10}):([^,]+\/[^,]+)$/

/** `300:0.NA/88.118`: the value that holds a key, and the handle it is of. */
export function handleIdentities(text: string): readonly HandleIdentity[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [, index, handle] = HANDLE_IDENTITY.exec(part.trim()) ?? []
    if (index !== undefined && handle !== undefined && Number(index) <= 0xffff_ffff) {
      return { handle, index: Number(index) }
    }
    throw new Error(`expected identities such as 300:0.NA/88.118 with commas between them; "${part.trim()}" is none`)
  })
}

/** A name of the IANA time zone database. */
export function timeZone(text: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch {
    throw new Error('expected the name of a time zone, such as Asia/Shanghai or UTC')
  }
}

/** The prefix of a node, in canonical form: `88.118`. */
export function prefixName(text: string): string {
  if (/^(?=.{1,64}$)[a-z\d-]+(?:\.[a-z\d-]+)*$/.test(text)) return text
  throw new Error('expected a prefix in small letters, such as 88.118')
}

export function enterpriseId(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/.test(text)) return text
  throw new Error('expected 1 to 64 small letters, digits and hyphens, not beginning with a hyphen')
}
