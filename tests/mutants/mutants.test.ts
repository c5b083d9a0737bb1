import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { MUTANTS } from './mutants.js'

const ROOT = path.resolve(import.meta.dirname, '../..')

test.each(MUTANTS)('the code still has the one place where "$name" would be wrong', ({ file, text, tests, seeds }) => {
  const source = readFileSync(path.join(ROOT, file), 'utf8')
  expect(source.split(text), `occurrences of this text in ${file}: ${text}`).toHaveLength(2)
  expect(tests.length + (seeds ?? 0)).toBeGreaterThan(0)
  expect(tests.filter((one) => !existsSync(path.join(ROOT, one)))).toEqual([])
})

test('mutants have names of their own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
})
