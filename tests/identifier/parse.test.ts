import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Identifier } from '../../src/identifier/identifier.js'
import { parseIdentifier, prefixCandidates } from '../../src/identifier/parse.js'
import { parsePrefix } from '../../src/identifier/prefix.js'
import { anyText, nearIdentifier, recased, validHandle } from './texts.js'

test('parsing never throws, and a fault lies within the text', () => {
  fc.assert(
    fc.property(anyText(), (text) => {
      for (const result of [parseIdentifier(text), parsePrefix(text)]) {
        if (result.ok) continue
        expect(result.position).toBeGreaterThanOrEqual(0)
        expect(result.position).toBeLessThanOrEqual(text.length)
        expect(result.message).not.toBe('')
      }
    }),
    { numRuns: 5_000 },
  )
})

test('key and spelling parse to the same key again', () => {
  fc.assert(
    fc.property(fc.oneof(anyText(), nearIdentifier(), validHandle()), (text) => {
      const result = parseIdentifier(text)
      if (!result.ok) return
      const { key, prefix, spelling } = result.value
      expect(keyOf(key)).toBe(key)
      expect(keyOf(spelling)).toBe(key)
      expect(parsePrefix(prefix)).toEqual({ ok: true, value: prefix })
    }),
    { numRuns: 5_000 },
  )
})

test('a well-formed handle is accepted, and the case of its ASCII letters and `hdl:` do not change its key', () => {
  fc.assert(
    fc.property(validHandle(), fc.array(fc.boolean(), { minLength: 1 }), (text, turned) => {
      const key = keyOf(text)
      expect(key).toBeDefined()
      expect(keyOf(recased(text, turned))).toBe(key)
      expect(keyOf(`hdl:${text}`)).toBe(key)
    }),
    { numRuns: 2_000 },
  )
})

test('two texts have one key exactly when the rules say they are one identifier', () => {
  let shared = 0
  fc.assert(
    fc.property(nearPair(), ([one, other]) => {
      const [first, second] = [keyOf(one), keyOf(other)]
      if (first === undefined || second === undefined) return
      if (first === second) shared++
      expect(first === second).toBe(octetsByTheRules(one).equals(octetsByTheRules(other)))
    }),
    { numRuns: 10_000 },
  )
  expect(shared).toBeGreaterThan(100)
})

test.each([
  ['88.118.8/x', 'handle'],
  ['hdl:88.118.8/x', 'handle'],
  ['vaa08810012345678/x', 'vaa'],
  ['1.2.156.3000/x', 'handle'],
  ['1.2.156.3000', 'oid'],
  ['urn:oid:1.2.156', 'oid'],
  ['OID:1.2.156', 'oid'],
])('%s is read as %s', (text, scheme) => {
  expect(identifierOf(text).scheme).toBe(scheme)
})

test.each([
  ['6901234567892', 'no-slash'],
  ['88.118.8', 'bad-first-arc'],
  ['1.2.x', 'no-slash'],
  ['.1.2', 'bad-prefix'],
  ['hdl:1.2.156', 'no-slash'],
  ['VAAX/', 'empty-suffix'],
  ['https://example.com/88.118.8/x', 'bad-prefix'],
  ['', 'empty'],
])('%j is refused for %s', (text, reason) => {
  expect(parseIdentifier(text)).toMatchObject({ ok: false, reason })
})

test.each([
  ['88.118.8/JXDY', '88.118.8/JXDY'],
  ['hdl:88.118.8/JXDY', '88.118.8/JXDY'],
  ['vaa0881188/JXDY', 'vaa0881188/JXDY'],
  ['urn:oid:1.2.156', '1.2.156'],
])('the spelling of %s is %s', (text, spelling) => {
  expect(identifierOf(text).spelling).toBe(spelling)
})

test.each([
  ['88.118.8/x.y', ['88.118.8', '88.118', '88']],
  ['VAA0881188/x', ['88.118.8', '88.118', '88']],
  ['0.NA/88.118.8', ['0.na', '0']],
  ['11111/x', ['11111']],
  ['1.2.156.3000', ['urn:oid:1.2.156.3000', 'urn:oid:1.2.156', 'urn:oid:1.2']],
  ['2.999', ['urn:oid:2.999']],
])('%s may belong to %j, longest first', (text, candidates) => {
  expect(prefixCandidates(identifierOf(text))).toEqual(candidates)
})

test('an identifier is among its own prefix candidates, each a prefix by itself and shorter than the one before', () => {
  fc.assert(
    fc.property(fc.oneof(validHandle(), nearIdentifier()), (text) => {
      const result = parseIdentifier(text)
      if (!result.ok) return
      const candidates = prefixCandidates(result.value)
      expect(candidates).toContain(result.value.prefix)
      for (const [at, candidate] of candidates.entries()) {
        expect(parsePrefix(candidate)).toEqual({ ok: true, value: candidate })
        if (at > 0) expect(candidates[at - 1]!.startsWith(`${candidate}.`)).toBe(true)
      }
    }),
    { numRuns: 2_000 },
  )
})

function keyOf(text: string): string | undefined {
  const result = parseIdentifier(text)
  return result.ok ? result.value.key : undefined
}

function identifierOf(text: string): Identifier {
  const result = parseIdentifier(text)
  if (!result.ok) throw new Error(result.message)
  return result.value
}

/** Pairs that are related often enough: the same text recased or in a carrier, or a text with one letter changed. */
function nearPair(): fc.Arbitrary<readonly [string, string]> {
  const text = fc.oneof(validHandle(), nearIdentifier())
  const letter = fc.constantFrom('a', 'A', 'é', 'É', 'k', '\u212a', 'İ', '/')
  return fc.oneof(
    fc.tuple(text, text),
    fc
      .tuple(text, fc.array(fc.boolean(), { minLength: 1 }))
      .map(([one, turned]) => [one, recased(one, turned)] as const),
    text.map((one) => [one, `hdl:${one}`] as const),
    text.map((one) => [one, one.replace(/^VAA0(\d\d)(\d{3})/i, '$1.$2.')] as const),
    text.map((one) => [one, one.replace(/^(?:urn:)?oid:/i, '')] as const),
    fc.tuple(text, letter, letter).map(([one, from, to]) => [one, one.replace(from, to)] as const),
  )
}

/** The rules once more, over bytes and without the parser: drop the carrier, write a VAA code as its handle, fold A-Z. */
function octetsByTheRules(text: string): Buffer {
  const bare = text.replace(/^hdl:/i, '').replace(/^(?:urn:)?oid:/i, '')
  const octets = Buffer.from(bare.replace(/^vaa0(\d\d)(\d{3})(?=[0-9a-z])/i, '$1.$2.'), 'utf8')
  return octets.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet)) as Buffer
}
