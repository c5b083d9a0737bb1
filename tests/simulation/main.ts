/**
 * `npm run simulate -- --seeds 1000 [--from 1]`: runs seeds, stops at the first that breaks a promise and shows how.
 * `SEED=17 npm run simulate [-- --about 88.3/belt]`: that one, with its trace.
 */
import { parseArgs } from 'node:util'
import { reportOf, summary } from './report.js'
import { simulate } from './simulate.js'

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, from: { type: 'string' }, about: { type: 'string' } },
})
const only = process.env['SEED']
const from = Number(only ?? values.from ?? 1)
const count = only === undefined ? Number(values.seeds ?? 200) : 1
if (!Number.isSafeInteger(from) || !(count > 0)) throw new Error('--seeds, --from and SEED take whole numbers')

const total = summary()
for (let seed = from; seed < from + count; seed += 1) {
  const run = await simulate(seed)
  total.add(run)
  if (run.violation !== undefined) {
    process.stdout.write(await reportOf(run, values.about))
    process.exitCode = 1
    break
  }
}
process.stdout.write(`${total.text()}\n`)
