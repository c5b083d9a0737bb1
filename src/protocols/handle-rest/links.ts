/**
 * Addresses out of records, as far as a reader may be sent there, or be given a link to them: http, https and ftp. A record is
 * somebody else's text: `javascript:` and the like would run in the page of this node, and what a browser reads otherwise than
 * this node does (white space, backslashes, controls) must not be passed on as it is.
 */
const SCHEMES: ReadonlySet<string> = new Set(['http:', 'https:', 'ftp:'])
const PLAIN = /^(?:https?|ftp):\/\/[\x21-\x5b\x5d-\x7e]+$/i
const MAX_CHARACTERS = 8192

/** The address as it may stand in a header or a link; undefined when nobody is to be sent there. */
export function linkOf(text: string): string | undefined {
  const url = parsed(text)
  if (url === undefined) return undefined
  // As registered where every reader reads it alike: another spelling of it may matter to its server.
  return PLAIN.test(text) ? text : url.href
}

/** The address with `more` behind it; undefined when that would lead to another server than the record's. */
export function appendedLink(text: string, more: string): string | undefined {
  const [own, longer] = [parsed(text), parsed(text + more)]
  if (own === undefined || longer === undefined) return undefined
  const isSameServer =
    own.protocol === longer.protocol &&
    own.host === longer.host &&
    own.username === longer.username &&
    own.password === longer.password
  return isSameServer ? linkOf(text + more) : undefined
}

function parsed(text: string): URL | undefined {
  if (text.length > MAX_CHARACTERS || !URL.canParse(text)) return undefined
  const url = new URL(text)
  return SCHEMES.has(url.protocol) && url.hostname !== '' ? url : undefined
}
