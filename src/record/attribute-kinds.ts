/** What the text of an attribute must be, by kind. A text that passes is kept exactly as it came. */
import { gs1CheckDigit } from '../identifier/check-digits.js'
import { parseIdentifier } from '../identifier/parse.js'
import { daysIn } from './calendar.js'
import type { Attribute, AttributeKind } from './template.js'
import { misleading, type TextFault, tooLong, unstorable } from './text-check.js'

export function attributeFault({ kind, maxOctets }: Attribute, text: string): TextFault | undefined {
  if (text.trim() === '') return { reason: 'is blank: give a text, or leave it out' }
  return unstorable(text) ?? misleading(text) ?? KINDS[kind](text) ?? tooLong(text, maxOctets)
}

/** Of a text that `attributeFault` would find neither blank nor unstorable nor misleading; its length is not looked at. */
export function kindFault(kind: AttributeKind, text: string): TextFault | undefined {
  return KINDS[kind](text)
}

const KINDS: Readonly<Record<AttributeKind, (text: string) => TextFault | undefined>> = {
  text: () => undefined,
  gtin: gtinFault,
  date: dateFault,
  url: urlFault,
  identifier: identifierFault,
  decimal: decimalFault,
}

function gtinFault(text: string): TextFault | undefined {
  const stranger = text.search(/[^0-9]/)
  if (stranger >= 0) return { reason: `must be digits only: see position ${stranger}`, position: stranger }
  if (![8, 12, 13, 14].includes(text.length)) {
    return { reason: `has ${text.length} digits: a GTIN has 8, 12, 13 or 14` }
  }
  const position = text.length - 1
  const right = String(gs1CheckDigit(text.slice(0, position)))
  if (text[position] === right) return undefined
  return {
    reason: `has a wrong check digit: if the digits before it are right, it is ${right}, not ${text[position]}`,
    position,
  }
}

const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/
const MONTH_POSITION = 5
const DAY_POSITION = 8
const DIGIT_ZERO = 0x30

/** A calendar date of ISO 8601, extended format, from the year 1 on. */
function dateFault(text: string): TextFault | undefined {
  if (!DATE.test(text)) return { reason: 'must be a date written year-month-day, such as 2026-03-01' }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, MONTH_POSITION)
  const day = twoDigits(text, DAY_POSITION)
  if (year === 0) return { reason: 'has the year 0000, which no calendar has', position: 0 }
  if (month < 1 || month > 12) {
    const found = text.slice(MONTH_POSITION, MONTH_POSITION + 2)
    return { reason: `has month ${found}: months are 01 to 12`, position: MONTH_POSITION }
  }
  const days = daysIn(year, month)
  if (day >= 1 && day <= days) return undefined
  const reason = `has day ${text.slice(DAY_POSITION)}: days of ${text.slice(0, MONTH_POSITION + 2)} are 01 to ${days}`
  return { reason, position: DAY_POSITION }
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - DIGIT_ZERO) * 10 + text.charCodeAt(at + 1) - DIGIT_ZERO
}

/** The parser would quietly repair backslashes, missing slashes, and white space: what is kept must be what others read. */
const URL_START = /^https?:\/\/([^/?#]*)/i
const URL_STRANGER = /[\s\p{Cc}\\]/u

/** Most addresses: of ASCII, with a name for the host and nothing before it. */
const ORDINARY_URL = /^https?:\/\/[a-z0-9][a-z0-9.-]*(?:[/?#][\x21-\x5b\x5d-\x7e]*)?$/i

function urlFault(text: string): TextFault | undefined {
  if (ORDINARY_URL.test(text) && URL.canParse(text)) return undefined
  const stranger = text.search(URL_STRANGER)
  if (stranger >= 0) {
    return {
      reason: `has a space, control character or backslash at position ${stranger}: percent-encode it`,
      position: stranger,
    }
  }
  const start = URL_START.exec(text)
  if (start === null) return { reason: 'must be a whole address that begins with https:// or http://', position: 0 }
  const host = start[1]!
  const hostPosition = start[0].length - host.length
  if (host.includes('@')) {
    return {
      reason: 'names a user before "@": everybody may read it, so leave user and password out',
      position: hostPosition,
    }
  }
  // The parser would take the path's first segment for a missing host.
  if (host === '' || !URL.canParse(text))
    return { reason: 'is no valid address: see its host and port', position: hostPosition }
  return undefined
}

function identifierFault(text: string): TextFault | undefined {
  const parsed = parseIdentifier(text)
  return parsed.ok ? undefined : { reason: `is no identifier. ${parsed.message}`, position: parsed.position }
}

const DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

function decimalFault(text: string): TextFault | undefined {
  if (DECIMAL.test(text)) return undefined
  const stranger = text.search(/[^0-9.-]/)
  const reason = 'must be a decimal number such as 12.5: digits, with a point before a fraction, and no unit'
  return stranger < 0 ? { reason } : { reason, position: stranger }
}
