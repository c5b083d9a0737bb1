/** The least that something took of several times: a pause of the machine makes some of them long, never all. */
export function leastTimeMs(rounds: number, act: () => void): number {
  let leastMs = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const beganMs = performance.now()
    act()
    leastMs = Math.min(leastMs, performance.now() - beganMs)
  }
  return leastMs
}
