/**
 * Handle servers of others as the node above and as servers of enterprises: what they have said, octet for octet, comes through as the answer of
 * a look-up. Changed is only what must be: the number of the request, the time until which it holds, and in sites the ports.
 */
import { describe, expect, test } from 'vitest'
import { encodeMessage, type Message } from '../../src/protocols/handle/codec-message.js'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { handleValuesOf } from '../../src/protocols/handle/codec-record.js'
import { FLAG, OP, RC } from '../../src/protocols/handle/codes.js'
import { handleIn, refusalTo } from '../protocols/handle/client/replies.js'
import {
  httpServer,
  type Script,
  type ScriptedServer,
  tcpServer,
  udpServer,
} from '../protocols/handle/client/scripted-server.js'
import { isEncrypted, mustDecode, wholeMessages } from '../protocols/handle/whole-messages.js'
import { computedCase, exchanges, octetsOf } from '../support/handle-vectors.js'
import { cleanUps, looking } from './set-up.js'
import { about, asAnswer, moved, recordOf, said } from './theirs.js'

const SERVERS = { udp: udpServer, tcp: tcpServer, http: httpServer }
type Transport = keyof typeof SERVERS

async function serving(script: Script, transport: Transport = 'tcp'): Promise<ScriptedServer> {
  const server = await SERVERS[transport](script)
  cleanUps.push(() => server.close())
  return server
}

/** A node below a parent that speaks so. */
async function below(script: Script, transport: Transport = 'tcp') {
  const parent = await serving(script, transport)
  const { port } = parent.address
  const allowed = 'parent=127.0.0.1:1-65535'
  return { parent, ...looking({ JIEXI_PARENT: `${transport}://127.0.0.1:${port}`, JIEXI_PEER_NETWORKS: allowed }) }
}

const PUMP = 'session/resolve-all-http'
const pump: Script = (request) => about(said(PUMP), request)
const found = { kind: 'found', record: { values: [{ index: 1, type: 'URL' }, { index: 2 }, { index: 100 }] } }

describe('a server of theirs as the node above', () => {
  test.each(['udp', 'tcp'] as const)('names the site of a prefix, by %s', async (transport) => {
    const child = await serving(pump)
    const { ask, parent } = await below((request) => recordOf(request, child), transport)
    expect(await ask('88.100.1/pump-0001')).toMatchObject(found)
    expect([parent.requests.map(handleIn), child.requests.map(handleIn)]).toEqual([
      ['0.NA/88.100.1'],
      ['88.100.1/pump-0001'],
    ])
  })

  test('names a service, in an old version, whose record has the site', async () => {
    const child = await serving(pump)
    const { ask, parent } = await below((request) =>
      handleIn(request) === '0.NA/88.100.1'
        ? about(said('root/root-resolve-0.NA_88-2.3'), request)
        : recordOf(request, child),
    )
    expect(await ask('88.100.1/pump-0001')).toMatchObject(found)
    const { body } = mustDecode(said('root/root-resolve-0.NA_88-2.3'))
    const service = body.kind === 'handle-values' ? Buffer.from(body.values[0]!.data).toString() : ''
    expect(parent.requests.map(handleIn)).toEqual(['0.NA/88.100.1', service])
  })

  test.each(['service referral by handle', 'prefix referral by handle'])('%s', async (name) => {
    const child = await serving((request) =>
      handleIn(request).startsWith('0.NA/') ? recordOf(request, child) : pump(request, 0, () => undefined),
    )
    const octets = octetsOf(computedCase(name).hex)
    const { body } = mustDecode(octets)
    const referredTo = body.kind === 'referral' ? body.handle : ''
    expect(referredTo).not.toBe('')
    const { ask, parent } = await below((request) =>
      handleIn(request) === '0.NA/88.100.1' ? asAnswer(octets, request) : recordOf(request, child),
    )
    expect(await ask('88.100.1/pump-0001')).toMatchObject(found)
    expect(parent.requests.map(handleIn)).toContain(referredTo)
  })

  test('refers by the sites of who knows the prefixes below', async () => {
    const child = await serving((request) =>
      handleIn(request).startsWith('0.NA/') ? recordOf(request, child) : about(said(PUMP), request),
    )
    const { ask } = await below((request) =>
      about(said('root/root-resolve-0.NA_88.200-2.11'), request, ({ header, body }) => ({
        header: { ...header, responseCode: RC.prefixReferral },
        body: {
          kind: 'referral',
          handle: '',
          values:
            body.kind !== 'handle-values'
              ? []
              : body.values
                  .filter(({ type }) => type === 'HS_SITE.PREFIX')
                  .map((value) => ({ ...value, data: moved(value.data, [child]) })),
        },
      })),
    )
    expect(await ask('88.100.1/pump-0001')).toMatchObject(found)
    expect(child.requests.map(handleIn)).toEqual(['0.NA/88.100.1', '88.100.1/pump-0001'])
  })

  test.each([
    ['root/root-resolve-0.NA_99-2.11', 'prefix-not-served'],
    ['root/root-resolve-0.NA_99-2.3', 'prefix-not-served'],
    ['session/resolve-not-responsible-udp', 'prefix-not-served'],
    ['root/root-resolve-0.NA_88.200.5-2.3', 'authority-unavailable'],
  ])('%s: %s', async (name, code) => {
    const { ask } = await below((request) => asAnswer(said(name), request))
    await expect(ask('99.1/x')).rejects.toMatchObject({ code })
  })
})

describe('a server of theirs as that of an enterprise', () => {
  const looked = exchanges().filter(({ name, requests, responses }) => {
    if (!/^(session|challenge)\//.test(name) || isEncrypted(wholeMessages(requests)[0]!)) return false
    const { header, body } = mustDecode(wholeMessages(responses)[0]!)
    return header.opCode === OP.resolve && body.kind !== 'challenge'
  })

  test.each(looked)('$name', async ({ name, requests, responses }) => {
    const { transport } = requests[0]!
    const asked = mustDecode(wholeMessages(requests)[0]!)
    const handle = asked.body.kind === 'query' ? asked.body.handle : ''
    const octets = wholeMessages(responses)[0]!
    const answer = mustDecode(octets)
    // Its digest is that of another request.
    const isDigested = answer.requestDigest !== undefined
    const child = await serving(
      (request) => (isDigested ? withoutDigest(octets, request) : asAnswer(octets, request)),
      transport,
    )
    const { ask } = await below((request) => recordOf(request, child))
    const outcome = await ask(handle).catch((error: unknown) => error)
    if (answer.body.kind === 'handle-values') {
      expect(outcome).toMatchObject({ kind: 'found', tier: 'upstream' })
      const { record } = outcome as { record: { values: Parameters<typeof handleValuesOf>[0] } }
      const fields = ({ index, type, data }: { index: number; type: string; data: Uint8Array }) => [
        index,
        type,
        Buffer.from(data).toString('hex'),
      ]
      expect(handleValuesOf(record.values).map(fields)).toEqual(answer.body.values.map(fields))
    } else if (answer.header.responseCode === RC.handleNotFound) expect(outcome).toMatchObject({ kind: 'absent' })
    else if (answer.header.responseCode === RC.valuesNotFound)
      expect(outcome).toMatchObject({ kind: 'found', record: { values: [] } })
    else expect(outcome).toMatchObject({ code: 'prefix-not-served' })
    expect(child.requests.map(handleIn), name).toEqual([foldedPrefix(handle)])
  })

  test.each<[string, (octets: Buffer, request: Buffer) => Buffer | readonly Buffer[]]>([
    [
      'in version 2.3, suggesting its own',
      changing(({ envelope }) => ({ envelope: { ...envelope, version: { major: 2, minor: 3 } } })),
    ],
    ['in version 2.0', changing(({ envelope }) => ({ envelope: { ...envelope, version: { major: 2, minor: 0 } } }))],
    [
      'without a suggestion',
      changing(({ envelope }) => ({ envelope: { ...envelope, suggestedVersion: { major: 0, minor: 0 } } })),
    ],
    [
      'suggesting a version to come',
      changing(({ envelope }) => ({ envelope: { ...envelope, suggestedVersion: { major: 3, minor: 1 } } })),
    ],
    ['with no flags', flagged(0)],
    [
      'with every flag that says nothing of more messages',
      flagged((0xffff_ffff & ~(FLAG.continuous | FLAG.returnDigest)) >>> 0),
    ],
    ['with another serial of its site', changing(({ header }) => ({ header: { ...header, siteSerial: 77 } }))],
    ['with a count of servers passed', changing(({ header }) => ({ header: { ...header, recursionCount: 9 } }))],
    [
      'in capitals',
      changing(({ body }) =>
        'handle' in body ? { body: { ...body, handle: body.handle.toUpperCase() } as Message['body'] } : {},
      ),
    ],
    ['without the length of a credential', (octets, request) => sized(asAnswer(octets, request).subarray(0, -4))],
    [
      'with octets behind all',
      (octets, request) => sized(Buffer.concat([asAnswer(octets, request), Buffer.alloc(3, 7)])),
    ],
    ['with octets behind the body', (octets, request) => roomier(asAnswer(octets, request))],
    ['with a digest that nobody asked for', (octets, request) => asAnswer(octets, request)],
  ])('%s', async (_what, change) => {
    const child = await serving((request) => change(said(PUMP), request))
    const { ask } = await below((request) => recordOf(request, child))
    expect(await ask('88.100.1/pump-0001')).toMatchObject(found)
  })

  test.each<[string, (packets: readonly Buffer[]) => readonly Buffer[]]>([
    ['in packets one behind the other', (packets) => packets],
    ['in packets of which the last comes first', (packets) => [...packets].reverse()],
    ['in packets that come twice', (packets) => packets.flatMap((packet) => [packet, packet])],
  ])('by UDP, %s', async (_what, order) => {
    for (const isMarked of [false, true]) {
      const child = await serving((request, _place, send) => {
        const octets = asAnswer(said('session/resolve-big-udp'), request)
        for (const packet of order(packetsOf(octets, isMarked))) send(Buffer.from(packet))
        return undefined
      }, 'udp')
      const { ask } = await below((request) => recordOf(request, child))
      const answer = await ask('88.100.1/bom-big')
      expect(answer).toMatchObject({ kind: 'found' })
      expect((answer as unknown as { record: { values: unknown[] } }).record.values.length).toBe(61)
    }
  })

  test('that challenges whoever asks is no "not registered"', async () => {
    const child = await serving((request) => asAnswer(said('session/resolve-restricted-with-seckey-tcp'), request))
    const { ask } = await below((request) => recordOf(request, child))
    await expect(ask('88.100.1/mixed')).rejects.toMatchObject({ code: 'authority-unavailable' })
  })

  test('that is busy, or says what nobody knows, is no "not registered"', async () => {
    for (const code of [RC.tooBusy, RC.error, RC.serverBackup, 3_001, 999]) {
      const child = await serving((request) => refusalTo(request, code))
      const { ask } = await below((request) => recordOf(request, child))
      await expect(ask('88.100.1/pump-0001')).rejects.toMatchObject({ code: 'authority-unavailable' })
    }
  })
})

const withoutDigest = (octets: Buffer, request: Buffer) => {
  const { requestDigest: _theirs, ...message } = mustDecode(asAnswer(octets, request))
  const { header } = message
  return encodeMessage({ ...message, header: { ...header, opFlags: (header.opFlags & ~FLAG.returnDigest) >>> 0 } })
}

function changing(change: (message: Message) => Partial<Message>) {
  return (octets: Buffer, request: Buffer) => about(octets, request, change)
}

function flagged(opFlags: number) {
  return changing(({ header }) => ({ header: { ...header, opFlags } }))
}

/** With the length that it has. */
function sized(octets: Buffer): Buffer {
  const copy = Buffer.from(octets)
  copy.writeUInt32BE(copy.length - 20, 16)
  return copy
}

function roomier(octets: Buffer): Buffer {
  const end = octets.length - 4
  const copy = sized(Buffer.concat([octets.subarray(0, end), Buffer.alloc(2), octets.subarray(end)]))
  copy.writeUInt32BE(copy.readUInt32BE(40) + 2, 40)
  return copy
}

const foldedPrefix = (handle: string) => handle.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
