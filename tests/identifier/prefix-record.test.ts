import { expect, test } from 'vitest'
import { parseIdentifier } from '../../src/identifier/parse.js'
import {
  isPrefixHandle,
  isReservedPrefix,
  prefixHandle,
  prefixInKey,
  prefixNamedBy,
  routingCandidates,
} from '../../src/identifier/prefix-record.js'

test('the handle of a prefix is an ordinary handle, in any case, with one key', () => {
  for (const text of ['0.NA/88.118.8', '0.na/88.118.8', 'hdl:0.Na/88.118.8'])
    expect(identifierOf(text)).toMatchObject({ scheme: 'handle', key: '0.na/88.118.8', prefix: '0.na' })
  expect(identifierOf('0.NA/88.ABC').key).toBe('0.na/88.abc')
  // Only ASCII letters are equal in either case.
  expect(identifierOf('0.NA/88.É').key).not.toBe(identifierOf('0.NA/88.é').key)
})

test('the handle made for a prefix is the one that is read', () => {
  for (const prefix of ['88.118.8', '10.1000', '88.abc']) {
    const handle = prefixHandle(prefix)
    expect(identifierOf(handle.spelling)).toEqual(handle)
    expect(prefixNamedBy(handle)).toBe(prefix)
  }
})

test.each([
  ['88.118.8/0.NA', undefined],
  ['0.NA/88.118.8/x', undefined],
  ['0.NA/88..8', undefined],
  ['0.NA/88.118.8.', undefined],
  [`0.NA/${'8'.repeat(65)}`, undefined],
  ['0.NA/urn:oid:1.2', undefined],
  ['0.NA/88.ABC', '88.abc'],
])('%s names %s', (text, prefix) => {
  expect(prefixNamedBy(identifierOf(text))).toBe(prefix)
})

test('a prefix and what lies below it go by the same prefixes', () => {
  const expected = ['88.118.8', '88.118', '88']
  expect(routingCandidates(identifierOf('88.118.8/x'))).toEqual(expected)
  expect(routingCandidates(identifierOf('0.NA/88.118.8'))).toEqual(expected)
  expect(routingCandidates(identifierOf('0.NA/88.118.8/x'))).toEqual(['0.na', '0'])
  expect([prefixInKey('88.118.8/x'), prefixInKey('0.na/88.118.8'), prefixInKey('urn:oid:1.2')]).toEqual([
    '88.118.8',
    '88.118.8',
    'urn:oid:1.2',
  ])
})

test('prefixes of the administration are reserved, and no others', () => {
  expect(['0', '0.na', '0.site', '0.type'].every(isReservedPrefix)).toBe(true)
  expect(['00', '01.2', '10.0', '88'].some(isReservedPrefix)).toBe(false)
  expect(isPrefixHandle(identifierOf('0.NA.1/x'))).toBe(false)
})

function identifierOf(text: string) {
  const parsed = parseIdentifier(text)
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`)
  return parsed.value
}
