import { expect, test } from 'vitest'
import { attributeFault } from '../../src/record/attribute-kinds.js'
import type { AttributeKind } from '../../src/record/template.js'
import { readVectors } from './read-vectors.js'

interface Vector {
  readonly kind: AttributeKind
  readonly text: string
  /** Missing: the text is accepted. */
  readonly position?: number | null
  readonly reason?: string
}

function attributeOf(kind: AttributeKind) {
  return { name: 'it', index: 2000, kind, required: false, maxOctets: 512, label: { en: 'It', zh: '它' } }
}

test.each(readVectors<Vector>('attribute-kinds.json'))('$kind $text', ({ kind, text, position, reason }) => {
  const fault = attributeFault(attributeOf(kind), text)
  if (reason === undefined) {
    expect(fault).toBeUndefined()
    return
  }
  expect(fault?.reason).toContain(reason)
  expect(fault?.position ?? null).toBe(position ?? null)
})

test('a text longer than its attribute allows is refused at the character that is too many', () => {
  const attribute = { ...attributeOf('text'), maxOctets: 7 }
  expect(attributeFault(attribute, '离心a')).toBeUndefined()
  expect(attributeFault(attribute, '离心泵')).toEqual({ reason: expect.stringContaining('9 octets'), position: 2 })
})
