/**
 * The value of type 10320/loc: several places to send a reader to, and how to choose between them.
 *
 *   <locations chooseby="locatt,country,weighted">
 *     <location id="0" href="https://uk.example.com/" country="gb" weight="0" />
 *     <location id="1" href="https://www.example.com/" weight="1" />
 *   </locations>
 *
 * Read with a small reader of this file's own, strict and bounded: elements, attributes in quotes, comments, an XML declaration, and
 * the five entities and character references of XML 1.0. Everything else is refused: document types (and with them every
 * entity that could grow or fetch), CDATA, processing instructions, names with colons. One pass; never backtracks.
 *
 * Source: the handbook of the DOI system on 10320/LOC.
 */
export interface Location {
  readonly href: string
  /** By name in lower case, `id`, `country` and `weight` among them, `href` too. */
  readonly attributes: ReadonlyMap<string, string>
}

export interface Locations {
  /** Ways to choose, in the order to try them; lower case. */
  readonly chooseBy: readonly string[]
  readonly locations: readonly Location[]
}

const MAX_CHARACTERS = 64 * 1024
const MAX_LOCATIONS = 500
const MAX_ATTRIBUTES = 50
const CHOOSE_BY_DEFAULT = ['locatt', 'country', 'weighted']

/** Undefined when it can't be read without doubt. */
export function readLocations(xml: string): Locations | undefined {
  if (xml.length > MAX_CHARACTERS) return undefined
  const scan: Scan = { text: xml, at: 0 }
  skipDeclaration(scan)
  if (!skipBetween(scan)) return undefined
  const root = readTag(scan)
  if (root?.name !== 'locations' || root.kind === 'close') return undefined
  const locations = root.kind === 'empty' ? [] : readChildren(scan)
  if (locations === undefined || !skipBetween(scan) || scan.at < xml.length) return undefined
  const ways = root.attributes.get('chooseby')
  return { chooseBy: ways === undefined ? CHOOSE_BY_DEFAULT : waysIn(ways), locations }
}

function waysIn(text: string): readonly string[] {
  return text
    .split(',')
    .map((way) => way.trim().toLowerCase())
    .filter((way) => way !== '')
}

interface Scan {
  readonly text: string
  at: number
}

interface Tag {
  readonly kind: 'open' | 'close' | 'empty'
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
}

function readChildren(scan: Scan): readonly Location[] | undefined {
  const locations: Location[] = []
  for (;;) {
    if (!skipBetween(scan)) return undefined
    const tag = readTag(scan)
    if (tag === undefined) return undefined
    if (tag.kind === 'close') return tag.name === 'locations' ? locations : undefined
    if (tag.name !== 'location' || locations.length === MAX_LOCATIONS) return undefined
    if (tag.kind === 'open' && !closes(scan, tag.name)) return undefined
    const href = tag.attributes.get('href')
    if (href !== undefined) locations.push({ href, attributes: tag.attributes })
  }
}

/** Nothing but white space and comments stands in a location. */
function closes(scan: Scan, name: string): boolean {
  if (!skipBetween(scan)) return false
  const tag = readTag(scan)
  return tag?.kind === 'close' && tag.name === name
}

const DECLARATION = /^\uFEFF?<\?xml[ \t\r\n][^<>?]{0,200}\?>/

function skipDeclaration(scan: Scan): void {
  scan.at = DECLARATION.exec(scan.text)?.[0].length ?? 0
}

/** White space and comments. False when a comment does not end. */
function skipBetween(scan: Scan): boolean {
  for (;;) {
    skipSpace(scan)
    if (!scan.text.startsWith('<!--', scan.at)) return true
    const end = scan.text.indexOf('-->', scan.at + 4)
    if (end < 0) return false
    scan.at = end + 3
  }
}

function skipSpace(scan: Scan): void {
  while (scan.at < scan.text.length && ' \t\r\n'.includes(scan.text[scan.at]!)) scan.at += 1
}

const NAME = /[A-Za-z_][\w.-]{0,63}/y

function readName(scan: Scan): string | undefined {
  NAME.lastIndex = scan.at
  const name = NAME.exec(scan.text)?.[0]
  if (name !== undefined) scan.at += name.length
  return name
}

function take(scan: Scan, text: string): boolean {
  if (!scan.text.startsWith(text, scan.at)) return false
  scan.at += text.length
  return true
}

function readTag(scan: Scan): Tag | undefined {
  if (!take(scan, '<')) return undefined
  const isClose = take(scan, '/')
  const name = readName(scan)
  if (name === undefined) return undefined
  if (isClose) {
    skipSpace(scan)
    return take(scan, '>') ? { kind: 'close', name, attributes: new Map() } : undefined
  }
  const attributes = readAttributes(scan)
  if (attributes === undefined) return undefined
  if (take(scan, '/>')) return { kind: 'empty', name, attributes }
  return take(scan, '>') ? { kind: 'open', name, attributes } : undefined
}

/** Undefined when one is malformed, or stands there twice. */
function readAttributes(scan: Scan): ReadonlyMap<string, string> | undefined {
  const attributes = new Map<string, string>()
  for (;;) {
    const before = scan.at
    skipSpace(scan)
    if (scan.text[scan.at] === '>' || scan.text[scan.at] === '/') return attributes
    // Attributes need white space between them.
    const name = scan.at === before ? undefined : readName(scan)?.toLowerCase()
    if (name === undefined || attributes.has(name) || attributes.size === MAX_ATTRIBUTES) return undefined
    skipSpace(scan)
    if (!take(scan, '=')) return undefined
    skipSpace(scan)
    const value = readQuoted(scan)
    if (value === undefined) return undefined
    attributes.set(name, value)
  }
}

function readQuoted(scan: Scan): string | undefined {
  const quote = scan.text[scan.at]
  if (quote !== '"' && quote !== "'") return undefined
  const end = scan.text.indexOf(quote, scan.at + 1)
  if (end < 0) return undefined
  const raw = scan.text.slice(scan.at + 1, end)
  scan.at = end + 1
  return raw.includes('<') ? undefined : unescaped(raw)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const REFERENCE = /&(?:([a-z]{2,4})|#(\d{1,7})|#x([\da-fA-F]{1,6}));/g

/** Undefined when an ampersand begins none of the known references. */
function unescaped(raw: string): string | undefined {
  if (!raw.includes('&')) return raw
  let isKnown = true
  const text = raw.replace(REFERENCE, (_reference, name?: string, decimal?: string, hexadecimal?: string) => {
    const character = name === undefined ? characterOf(decimal, hexadecimal) : ENTITIES[name]
    isKnown &&= character !== undefined
    return character ?? ''
  })
  return isKnown && !raw.replace(REFERENCE, '').includes('&') ? text : undefined
}

function characterOf(decimal: string | undefined, hexadecimal: string | undefined): string | undefined {
  const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal)
  const isCharacter = code >= 0x20 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
  return isCharacter || code === 9 || code === 10 || code === 13 ? String.fromCodePoint(code) : undefined
}
