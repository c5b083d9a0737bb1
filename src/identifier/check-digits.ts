/**
 * Check digits.
 *
 *   GS1 mod 10      from the right, weights 3, 1, 3, …; the check digit brings the sum to a multiple of ten.
 *                   Source: GS1 General Specifications, "Check digit calculations".
 *   GB 32100        unified social credit code: 18 of 31 characters, weights powers of 3 modulo 31.
 */

const ALL_DIGITS = /^[0-9]+$/

/**
 * The digit to append to `digits`.
 *
 * @throws RangeError when `digits` is not one or more digits: a caller's mistake, since `isGtin` asks about any text.
 */
export function gs1CheckDigit(digits: string): number {
  if (!ALL_DIGITS.test(digits)) throw new RangeError('a GS1 check digit needs one or more digits and nothing else')
  let sum = 0
  let weight = 3
  for (let at = digits.length - 1; at >= 0; at--) {
    sum += weight * (digits.charCodeAt(at) - 0x30)
    weight = 4 - weight
  }
  return (10 - (sum % 10)) % 10
}

const GTIN = /^(?:[0-9]{8}|[0-9]{12,14})$/

/** A GTIN of 8, 12, 13 or 14 digits whose check digit is right. */
export function isGtin(text: string): boolean {
  return GTIN.test(text) && gs1CheckDigit(text.slice(0, -1)) === Number(text.at(-1))
}

/** The GTIN padded with zeros to 14 digits, the form that is compared; leading zeros never change a check digit. Give what `isGtin` accepts. */
export function toGtin14(gtin: string): string {
  return gtin.padStart(14, '0')
}

/** GB 32100's alphabet in the order of the characters' values: without I, O, S, V and Z. */
const USCC_ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY'
/** Registering department, kind of organisation, six digits of division, nine characters of organisation code, check character. */
const USCC = /^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}$/

/**
 * The 18th character of a unified social credit code, from its first 17.
 *
 * @throws RangeError when a character is outside the standard's alphabet or there are not 17
 */
export function usccCheckCharacter(first17: string): string {
  let sum = 0
  let weight = 1
  for (const character of first17) {
    const value = USCC_ALPHABET.indexOf(character)
    if (value < 0) throw new RangeError(`${character} can't stand in a unified social credit code`)
    sum += weight * value
    weight = (weight * 3) % 31
  }
  if (first17.length !== 17) throw new RangeError('the check character needs the 17 characters before it')
  return USCC_ALPHABET.charAt((31 - (sum % 31)) % 31)
}

/** A unified social credit code (GB 32100), capital letters as the standard prints them, whose check character is right. */
export function isUscc(text: string): boolean {
  return USCC.test(text) && usccCheckCharacter(text.slice(0, 17)) === text.at(17)
}
