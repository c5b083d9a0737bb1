/** The node as its users start it: a process of its own, with embedded servers and the demonstration catalogue. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { runTypeScript } from '../support/child.js'

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts')
const children: ChildProcess[] = []
const folders: string[] = []

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

test('a first start shows the key and what to paste; Ctrl-C loses nothing; the next start has it all', async () => {
  const data = dataFolder()
  const first = start({ JIEXI_DATA: data })
  await first.line(/^Try it/)
  const key = /shown only now: (jx_\S+)/.exec(first.output())![1]!
  expect(first.output()).toContain('6600 products and 5296 parts')
  const url = addressOf(first.output())
  const sample = await fetch(`${url}/v1/identifiers/88.118.8/JXDY2106023`)
  expect(await sample.json()).toMatchObject({ version: 2, template: 'part' })
  await first.line(/keys create/)
  expect(commandsIn(first.output())).toEqual([
    expect.stringMatching(/npx jiexi .*resolve 88\.118\.1\/\d{14}/),
    expect.stringMatching(/npx jiexi .*resolve 88\.118\.8\/JXDY2106023/),
    expect.stringContaining(`keys create --enterprise demo-machines --api-key "${key}"`),
  ])
  const written = await fetch(`${url}/v1/identifiers/88.118.8/MINE-1`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ template: 'part', attributes: { partNumber: 'MINE-1', name: 'Mine' } }),
  })
  expect(written.status).toBe(201)
  expect(await first.ends('SIGINT')).toBe(0)

  const second = start({ JIEXI_DATA: data })
  await second.line(/^Try it/)
  expect(second.output()).not.toContain('jx_')
  const kept = await fetch(`${addressOf(second.output())}/v1/identifiers/88.118.8/MINE-1`)
  expect(await kept.json()).toMatchObject({ version: 1, attributes: { name: 'Mine' } })
  expect(await second.ends('SIGTERM')).toBe(0)
}, 120_000)

test('a port that is taken is told before anything is started', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as net.AddressInfo
  const node = start({ PORT: String(port), JIEXI_DATA: dataFolder() })
  expect(await node.ended).toBe(1)
  expect(node.output()).toContain(`port ${port} is taken`)
  expect(node.output()).not.toContain('Migrated')
  taken.close()
})

test('all wrong settings are told at once', async () => {
  const node = start({ PORT: 'x', JIEXI_POLL_INTERVAL_MS: '0', JIEXI_DEMMO: 'true' })
  expect(await node.ended).toBe(1)
  for (const name of ['PORT', 'JIEXI_POLL_INTERVAL_MS', 'JIEXI_DEMMO']) expect(node.output()).toContain(name)
})

function start(settings: Readonly<Record<string, string>>) {
  const child = runTypeScript(MAIN, [], {
    PORT: '0',
    JIEXI_HANDLE_PORT: '0',
    JIEXI_HANDLE_HTTP_PORT: '0',
    JIEXI_DRAIN_SECONDS: '0',
    ...settings,
  })
  children.push(child.process)
  return {
    ...child,
    ends: (signal: NodeJS.Signals) => {
      child.process.kill(signal)
      return child.ended
    },
  }
}

function dataFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-start-'))
  folders.push(folder)
  return folder
}

function addressOf(output: string): string {
  return /page {2,}(http:\S+?)\/\s/.exec(output)![1]!
}

function commandsIn(output: string): string[] {
  return output.split('from this folder:\n')[1]!.trim().split('\n')
}
