/**
 * Which IP address a host is, however it is written. Resolvers and URL parsers in use take many spellings for the same
 * address, and what one of them takes for 127.0.0.1 must not pass here for a name:
 *
 *   127.1  2130706433  0x7f000001  017700000001  127.0.0.1.       numbers, shortened, with a last dot
 *   １２７.０.０.１  ①②⑦.⓪.⓪.①  127。0。0。1                      digits and dots that compatibility folds
 *   [::1]  ::ffff:127.0.0.1  fe80::1%eth0                          brackets, mapped addresses, zones
 *
 * Sources: WHATWG URL §3.5 (host parsing), inet_aton(3), RFC 4291 §2.2, RFC 6874.
 */
import { isIP } from 'node:net'

export type Host =
  /** In the form that `node:net` takes, without brackets and zone. */
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'malformed' }

const MALFORMED: Host = { kind: 'malformed' }
const MAX_LENGTH = 255

export function readHost(text: string): Host {
  if (text === '' || text.length > MAX_LENGTH) return MALFORMED
  const bare = text.replace(/^\[(.*)\]$/s, '$1')
  const [withoutZone = '', ...zone] = bare.split('%')
  if (isIP(withoutZone) === 6) return { kind: 'address', address: withoutZone }
  // A zone belongs to IPv6 addresses, a bracket around them.
  if (zone.length > 0 || bare !== text) return MALFORMED
  return isIP(text) === 4 ? { kind: 'address', address: text } : readByUrl(text)
}

/** The URL parser knows every spelling of IPv4. It must be given a host and nothing else. */
function readByUrl(text: string): Host {
  // Folded first: a full-width "/" or "@" would else become one behind our back.
  const folded = text.normalize('NFKC')
  if (/[\s/\\?#@:[\]%]/.test(folded)) return MALFORMED
  const url = `http://${folded}/`
  if (!URL.canParse(url)) return MALFORMED
  const { hostname } = new URL(url)
  if (isIP(hostname) === 4) return { kind: 'address', address: hostname }
  return hostname === '' ? MALFORMED : { kind: 'name', name: hostname }
}
