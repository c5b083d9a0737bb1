/**
 * Lines that are written together: each write to a pipe costs as much as several look-ups. A line waits for others a moment
 * at most, and for none when the process ends; only one that is killed takes its last moment's lines along.
 */
const MAX_WAIT_MS = 20
const MAX_CHARACTERS = 16 * 1024

/** What is still to be written, of all that hold any. */
const pending = new Set<() => void>()

process.on('exit', () => {
  for (const flush of pending) flush()
})

export function heldLines(write: (lines: string) => unknown): (line: string) => void {
  let held = ''
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    const lines = held
    held = ''
    clearTimeout(timer)
    pending.delete(flush)
    write(lines)
  }

  return (line) => {
    if (held === '') {
      pending.add(flush)
      timer = setTimeout(flush, MAX_WAIT_MS).unref()
    }
    held += line
    if (held.length >= MAX_CHARACTERS) flush()
  }
}
