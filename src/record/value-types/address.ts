/**
 * Addresses of servers, in the 16 octets that HS_SITE gives them.
 *
 *   IPv4  twelve octets 0, and its four
 *   IPv6  its sixteen; one that begins with twelve octets 0 (`::1`) can't be told from an IPv4 address, and has no bytes
 */
import { EncodingError } from '../../platform/byte-writer.js'

export const ADDRESS_OCTETS = 16
const IPV4_AT = 12
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** @param octets sixteen */
export function addressText(octets: Uint8Array): string {
  if (isIpv4(octets)) return octets.subarray(IPV4_AT).join('.')
  const groups: number[] = []
  for (let at = 0; at < ADDRESS_OCTETS; at += 2) groups.push((octets[at]! << 8) | octets[at + 1]!)
  return ipv6Text(groups)
}

/** RFC 5952: the longest run of two zeros or more is `::`, the first of several. */
function ipv6Text(groups: readonly number[]): string {
  let [start, length] = [0, 1]
  for (let from = 0; from < groups.length; from++) {
    let end = from
    while (groups[end] === 0) end++
    if (end - from > length) [start, length] = [from, end - from]
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  return length === 1 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
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
  return octets.subarray(0, IPV4_AT).every((octet) => octet === 0)
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
