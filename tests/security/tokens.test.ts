import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { generateApiKey, hashSecret, parseApiKey, secretMatches } from '../../src/security/tokens.js'

test('an API key is written as jx_, its id and its secret, and read back', () => {
  for (let round = 0; round < 200; round += 1) {
    const generated = generateApiKey()
    expect(generated.text).toMatch(/^jx_[a-z2-7]{12}_[\w-]{43}$/)
    expect(parseApiKey(generated.text)).toEqual({ id: generated.id, secret: generated.secret })
  }
})

test('no two keys are the same', () => {
  const texts = Array.from({ length: 1000 }, () => generateApiKey().text)
  expect(new Set(texts).size).toBe(texts.length)
})

test.each([
  ['', 'empty'],
  ['jx_', 'only the start'],
  [`jx_abcdefghijkl_${'a'.repeat(42)}`, 'a secret too short'],
  [`jx_abcdefghijkl_${'a'.repeat(44)}`, 'a secret too long'],
  [`jx_ABCDEFGHIJKL_${'a'.repeat(43)}`, 'capitals in the id'],
  [`jx_abcdefghijk_${'a'.repeat(43)}`, 'an id too short'],
  [` jx_abcdefghijkl_${'a'.repeat(43)}`, 'a space in front'],
  [`jx_abcdefghijkl_${'a'.repeat(43)}\n`, 'a line end behind'],
])('%j is no API key: %s', (text) => {
  expect(parseApiKey(text)).toBeUndefined()
})

test('a secret matches its own SHA-256 and nothing else', () => {
  const { secret } = generateApiKey()
  expect(hashSecret(secret)).toEqual(createHash('sha256').update(secret).digest())
  expect(secretMatches(secret, hashSecret(secret))).toBe(true)
  expect(secretMatches(`${secret}x`, hashSecret(secret))).toBe(false)
  expect(secretMatches(secret, hashSecret(''))).toBe(false)
  expect(secretMatches(secret, Buffer.alloc(0))).toBe(false)
})
