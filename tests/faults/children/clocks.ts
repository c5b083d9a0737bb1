/** Says again and again how far the wall clock has gone ahead of the monotonic one, and whether timers keep to the latter. */
const aheadAtFirstMs = Date.now() - performance.now()
let lastAtMs = performance.now()

setInterval(() => {
  const nowMs = performance.now()
  const hours = Math.round((Date.now() - nowMs - aheadAtFirstMs) / 3_600_000)
  // A busy machine makes timers late, never early, and never by hours.
  const isRight = nowMs - lastAtMs >= 40 && nowMs - lastAtMs < 60_000
  process.stdout.write(`ahead ${hours} h, timers ${isRight ? 'right' : 'wrong'}\n`)
  lastAtMs = nowMs
}, 50)
