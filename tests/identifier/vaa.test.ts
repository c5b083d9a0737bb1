import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseHandle } from '../../src/identifier/schemes/handle.js'
import { parseVaa, vaaOfHandle } from '../../src/identifier/schemes/vaa.js'
import { suffix } from './texts.js'

test('every VAA code is one handle, and that handle gives back the code', () => {
  fc.assert(
    fc.property(code(), (text) => {
      const key = keyOf(text)
      expect(keyOf(vaaOfHandle(key)!)).toBe(key)
      expect(foldAscii(vaaOfHandle(key)!)).toBe(foldAscii(text))
    }),
    { numRuns: 2_000 },
  )
})

test('every handle with a VAA code is found again by it', () => {
  const handle = fc.tuple(fc.stringMatching(/^8[678]\.\d{3,5}\.[0-9A-Za-z-]{0,8}$/), suffix())
  fc.assert(
    fc.property(handle, ([prefix, rest]) => {
      const parsed = parseHandle(`${prefix}/${rest}`)
      if (!parsed.ok) return
      const vaa = vaaOfHandle(parsed.value.key)
      expect(vaa !== undefined).toBe(/^8[68]\.\d{3}\.[0-9A-Za-z]+$/.test(prefix))
      if (vaa !== undefined) expect(parseVaa(vaa)).toMatchObject({ ok: true, value: { key: parsed.value.key } })
    }),
    { numRuns: 2_000 },
  )
})

test('two VAA codes share a handle only when they differ in the case of ASCII letters', () => {
  fc.assert(
    fc.property(code(), code(), (one, other) => {
      expect(keyOf(one) === keyOf(other)).toBe(foldAscii(one) === foldAscii(other))
    }),
    { numRuns: 5_000 },
  )
})

test('a handle of full length has a VAA code, which is two octets longer and still read', () => {
  const key = `88.100.${'1'.repeat(57)}/${'x'.repeat(190)}`
  expect(Buffer.byteLength(key)).toBe(255)
  expect(keyOf(vaaOfHandle(key)!)).toBe(key)
})

test.each([
  '88.1021.150/002',
  '88.118/x',
  '88.118.8.1/x',
  '10.1000/x',
  '20.500.12345/x',
  '0.na/88.118.8',
  'urn:oid:1.2.156',
  '88.100.a-b/x',
])('%s has no VAA code', (key) => {
  expect(vaaOfHandle(key)).toBeUndefined()
})

/** Few enough digits that two of them are the same code now and then. */
function code(): fc.Arbitrary<string> {
  const agency = fc.constantFrom('VAA', 'vaa', 'Vaa')
  return fc
    .tuple(
      agency,
      fc.stringMatching(/^08[68][01]{3}[01aAbB]{1,3}$/),
      fc.oneof(suffix(), fc.constantFrom('x', 'X', 'é', 'É')),
    )
    .map(([before, digits, inner]) => `${before}${digits}/${inner}`)
}

function keyOf(text: string): string {
  const result = parseVaa(text)
  if (!result.ok) throw new Error(`${JSON.stringify(text)}: ${result.message}`)
  return result.value.key
}

function foldAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
