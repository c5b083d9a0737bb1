import { expect, test } from 'vitest'
import { foldAscii, octetsAt } from '../../src/identifier/characters.js'
import { handleForm, parseHandle } from '../../src/identifier/schemes/handle.js'

test.each(['88.118.8', '88.118', '88.1021.150', '88.12345.Abc9', '86.122.2'])('%s is a national prefix', (prefix) => {
  expect(handleForm(prefix)).toBe('national')
})

test.each([
  '88',
  '88.11',
  '88.11.8',
  '88.123456.8',
  '888.118.8',
  '88.118.8.1',
  '88.118.a-b',
  '10.1000',
  '20.500.12345',
  '87.118.8',
  '0.na',
  '11111',
  '',
])('%j is a general prefix', (prefix) => {
  expect(handleForm(prefix)).toBe('general')
})

test('no character is folded but A to Z', () => {
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const character = String.fromCodePoint(codePoint)
    const folded = codePoint >= 0x41 && codePoint <= 0x5a ? String.fromCodePoint(codePoint + 0x20) : character
    if (foldAscii(character) !== folded) expect.fail(`U+${codePoint.toString(16)} became ${foldAscii(character)}`)
  }
})

test('a character is refused exactly when Unicode calls it control, surrogate, noncharacter, ignorable or wide white space', () => {
  const refused =
    /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{White_Space}\u{fff9}-\u{fffb}]/u
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    const character = String.fromCodePoint(codePoint)
    const octets = refused.test(character) && character !== ' ' ? 0 : Buffer.byteLength(character)
    if (octetsAt(character, 0) !== octets) expect.fail(`U+${codePoint.toString(16)}: ${octetsAt(character, 0)}`)
  }
})

test('the message for a look-alike names the character that nobody sees', () => {
  expect(parseHandle('88.118.8/a\u200bb')).toMatchObject({
    message: 'Invisible character U+200B at position 10: remove it.',
  })
})

test('the message for too long a text states the limit', () => {
  expect(parseHandle(`88.118.8/${'x'.repeat(300)}`)).toMatchObject({ message: expect.stringContaining('255 octets') })
})
