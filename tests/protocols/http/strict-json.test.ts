import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NodeError } from '../../../src/platform/errors.js'
import { parseStrictJson } from '../../../src/protocols/http/strict-json.js'

test('what JSON.parse reads and nobody else would read differently, it reads the same', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      fc.pre(!JSON.stringify(value).match(/\\u0000|\\ud[89a-f]|__proto__/i) && hasOnlySafeIntegers(value))
      for (const space of [0, 2]) {
        const text = JSON.stringify(value, null, space)
        expect(parseStrictJson(Buffer.from(text))).toEqual(JSON.parse(text))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('what JSON.parse refuses, it refuses, whatever the text', () => {
  const shreds = fc.array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      '-',
      '0',
      '.5',
      'e9',
      'null',
      'true',
      ' ',
      '\\',
      '"',
    ),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(shreds, (parts) => {
      const text = parts.join('')
      if (parses(text, (one) => JSON.parse(one))) return
      expect(() => parseStrictJson(Buffer.from(text))).toThrow(NodeError)
    }),
    { numRuns: 20_000 },
  )
})

test.each([
  ['{"a":1,"a":2}', 'a', 7, 'twice'],
  ['\ufeff{}', 'body', 0, 'U+FEFF (byte order mark)'],
  ['[\u00a01]', '[0]', 1, 'U+00A0'],
  ['{"a":{"b":1,"\\u0062":2}}', 'a.b', 12, 'twice'],
  ['{"name":"\\ud800"}', 'name', 9, 'surrogate'],
  ['{"name":"\\ud800\\u0041"}', 'name', 9, 'surrogate'],
  ['{"name":"x\\u0000"}', 'name', 10, 'U+0000'],
  ['{"a":[1,9007199254740992]}', 'a[1]', 8, 'too large'],
  ['{"a":1e999}', 'a', 5, 'too large'],
  ['{"__proto__":{}}', '__proto__', 1, 'not allowed'],
  ['{"a":1', 'a', 6, 'too early'],
  ['[1,]', '[1]', 3, '"]"'],
  ['{"a":1}x', 'body', 7, 'follow'],
  ['\ufeff{}', 'body', 0, 'must not stand here'],
  ["{'a':1}", 'body', 1, 'double quotes'],
  ['"tab\there"', 'body', 4, 'escaped'],
  ['', 'body', 0, 'too early'],
])('%s is refused, naming %s at %i', (text, field, position, reason) => {
  const error = refusalOf(Buffer.from(text))
  expect(error.code).toBe('request-malformed')
  expect(error.faults).toMatchObject([{ field, position, reason: expect.stringContaining(reason) }])
})

test('32 levels are read and 33 are not, nor a hundred thousand', () => {
  const nested = (levels: number) => Buffer.from('['.repeat(levels) + ']'.repeat(levels))
  expect(() => parseStrictJson(nested(32))).not.toThrow()
  expect(refusalOf(nested(33)).faults[0]).toMatchObject({ position: 32, reason: 'nested deeper than 32 levels' })
  expect(refusalOf(nested(100_000)).code).toBe('request-malformed')
})

test('bytes that are not UTF-8 are refused at their octet, a written U+FFFD is not', () => {
  expect(parseStrictJson(Buffer.from('"é\ufffd"'))).toBe('é\ufffd')
  const bytes = Buffer.concat([Buffer.from('{"a":"é\ufffd'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])
  expect(refusalOf(bytes).faults[0]).toMatchObject({ position: 11, reason: 'this octet is not UTF-8' })
})

function refusalOf(bytes: Uint8Array): NodeError {
  try {
    parseStrictJson(bytes)
  } catch (error) {
    if (error instanceof NodeError) return error
    throw error
  }
  throw new Error('it was read')
}

function parses(text: string, parse: (text: string) => unknown): boolean {
  try {
    parse(text)
    return true
  } catch {
    return false
  }
}

function hasOnlySafeIntegers(value: unknown): boolean {
  if (typeof value === 'number')
    return !Number.isInteger(value) || Number.isSafeInteger(value) || /e/.test(String(value))
  return typeof value !== 'object' || value === null || Object.values(value).every(hasOnlySafeIntegers)
}
