import { expect, test } from 'vitest'
import { chooseMediaType } from '../../../src/protocols/http/accept.js'
import {
  formatTag,
  isNotModified,
  parseTagList,
  versionOfTag,
  versionsMatched,
} from '../../../src/protocols/http/conditional.js'

test.each([
  ['*', '*'],
  ['"v3"', [{ weak: false, tag: '"v3"' }]],
  ['W/"v3"', [{ weak: true, tag: '"v3"' }]],
  [
    '"v3", W/"v4" ,"v5-ab"',
    [
      { weak: false, tag: '"v3"' },
      { weak: true, tag: '"v4"' },
      { weak: false, tag: '"v5-ab"' },
    ],
  ],
  ['"a,b"', [{ weak: false, tag: '"a,b"' }]],
])('%s is a list of entity tags', (header, tags) => {
  expect(parseTagList(header, 'If-Match')).toEqual(tags)
})

test.each(['v3', '"v3', '"v3" "v4"', 'w/"v3"', '', '*, "v3"', '"a"'.repeat(60)])('%s is none', (header) => {
  expect(() => parseTagList(header, 'If-Match')).toThrow(/If-Match must be/)
})

test('a tag gives its version back, with or without a variant; other tags give none', () => {
  expect(versionOfTag(formatTag(3))).toBe(3)
  expect(versionOfTag(formatTag(12, 'a1-b_2'))).toBe(12)
  for (const foreign of ['"3"', '"v"', '"v-1"', '"v3"x', '"v9999999999999999"'])
    expect(versionOfTag(foreign)).toBeUndefined()
})

test('a weak tag never satisfies If-Match, but If-None-Match takes it', () => {
  expect(versionsMatched([{ weak: true, tag: '"v3"' }])).toEqual([])
  expect(isNotModified('W/"v3"', '"v3"')).toBe(true)
  expect(isNotModified('"v2", "v3"', '"v3"')).toBe(true)
  expect(isNotModified('*', '"v3"')).toBe(true)
  expect(isNotModified('"v2"', '"v3"')).toBe(false)
  expect(isNotModified(undefined, '"v3"')).toBe(false)
})

const OFFERS = ['application/json', 'application/x-protobuf'] as const

test.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/x-protobuf', 'application/x-protobuf'],
  ['Application/X-Protobuf;q=0.9, application/json;q=0.1', 'application/x-protobuf'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
  ['application/json;q=0, application/*', 'application/x-protobuf'],
])('Accept %s gives %s', (accept, type) => {
  expect(chooseMediaType(accept, OFFERS)).toBe(type)
})

test('an Accept that allows nothing offered is refused, saying what is offered', () => {
  expect(() => chooseMediaType('text/html', OFFERS)).toThrow(/application\/json, application\/x-protobuf/)
})
