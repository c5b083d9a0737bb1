/** Texts for the property tests: hostile ones, and ones likely to be identifiers. */
import fc from 'fast-check'

/** Any text at all: full Unicode, lone surrogates, bytes read as Latin-1 and as UTF-8, and near-identifiers. */
export function anyText(): fc.Arbitrary<string> {
  const bytes = fc.uint8Array({ maxLength: 400 })
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 }).map((units) => String.fromCharCode(...units)),
    bytes.map((octets) => Buffer.from(octets).toString('latin1')),
    bytes.map((octets) => Buffer.from(octets).toString('utf8')),
    nearIdentifier(),
  )
}

/** Short texts from the pieces that matter to the grammars, so that most rules are met and keys collide. */
export function nearIdentifier(): fc.Arbitrary<string> {
  const pieces = [
    'hdl:',
    'HDL:',
    'VAA',
    'vaa',
    'urn:oid:',
    'oid:',
    '088',
    '88',
    '100',
    '.',
    '.',
    '/',
    '/',
    '1',
    '0',
    '39',
  ]
  const letters = [
    'a',
    'A',
    'z',
    'Z',
    'é',
    'É',
    'İ',
    'ı',
    '\u212a',
    'k',
    'K',
    'Å',
    '产',
    '\u{1f527}',
    ' ',
    '\u200b',
    ':',
    '%',
  ]
  return fc.array(fc.constantFrom(...pieces, ...letters), { maxLength: 14 }).map((parts) => parts.join(''))
}

/** Well-formed handles of both forms, in the spelling of their registrant. */
export function validHandle(): fc.Arbitrary<string> {
  const segment = fc.stringMatching(/^[0-9A-Za-z_-]{1,6}$/)
  const general = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('.'))
  const prefix = fc.oneof(
    nationalPrefix(),
    general.filter((text) => !/^vaa\d/i.test(text)),
  )
  return fc.tuple(prefix, suffix()).map(([before, after]) => `${before}/${after}`)
}

export function nationalPrefix(): fc.Arbitrary<string> {
  return fc.stringMatching(/^8[68]\.\d{3,5}\.[0-9A-Za-z]{1,8}$/)
}

export function suffix(): fc.Arbitrary<string> {
  const character = fc.constantFrom(...'abzABZ0189:/ .-_%éÉİ产\u{1f527}\u212a')
  return fc.array(character, { minLength: 1, maxLength: 20 }).map((characters) => characters.join('').trimEnd() || 'x')
}

/** The same text with the case of some of its ASCII letters turned. */
export function recased(text: string, turned: readonly boolean[]): string {
  return [...text]
    .map((character, at) => {
      if (!turned[at % turned.length] || !/^[A-Za-z]$/.test(character)) return character
      return String.fromCharCode(character.charCodeAt(0) ^ 0x20)
    })
    .join('')
}
