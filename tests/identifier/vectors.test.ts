import { describe, expect, test } from 'vitest'
import { decodePathIdentifier } from '../../src/identifier/decode.js'
import { parseIdentifier } from '../../src/identifier/parse.js'
import { parsePrefix } from '../../src/identifier/prefix.js'
import { parseHandle } from '../../src/identifier/schemes/handle.js'
import { parseOid } from '../../src/identifier/schemes/oid.js'
import { parseVaa } from '../../src/identifier/schemes/vaa.js'
import { readInvalid, readVectors } from './read-vectors.js'

const SCHEMES = { handle: parseHandle, vaa: parseVaa, oid: parseOid }

describe.each(Object.entries(SCHEMES))('%s', (scheme, parse) => {
  test.each(readVectors(`${scheme}-valid.txt`))('%j has the key %j', (text, key, prefix) => {
    const wanted = { ok: true, value: { scheme, key, prefix } }
    expect(parse(text!)).toMatchObject(wanted)
    expect(parseIdentifier(text!)).toMatchObject(wanted)
  })

  test.each(readInvalid(`${scheme}-invalid.txt`))(
    '$text is refused: $reason at $position',
    ({ text, reason, position }) => {
      const result = parse(text)
      expect(result).toMatchObject({ ok: false, reason, position })
      expect(result.ok ? '' : result.message).toMatch(/\w.*[.]$/)
    },
  )
})

test.each([...readInvalid('vaa-invalid.txt'), ...readInvalid('oid-invalid.txt')])(
  'parseIdentifier gives the fault of the scheme for $text',
  ({ text, reason, position }) => {
    expect(parseIdentifier(text)).toMatchObject({ ok: false, reason, position })
  },
)

test.each(readVectors('prefix-valid.txt'))('the prefix %j has the name %j', (text, name) => {
  expect(parsePrefix(text!)).toEqual({ ok: true, value: name })
})

test.each(readInvalid('prefix-invalid.txt'))('the prefix $text is refused: $reason at $position', (vector) => {
  const { text, reason, position } = vector
  expect(parsePrefix(text)).toMatchObject({ ok: false, reason, position })
})

test.each(readVectors('path-valid.txt'))('the path %j is decoded to %j', (rawPath, text) => {
  expect(decodePathIdentifier(rawPath!)).toEqual({ ok: true, value: JSON.parse(text!) })
})

test.each(readInvalid('path-invalid.txt'))('the path $text is refused: $reason at $position', (vector) => {
  const { text, reason, position } = vector
  expect(decodePathIdentifier(text)).toMatchObject({ ok: false, reason, position })
})
