import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { lifecycle } from '../../src/platform/lifecycle.js'
import { runTypeScript } from '../support/child.js'

const PROCESS = path.join(import.meta.dirname, 'children/lifecycle.ts')

describe('resources', () => {
  test('they stop in reverse order, once, however often asked', async () => {
    const { life, events } = setUp()
    for (const name of ['database', 'cache', 'server']) {
      await life.start(name, () => name, { stop: (value) => events.push(value) })
    }
    await Promise.all([life.stop(), life.stop()])
    await life.stop()
    expect(events).toEqual(['server', 'cache', 'database'])
  })

  test('start gives the value, and what fails to open is not stopped', async () => {
    const { life, events } = setUp()
    expect(await life.start('number', () => 5)).toBe(5)
    await expect(
      life.start('broken', () => Promise.reject(new Error('no port')), { stop: () => events.push('broken') }),
    ).rejects.toThrow('no port')
    await life.stop()
    expect(events).toEqual([])
  })

  test('one that fails or hangs does not keep the others open, and is told', async () => {
    const { life, events, errors } = setUp()
    await life.start('older', () => 0, { stop: () => events.push('older') })
    await life.start('hanging', () => 0, { stop: () => new Promise(() => undefined), stopWithinMs: 20 })
    await life.start('failing', () => 0, { stop: () => Promise.reject(new Error('already gone')) })
    await life.stop()
    expect(events).toEqual(['older'])
    expect(errors).toEqual(['failing: already gone', 'hanging: did not stop within 0.02 s'])
  })

  test('one that opens too late is an error, and is closed when it does open', async () => {
    const { life, events } = setUp()
    let open: (value: string) => void = () => undefined
    const opening = new Promise<string>((resolve) => {
      open = resolve
    })
    const closed = new Promise<void>((resolve) => {
      const stop = (value: string) => {
        events.push(value)
        resolve()
      }
      const started = life.start('slow', () => opening, { startWithinMs: 20, stop })
      expect(started)
        .rejects.toThrow('slow did not start within 0.02 s')
        .then(() => open('late'))
    })
    await closed
    expect(events).toEqual(['late'])
  })

  test('while stopping nothing new is opened', async () => {
    const { life, events } = setUp()
    await life.stop()
    await expect(life.start('more', () => events.push('opened'))).rejects.toThrow('the node is stopping')
    expect(events).toEqual([])
  })
})

describe('signals, on a real process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s stops all in order and ends with 0', async (signal) => {
    const child = runTypeScript(PROCESS, ['quick'])
    await child.line(/^started/)
    child.process.kill(signal)
    expect(await child.ended).toBe(0)
    expect(child.output()).toMatch(/newer stopped[\s\S]*older stopped/)
  })

  test('a second signal ends it at once', async () => {
    const child = runTypeScript(PROCESS, ['hang'])
    await child.line(/^started/)
    child.process.kill('SIGTERM')
    await child.line(/stopping/)
    child.process.kill('SIGTERM')
    expect(await child.ended).toBe(143)
  })

  test('what hangs is left behind after its time, and the rest still stops', async () => {
    const child = runTypeScript(PROCESS, ['hang', '50'])
    await child.line(/^started/)
    child.process.kill('SIGTERM')
    expect(await child.ended).toBe(0)
    expect(child.output()).toMatch(/newer: did not stop within 0.05 s[\s\S]*older stopped/)
  })
})

function setUp() {
  const events: (string | number)[] = []
  const errors: string[] = []
  const life = lifecycle({ debug: () => undefined, error: (message) => errors.push(String(message)) })
  return { life, events, errors }
}
