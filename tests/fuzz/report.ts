/** What a run of mutated messages found, in words. */
import type { Failure, FuzzReport } from './run.js'

const SHOWN_OUTCOMES = 60

export function reportText({ examined, outcomes, slowestMs, failure }: FuzzReport, seconds: number): string {
  const rate = Math.round(examined / Math.max(seconds, 0.001)).toLocaleString('en')
  const lines = [...outcomes]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN_OUTCOMES)
    .map(([words, count]) => `${String(count).padStart(12)}  ${words}`)
  return [
    `${examined.toLocaleString('en')} messages in ${seconds.toFixed(1)} s (${rate} a second); the slowest took ${slowestMs.toFixed(1)} ms.`,
    'What became of them (of a fault, its reason and field):',
    ...lines,
    ...(outcomes.size > SHOWN_OUTCOMES ? [`and ${outcomes.size - SHOWN_OUTCOMES} rarer ends`] : []),
    failure === undefined ? 'No promise was broken.' : failureText(failure),
    '',
  ].join('\n')
}

function failureText({ message, bytes, what }: Failure): string {
  return `Message ${message} breaks a promise: ${what}\nIts ${bytes.length} octets:\n${bytes.toString('hex')}`
}
