import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ERROR_CODES } from '../../../src/platform/errors.js'

const PUBLIC = path.resolve(import.meta.dirname, '../../../src/protocols/console/public')

interface Words {
  readonly WORDS: Readonly<Record<'en' | 'zh', Readonly<Record<string, string>>>>
  speaker(language: 'en' | 'zh'): (name: string, values?: Record<string, unknown>, fallback?: string) => string
}
const { WORDS, speaker } = (await import(path.join(PUBLIC, 'words.js'))) as Words
const { en, zh } = WORDS

test('both languages say the same things', () => {
  // What the node itself says in English is translated for Chinese readers only.
  const translated = Object.keys(zh).filter((name) => !name.startsWith('fault.'))
  expect(translated).toEqual(Object.keys(en))
})

test('both languages leave places for the same values', () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort()
  for (const name of Object.keys(en)) expect([name, places(zh[name]!)]).toEqual([name, places(en[name]!)])
})

test('every word the page asks for is there', async () => {
  const files = ['page.js', 'record.js', 'way.js', 'history.js', 'problem.js', 'ask.js', 'reports.js']
  const texts = await Promise.all(
    [...files, 'index.html', 'reports.html'].map((file) => readFile(path.join(PUBLIC, file), 'utf8')),
  )
  const asked = texts.flatMap((text) =>
    [...text.matchAll(/(?:say\(|data-word=")['"]?([\w.-]+)['"]/g)].map(([, name]) => name!),
  )
  expect(asked.length).toBeGreaterThan(30)
  for (const name of asked) expect(Object.keys(en)).toContain(name)
})

test('every problem that has words is one that exists', () => {
  const named = Object.keys(en)
    .filter((name) => name.startsWith('problem.'))
    .map((name) => name.slice(8))
  for (const code of named) expect(ERROR_CODES).toContain(code)
})

test('a value that looks like a place is not filled in again', () => {
  const say = speaker('en')
  expect(say('summary', { title: '{version}', version: 3, tier: 'memory' })).toBe(
    'Found: {version}, version 3, from memory.',
  )
  expect(say('no.such.word', {}, 'plain')).toBe('plain')
  expect(say('toString')).toBe('toString')
})
