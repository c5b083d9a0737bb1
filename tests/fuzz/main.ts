/**
 * `npm run fuzz -- --messages 10000000 [--seed 1] [--from 0]`: mutated messages through the codec of the native Handle protocol.
 * A message that breaks a promise is shown with its number; `--from` that number and `--messages 1000` show it again.
 */
import { parseArgs } from 'node:util'
import { reportText } from './report.js'
import { fuzz } from './run.js'

const { values } = parseArgs({
  options: { messages: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } },
})
const [messages, seed, from] = [
  Number(values.messages ?? 1_000_000),
  Number(values.seed ?? 1),
  Number(values.from ?? 0),
]
if (![messages, seed, from].every((number) => Number.isSafeInteger(number) && number >= 0)) {
  throw new Error('--messages, --seed and --from take whole numbers')
}

const beganMs = performance.now()
const seconds = () => (performance.now() - beganMs) / 1000
let shownAt = 0

const report = fuzz({ seed, from, messages }, (done) => {
  if (seconds() - shownAt < 1) return
  shownAt = seconds()
  const left = (seconds() / done) * (messages - done)
  process.stderr.write(
    `\r${done.toLocaleString('en')} of ${messages.toLocaleString('en')}, ${Math.ceil(left)} s left   `,
  )
})
process.stderr.write('\n')
process.stdout.write(reportText(report, seconds()))
if (report.failure !== undefined) process.exitCode = 1
