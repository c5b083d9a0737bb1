/** A worker that serves nothing. How it behaves, and where it notes that it has begun, its assignment says. */
import { appendFileSync, readFileSync } from 'node:fs'
import { joinSupervisor } from '../../../src/platform/worker-link.js'

export type Behaviour = 'steady' | 'reports' | 'crashes' | 'wears-out' | 'ignores-drain' | 'hangs-once'

const link = await joinSupervisor<{ readonly behaviour: Behaviour; readonly journal: string }>()
const { behaviour, journal } = link.assignment
const isFirst = !begunBefore()
appendFileSync(journal, `${process.pid}\n`)

if (behaviour === 'reports') {
  await link.failed('the moon is in the wrong place')
  process.exit(1)
}
if (behaviour === 'crashes' || (behaviour === 'wears-out' && !isFirst)) process.exit(3)
if (behaviour !== 'ignores-drain') {
  link.onDrain(async () => {
    await link.leave(undefined)
    process.exit(0)
  })
}
link.ready({ connection: (connection) => connection.destroy() })
if (behaviour === 'wears-out') setTimeout(() => process.exit(4), 50)
if (behaviour === 'hangs-once' && isFirst) setTimeout(hang, 50)

function begunBefore(): boolean {
  try {
    return readFileSync(journal, 'utf8') !== ''
  } catch {
    return false
  }
}

function hang(): void {
  for (;;);
}
