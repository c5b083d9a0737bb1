/**
 * Who asks, when proxies stand in between: the nearest address that is not one of a proxy whose word counts. The same
 * rule as fastify's `request.ip`, for requests that fastify does not see.
 */
import { BlockList, isIP } from 'node:net'

/** `forwardedFor`: X-Forwarded-For, the nearest hop last. */
export type ClientAddress = (peer: string | undefined, forwardedFor: string | undefined) => string

/** `trusted` as the setting has it: none, any, or addresses and networks. */
export function clientAddress(trusted: boolean | string | readonly string[]): ClientAddress {
  if (trusted === false) return (peer) => plainAddress(peer ?? '')
  const isTrusted = trusted === true ? () => true : listed(typeof trusted === 'string' ? [trusted] : trusted)
  return (peer, forwardedFor) => {
    let address = plainAddress(peer ?? '')
    const hops = forwardedFor === undefined ? [] : forwardedFor.split(',')
    while (hops.length > 0 && isTrusted(address)) {
      const before = plainAddress(hops.pop()!.trim())
      // What is no address is nobody's word.
      if (isIP(before) === 0) break
      address = before
    }
    return address
  }
}

/** An IPv4 address that came over an IPv6 socket is written as what it is. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

export function joinedValues(field: string | readonly string[] | undefined): string | undefined {
  return typeof field === 'string' ? field : field?.join(', ')
}

function listed(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [host, mask] = network.trim().split('/') as [string, string?]
    const family = isIP(host) === 6 ? 'ipv6' : 'ipv4'
    if (mask === undefined) list.addAddress(host, family)
    else list.addSubnet(host, Number(mask), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
