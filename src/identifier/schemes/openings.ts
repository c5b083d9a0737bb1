/**
 * The openings that tell a scheme or wrap an identifier, in any case. All are anchored and of bounded length.
 *
 *   hdl:  a handle as a URI            oid: urn:oid:  an object identifier as a URI (RFC 3061)
 *   VAA and a digit                    a VAA code
 */
const HANDLE_URI = /^hdl:/i
const OID_URI = /^(?:urn:)?oid:/i
const VAA_CODE = /^vaa\d/i

const COLON = 0x3a
const SMALL_V = 0x76

/** Length of `hdl:` in front of the text, or 0. */
export function handleUriLength(text: string): number {
  // One comparison settles it for nearly every look-up.
  return text.charCodeAt(3) === COLON && HANDLE_URI.test(text) ? 4 : 0
}

/** Length of `oid:` or `urn:oid:` in front of the text, or 0. */
export function oidUriLength(text: string): number {
  return OID_URI.exec(text)?.[0].length ?? 0
}

export function opensVaa(text: string, from = 0): boolean {
  return (text.charCodeAt(from) | 0x20) === SMALL_V && VAA_CODE.test(text.slice(from, from + 4))
}
