/** The short form. The long one is `npm run fuzz -- --messages 10000000`. */
import { expect, test } from 'vitest'
import { seededRandom } from '../simulation/random.js'
import { handleCorpus } from './handle.js'
import { mutated } from './mutate.js'
import { reportText } from './report.js'
import { BLOCK, fuzz } from './run.js'

const MESSAGES = 30_000

test('whatever reaches the codec of the native Handle protocol gives a message or a fault, at once, and nothing else', () => {
  const report = fuzz({ seed: 7, from: 0, messages: MESSAGES }, () => undefined)
  if (report.failure !== undefined) expect.fail(reportText(report, 0))
  expect(report.examined).toBe(MESSAGES)
  const words = [...report.outcomes.keys()]
  // Every kind of fault and nearly every body is met, or the mutations are not what they should be.
  for (const reason of ['cut-off', 'too-many', 'not-utf8', 'left-over', 'bad-value'])
    expect(words.some((one) => one.startsWith(reason))).toBe(true)
  expect(words.filter((one) => one.startsWith('good')).length).toBeGreaterThan(14)
})

test('the same seed makes the same messages, and a block can be run alone', () => {
  const all = fuzz({ seed: 3, from: 0, messages: 2 * BLOCK }, () => undefined)
  const first = fuzz({ seed: 3, from: 0, messages: BLOCK }, () => undefined)
  const second = fuzz({ seed: 3, from: BLOCK + 17, messages: BLOCK }, () => undefined)
  for (const [words, count] of all.outcomes)
    expect((first.outcomes.get(words) ?? 0) + (second.outcomes.get(words) ?? 0)).toBe(count)
  const corpus = handleCorpus()
  expect(mutated(corpus, seededRandom(5))).toEqual(mutated(corpus, seededRandom(5)))
})
