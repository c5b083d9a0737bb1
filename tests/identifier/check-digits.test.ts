import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gs1CheckDigit, isGtin, isUscc, toGtin14, usccCheckCharacter } from '../../src/identifier/check-digits.js'

const PRODUCTS = new URL('../../src/demo/products.csv.gz', import.meta.url)

test.each(['96385074', '614141007349', '4006381333931', '09506000134352', '00000000959742'])('%s is a GTIN', (text) => {
  expect(isGtin(text)).toBe(true)
})

test.each([
  '96385075',
  '4006381333932',
  '400638133393',
  '12345678905',
  '',
  '0',
  '09506000134352 ',
  '0950600013435２',
  '095060001343520',
  '-9638507',
  '96385074\n',
])('%j is no GTIN', (text) => {
  expect(isGtin(text)).toBe(false)
})

test('one wrong digit is always noticed, and padding to 14 digits never changes the check digit', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^(?:\d{7}|\d{11,13})$/),
      fc.nat(13),
      fc.integer({ min: 1, max: 9 }),
      (digits, place, added) => {
        const gtin = digits + gs1CheckDigit(digits)
        expect(isGtin(gtin)).toBe(true)
        expect(toGtin14(gtin)).toMatch(/^\d{14}$/)
        expect(isGtin(toGtin14(gtin))).toBe(true)

        const at = place % gtin.length
        const wrong = (Number(gtin.charAt(at)) + added) % 10
        expect(isGtin(gtin.slice(0, at) + wrong + gtin.slice(at + 1))).toBe(false)
      },
    ),
    { numRuns: 2_000 },
  )
})

test.runIf(existsSync(PRODUCTS))('every GTIN of the real products passes', () => {
  const rows: readonly { gtin: string }[] = parse(gunzipSync(readFileSync(PRODUCTS)), { columns: true })
  const gtins = rows.map((row) => row.gtin)
  expect(gtins.length).toBeGreaterThan(6_000)
  expect(gtins.filter((gtin) => !isGtin(gtin) || gtin !== toGtin14(gtin))).toEqual([])
})

test('a check digit of anything but digits is a mistake of the caller', () => {
  expect(() => gs1CheckDigit('12a')).toThrow(RangeError)
  expect(() => gs1CheckDigit('')).toThrow(RangeError)
})

test.each(['9144030071526726XG', '914403001922038216', '91330100799655058B'])(
  '%s is a unified social credit code',
  (text) => {
    expect(isUscc(text)).toBe(true)
  },
)

test.each([
  '9144030071526726XH',
  '914403001922038217',
  '9144030071526726xg',
  '91440300715267260I',
  '9144030071526726X',
  '9144A30071526726XG',
  '9144030071526726XG ',
  '',
])('%j is no unified social credit code', (text) => {
  expect(isUscc(text)).toBe(false)
})

test('one wrong character of a unified social credit code, or two neighbours changed over, is always noticed', () => {
  const character = fc.constantFrom(...'0123456789ABCDEFGHJKLMNPQRTUWXY')
  const first17 = fc
    .tuple(
      fc.string({ unit: character, minLength: 2, maxLength: 2 }),
      fc.stringMatching(/^\d{6}$/),
      fc.string({ unit: character, minLength: 9, maxLength: 9 }),
    )
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(first17, fc.nat(16), character, (body, at, other) => {
      const code = body + usccCheckCharacter(body)
      expect(isUscc(code)).toBe(true)
      const changed = code.slice(0, at) + other + code.slice(at + 1)
      expect(isUscc(changed)).toBe(changed === code)
      const swapped = code.slice(0, at) + code.charAt(at + 1) + code.charAt(at) + code.slice(at + 2)
      expect(isUscc(swapped)).toBe(swapped === code)
    }),
    { numRuns: 2_000 },
  )
})

test('a check character of anything but 17 legal characters is a mistake of the caller', () => {
  expect(() => usccCheckCharacter('9144030071526726')).toThrow(RangeError)
  expect(() => usccCheckCharacter('9144030071526726I')).toThrow(RangeError)
})
