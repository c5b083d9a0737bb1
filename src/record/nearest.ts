/** The known name that a misspelt one most likely stands for. */

const MAX_LENGTH = 64

/** @returns undefined when none is near enough to be meant */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > MAX_LENGTH) return undefined
  const plain = plainForm(name)
  let nearest: { readonly candidate: string; readonly edits: number } | undefined
  for (const candidate of known) {
    const other = plainForm(candidate)
    const allowed = Math.min(tolerance(candidate), (nearest?.edits ?? Number.POSITIVE_INFINITY) - 1)
    if (Math.abs(other.length - plain.length) > allowed) continue
    const edits = editsBetween(plain, other)
    if (edits <= allowed) nearest = { candidate, edits }
  }
  return nearest?.candidate
}

/** `Did you mean …?` where one is near, else all that are known. */
export function nameAdvice(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `known are: ${known.join(', ')}` : `did you mean ${nearest}?`
}

/** `part_number`, `Part Number` and `partNumber` are one name to whoever typed them. */
function plainForm(name: string): string {
  return name.toLowerCase().replace(/[\s_-]+/g, '')
}

function tolerance(name: string): number {
  return Math.max(1, Math.floor(name.length / 3))
}

/** Levenshtein's distance, a swap of neighbours counting once (optimal string alignment). */
function editsBetween(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1)
      current.push(edits)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
