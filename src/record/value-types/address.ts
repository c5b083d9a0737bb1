/**
 * Addresses of servers, in the 16 octets that HS_SITE gives them.
 *
 *   IPv4  twelve octets 0, and its four
 *   IPv6  its sixteen; one that begins with twelve octets 0 (`::1`) can't be told from an IPv4 address, and has no bytes
 */
import { EncodingError } from '../../platform/byte-writer.js'

export const ADDRESS_OCTETS = 16
const GROUPS = 8
const IPV4_AT = 12
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** @param octets sixteen */
export function addressText(octets: Uint8Array): string {
  return isIpv4(octets) ? octets.subarray(IPV4_AT).join('.') : ipv6Text(octets)
}

/** RFC 5952: the longest run of two groups 0 or more is `::`, the first of several. */
function ipv6Text(octets: Uint8Array): string {
  const [start, length] = longestZeros(octets)
  let text = ''
  for (let place = 0; place < GROUPS; place++) {
    if (length > 1 && place === start) {
      text += '::'
      place += length - 1
      continue
    }
    if (place > 0 && !text.endsWith(':')) text += ':'
    text += groupAt(octets, place).toString(16)
  }
  return text
}

function longestZeros(octets: Uint8Array): [start: number, length: number] {
  let [start, length] = [0, 0]
  for (let from = 0; from < GROUPS; from++) {
    let end = from
    while (end < GROUPS && groupAt(octets, end) === 0) end++
    if (end - from > length) [start, length] = [from, end - from]
    from = Math.max(from, end)
  }
  return [start, length]
}

function groupAt(octets: Uint8Array, place: number): number {
  return (octets[place * 2]! << 8) | octets[place * 2 + 1]!
}

/** @throws EncodingError when `text` is no address, or none that can be told apart */
export function addressOctets(text: string): Uint8Array {
  const octets = new Uint8Array(ADDRESS_OCTETS)
  if (IPV4.test(text)) {
    octets.set(text.split('.').map(Number), IPV4_AT)
    return octets
  }
  const canonical = canonicalIpv6(text)
  if (canonical === undefined) throw new EncodingError('address', `${text} is no IPv4 or IPv6 address`)
  for (const [place, group] of groupsOf(canonical).entries()) octets.set([group >>> 8, group & 0xff], place * 2)
  if (isIpv4(octets)) throw new EncodingError('address', `${text} would be read as an IPv4 address`)
  return octets
}

function isIpv4(octets: Uint8Array): boolean {
  for (let at = 0; at < IPV4_AT; at++) if (octets[at] !== 0) return false
  return true
}

/** Any spelling as the URL standard writes it: groups of hexadecimal digits only, and `::`. */
function canonicalIpv6(text: string): string | undefined {
  if (!/^[\da-f:.]{2,45}$/i.test(text)) return undefined
  return URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : undefined
}

function groupsOf(canonical: string): number[] {
  const [before, after] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const missing = after === undefined ? 0 : 8 - before!.length - after.length
  return [...before!, ...Array<string>(missing).fill('0'), ...(after ?? [])].map((group) => Number.parseInt(group, 16))
}
