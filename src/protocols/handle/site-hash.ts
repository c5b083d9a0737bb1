/**
 * Which of a site's servers a handle belongs to.
 *
 *   number = | the last four octets of MD5( part ), with a sign |    ; ASCII letters of the part as capitals
 *   server = number modulo the count of servers
 *
 * The part is prefix, suffix or the whole handle, as the site's hash option says. Source: RFC 3651 §3.2.2, and software in use.
 */
import { hash } from 'node:crypto'
import { HASH_OPTIONS } from '../../record/value-types/hs-site.js'

export function siteHash(handle: string, hashOption: number): number {
  const part = partOf(handle, hashOption).replace(/[a-z]+/g, (letters) => letters.toUpperCase())
  return Math.abs(hash('md5', part, 'buffer').readInt32BE(12))
}

/** The place of the handle's server among `servers`, of which there is at least one. */
export function serverPlace(handle: string, hashOption: number, servers: number): number {
  return siteHash(handle, hashOption) % servers
}

/** A prefix's own handle, `0.NA/88.100`, is cut at its first slash as any other is. */
function partOf(handle: string, hashOption: number): string {
  const slash = handle.indexOf('/')
  if (slash < 0 || hashOption === HASH_OPTIONS.byWhole) return handle
  return hashOption === HASH_OPTIONS.byPrefix ? handle.slice(0, slash) : handle.slice(slash + 1)
}
