import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../../../src/resolution/kept/slots.js'

const SLOTS = 16

test('what was added is found, and nothing else, whatever was added and removed before', () => {
  // Hashes that collide, and whose homes lie at the end of the table, where a search goes on at its beginning.
  const hash = fc.constantFrom(0, 1, SLOTS - 2, SLOTS - 1, 2 * SLOTS - 1, 3 * SLOTS - 1)
  const step = fc.record({ adds: fc.boolean(), hash, offset: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slots = new Slots(SLOTS)
      const model = new Map<string, { readonly hash: number; readonly offset: number }>()
      for (const { adds, hash, offset } of steps) {
        const name = `${hash}.${offset}`
        const slot = slots.findAt(hash, 7, offset)
        expect(slot >= 0).toBe(model.has(name))
        if (adds && slot < 0 && slots.count < slots.capacity) {
          slots.setGeneration(slots.add(hash, 7, offset), offset)
          slots.setUses(slots.findAt(hash, 7, offset), offset)
          model.set(name, { hash, offset })
        } else if (!adds && slot >= 0) {
          slots.remove(slot)
          model.delete(name)
        }
      }
      expect(slots.count).toBe(model.size)
      for (const { hash, offset } of model.values()) {
        const slot = slots.findAt(hash, 7, offset)
        expect(slots.segmentOf(slot)).toBe(7)
        expect(slots.offsetOf(slot)).toBe(offset)
        expect(slots.generationOf(slot)).toBe(offset)
        expect(slots.usesOf(slot)).toBe(offset)
      }
    }),
  )
})

test('all entries of one hash are gone through', () => {
  const slots = new Slots(SLOTS)
  for (let offset = 0; offset < 5; offset += 1) slots.add(SLOTS - 1, 0, offset)
  const offsets: number[] = []
  for (let slot = slots.find(SLOTS - 1); slot >= 0; slot = slots.find(SLOTS - 1, slot + 1))
    offsets.push(slots.offsetOf(slot))
  expect(offsets).toEqual([0, 1, 2, 3, 4])
})
