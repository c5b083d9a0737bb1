/**
 * VAA codes: the national handles as a unique identifier with the issuing agency code VAA (ISO/IEC 15459).
 *
 *   code       = "VAA" country industry enterprise "/" inner    ; case-insensitive
 *   country    = "086" / "088"                                  ; a handle's country and 0 in front
 *   industry   = 3DIGIT
 *   enterprise = 1*57( ALPHA / DIGIT )
 *   inner      = suffix                                         ; as in handle.ts
 *
 *   VAA08810012345678/abc123   is the handle   88.100.12345678/abc123
 *
 * The widths are fixed, so every code is one handle, and every national handle with three digits of industry and an
 * enterprise is one code. Industries of four or five digits and secondary nodes' own prefixes have none. The limits are
 * those of the handle, which is two octets shorter.
 */
import { characterFault, foldAscii, octetsAt, positionBeyond } from '../characters.js'
import { type Malformed, malformed } from '../fault.js'
import type { Identifier, IdentifierFault } from '../identifier.js'
import type { Result } from '../result.js'
import { MAX_HANDLE_OCTETS, MAX_PREFIX_OCTETS, noSlash, suffixFault, tooLong } from './handle.js'

const COUNTRY = 3
const INDUSTRY = 6
const ENTERPRISE = 9
/** "VAA" and "0" against the two dots. */
const LONGER_THAN_HANDLE_OCTETS = 2

const SPACE = 0x20
const SLASH = 0x2f

/** What may stand at each of the country's places. */
const COUNTRY_PLACES = [/0/, /8/, /[68]/]

const AGENCY = /^vaa/i
const ENTERPRISE_CHARACTER = /^[0-9a-z]$/i
/** Canonical keys only. The suffix is not matched: it is opaque. */
const HANDLE_WITH_VAA = /^(8[68])\.(\d{3})\.([0-9a-z]{1,57})\//

export function parseVaa(text: string): Result<Identifier, IdentifierFault> {
  if (!AGENCY.test(text))
    return malformed('bad-agency', 0, 'A VAA code begins with VAA, such as VAA08810012345678/abc123.')
  const beyond = positionBeyond(text, 0, MAX_HANDLE_OCTETS + LONGER_THAN_HANDLE_OCTETS)
  if (beyond >= 0) return tooLong(beyond)

  const slash = enterpriseEnd(text)
  if (typeof slash !== 'number') return slash
  const fault = suffixFault(text, slash + 1)
  if (fault !== undefined) return fault

  const prefix = `${text.slice(COUNTRY + 1, INDUSTRY)}.${text.slice(INDUSTRY, ENTERPRISE)}.${foldAscii(text.slice(ENTERPRISE, slash))}`
  return { ok: true, value: { scheme: 'vaa', key: prefix + foldAscii(text.slice(slash)), prefix, spelling: text } }
}

/** The VAA code of a canonical handle key, or `undefined` when the handle has none. Its letters are as in the key. */
export function vaaOfHandle(key: string): string | undefined {
  const parts = HANDLE_WITH_VAA.exec(key)
  if (parts === null) return undefined
  const [whole, country, industry, enterprise] = parts
  return `VAA0${country}${industry}${enterprise}/${key.slice(whole.length)}`
}

/** Where the "/" is, once all before it has been checked. */
function enterpriseEnd(text: string): number | Malformed {
  const fault = countryFault(text) ?? industryFault(text)
  if (fault !== undefined) return fault
  let at = ENTERPRISE
  while (at < text.length && text.charCodeAt(at) !== SLASH) {
    if (!ENTERPRISE_CHARACTER.test(text.charAt(at))) return characterFaultOr(text, at, badEnterprise)
    at++
  }
  if (at === ENTERPRISE) return badEnterprise(at)
  if (at === text.length) return noSlash(at)
  const limit = MAX_PREFIX_OCTETS + LONGER_THAN_HANDLE_OCTETS
  return at > limit
    ? malformed(
        'prefix-too-long',
        limit,
        `The enterprise code is longer than ${limit - ENTERPRISE} characters: shorten it.`,
      )
    : at
}

function countryFault(text: string): Malformed | undefined {
  for (const [place, allowed] of COUNTRY_PLACES.entries()) {
    const at = COUNTRY + place
    if (!allowed.test(text.charAt(at))) return characterFaultOr(text, at, badCountry)
  }
  return undefined
}

function industryFault(text: string): Malformed | undefined {
  for (let at = INDUSTRY; at < ENTERPRISE; at++) {
    const unit = text.charCodeAt(at)
    if (!(unit >= 0x30 && unit <= 0x39)) return characterFaultOr(text, at, badIndustry)
  }
  return undefined
}

/** Characters that no identifier may hold keep their own reason. */
function characterFaultOr(text: string, at: number, fault: (at: number) => Malformed): Malformed {
  if (at >= text.length) return fault(at)
  return text.charCodeAt(at) === SPACE || octetsAt(text, at) === 0 ? characterFault(text, at) : fault(at)
}

function badCountry(at: number): Malformed {
  return malformed('bad-country', at, `After VAA comes the country, 086 or 088; position ${at} does not fit.`)
}

function badIndustry(at: number): Malformed {
  return malformed(
    'bad-industry',
    at,
    `After the country comes the industry, three digits; position ${at} is not a digit.`,
  )
}

function badEnterprise(at: number): Malformed {
  return malformed(
    'bad-enterprise',
    at,
    `The enterprise code is letters and digits up to the "/"; position ${at} is neither.`,
  )
}
