/** The ports of the Handle System's protocols as an operator meets them: taken, closed, with TLS, IPv6, told in readiness. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEntrance } from '../../src/platform/entrance.js'
import { NodeError } from '../../src/platform/errors.js'
import { openWanted } from '../../src/platform/usual-port.js'
import { RC } from '../../src/protocols/handle/codes.js'
import { mustDecode } from '../protocols/handle/whole-messages.js'
import { datagramClient, lookUpOctets, streamClient, tunnelled } from '../support/handle-client.js'
import { type TestNode, testNode } from '../support/node.js'

let folder: string
let taken: net.Server
let takenPort: number

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-handle-tls-'))
  taken = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  takenPort = (taken.address() as AddressInfo).port
})

afterAll(() => {
  taken.close()
  rmSync(folder, { recursive: true })
})

test('a port that was set and is taken is an error that names the setting; nothing is started', async () => {
  const start = testNode({ environment: { JIEXI_HANDLE_PORT: String(takenPort) } })
  await expect(start).rejects.toMatchObject({
    code: 'already-exists',
    message: expect.stringMatching(new RegExp(`port ${takenPort} is taken.*JIEXI_HANDLE_PORT`)),
  })
})

test('a usual port that is taken stays closed, and the log says so and what to do', async () => {
  const lines: string[] = []
  const log = { warn: (line: unknown) => void lines.push(String(line)) }
  const wanted = { wanted: undefined, usual: takenPort, setting: 'JIEXI_HANDLE_PORT', name: 'The Handle port' } as const
  const open = (port: number) =>
    openEntrance(
      { host: '127.0.0.1', port },
      { accept: () => undefined, handsOn: false, withDatagrams: true, setting: 'JIEXI_HANDLE_PORT' },
    )
  expect(await openWanted(wanted, log, open)).toBeUndefined()
  expect(lines.join()).toMatch(/The Handle port stays closed\. .*is taken.*JIEXI_HANDLE_PORT=none/)
  await expect(openWanted({ ...wanted, wanted: takenPort }, log, open)).rejects.toBeInstanceOf(NodeError)
  expect(await openWanted({ ...wanted, wanted: 'none' }, log, open)).toBeUndefined()
})

test('closed doors are told as closed', async () => {
  const node = await testNode()
  expect(node.handle).toEqual({})
  expect(await readiness(node)).toMatchObject({ handle: { port: null, httpPort: null } })
  await node.close()
})

test('a node with all of its doors open stops without a complaint', async () => {
  const node = await testNode({ environment: { JIEXI_HANDLE_PORT: '0', JIEXI_HANDLE_HTTP_PORT: '0' } })
  expect(node.handle).toMatchObject({ port: expect.any(Number), httpPort: expect.any(Number) })
  await node.close()
  expect(node.logLines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([])
})

test('by IPv6 too, and HTTP with and without TLS on one port', async () => {
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-keyout', key, '-out', cert],
  ])
  expect(made.status).toBe(0)
  const node = await testNode({
    environment: {
      HOST: '::1',
      JIEXI_HANDLE_PORT: '0',
      JIEXI_HANDLE_HTTP_PORT: '0',
      JIEXI_HANDLE_TLS_CERT: cert,
      JIEXI_HANDLE_TLS_KEY: key,
    },
  })
  const { port, httpPort } = node.handle
  expect(await readiness(node)).toMatchObject({ handle: { port, httpPort } })
  const request = lookUpOctets('88.1/foreign')

  const stream = await streamClient(port!, '::1')
  stream.send(request)
  const [answer] = await stream.messages(1)
  expect(mustDecode(answer!).header.responseCode).toBe(RC.notResponsible)
  stream.close()
  const datagrams = await datagramClient(port!, '::1')
  datagrams.send(request)
  expect((await datagrams.packets(1))[0]!.readUInt32BE(24)).toBe(RC.notResponsible)
  datagrams.close()

  const plain = await tunnelled(`http://[::1]:${httpPort}`, request)
  expect([plain.status, mustDecode(plain.octets).header.responseCode]).toEqual([200, RC.notResponsible])
  const secure = await postSecurely(httpPort!, request)
  expect(mustDecode(secure).header.responseCode).toBe(RC.notResponsible)
  await node.close()
})

async function readiness(node: TestNode): Promise<unknown> {
  return (await fetch(`${node.url}/readyz`)).json()
}

function postSecurely(port: number, octets: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-hdl-message', 'content-length': octets.length }
    const options = { host: '::1', port, method: 'POST', headers, agent: false, rejectUnauthorized: false }
    https
      .request(options, async (response) => {
        const pieces: Buffer[] = []
        for await (const piece of response) pieces.push(piece as Buffer)
        resolve(Buffer.concat(pieces))
      })
      .once('error', reject)
      .end(octets)
  })
}
