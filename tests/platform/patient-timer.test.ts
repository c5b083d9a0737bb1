import { once } from 'node:events'
import net from 'node:net'
import { expect, test } from 'vitest'
import { patientTimer } from '../../src/platform/patient-timer.js'

test('what arrives while this process stands still is not late', async () => {
  const server = net.createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  for (let round = 0; round < 20; round += 1) {
    let isLate = false
    const answered = once(socket, 'data')
    socket.write('hello')
    const stop = patientTimer(5, () => {
      isLate = true
    })
    const until = performance.now() + 10
    while (performance.now() < until);
    await answered
    stop()
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(isLate).toBe(false)
  }
  socket.destroy()
  server.close()
})

test('what does not come is late when its time is over, not before; stopped, the timer tells nobody', async () => {
  const startedMs = performance.now()
  await new Promise<void>((resolve) => patientTimer(20.5, resolve))
  // Timers may end a millisecond early.
  expect(performance.now() - startedMs).toBeGreaterThan(19.5)
  let isLate = false
  const stop = patientTimer(1, () => {
    isLate = true
  })
  stop()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(isLate).toBe(false)
})
