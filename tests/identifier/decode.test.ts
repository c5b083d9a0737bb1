import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodePathIdentifier } from '../../src/identifier/decode.js'
import { anyText } from './texts.js'

test('what was encoded once is decoded, unless it looks as if it had been encoded before', () => {
  fc.assert(
    fc.property(
      fc.oneof(anyText(), fc.string({ unit: fc.constantFrom('%', '2', '5', 'f', 'F', 'g', '/', 'é') })),
      (text) => {
        if (Buffer.from(text).toString() !== text) return
        const result = decodePathIdentifier(encodeURIComponent(text))
        if (/%[0-9a-f]{2}/i.test(text)) expect(result).toMatchObject({ ok: false, reason: 'double-encoded' })
        else expect(result).toEqual({ ok: true, value: text })
      },
    ),
    { numRuns: 3_000 },
  )
})

test('any octets escaped give what a strict UTF-8 decoder gives, or a fault', () => {
  const lead = fc.constantFrom(0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5)
  const octet = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0x80, max: 0xbf }), lead)
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 12 }), (octets) => {
      // A percent sign among them is the other test's.
      const bytes = octets.filter((value) => value !== 0x25)
      const raw = bytes.map((value) => `%${value.toString(16).padStart(2, '0')}`).join('')
      const result = decodePathIdentifier(raw)
      expect(result.ok ? result.value : undefined).toBe(decodeStrictly(bytes))
    }),
    { numRuns: 10_000 },
  )
})

test('decoding never throws, and a fault lies within the raw path', () => {
  const escapes = fc.array(fc.constantFrom('%', '%2', '%25', '%c3', '%a9', '%e4', '%ff', '4', '1', 'x'), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        anyText(),
        escapes.map((parts) => parts.join('')),
      ),
      (raw) => {
        const result = decodePathIdentifier(raw)
        if (result.ok) return
        expect(result.position).toBeGreaterThanOrEqual(0)
        expect(result.position).toBeLessThan(raw.length)
        if (result.reason === 'double-encoded') expect(raw.slice(result.position, result.position + 3)).toBe('%25')
      },
    ),
    { numRuns: 5_000 },
  )
})

function decodeStrictly(bytes: readonly number[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
  } catch {
    return undefined
  }
}
