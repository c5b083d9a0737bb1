/** `jiexi resolve --handle` and `jiexi handle`, against servers of the test's own making. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { runCommand } from '../../src/cli/program.js'
import type { Terminal } from '../../src/cli/terminal.js'
import { formatServerAddress } from '../../src/protocols/handle/client/server-address.js'
import { decodePublicKeyAnswer } from '../../src/protocols/handle/codec-challenge.js'
import type { HandleValue } from '../../src/protocols/handle/codec-value.js'
import { FLAG, hasFlag, OP, RC } from '../../src/protocols/handle/codes.js'
import { requestDigest } from '../../src/protocols/handle/digests.js'
import { encodeAdmin } from '../../src/record/value-types/hs-admin.js'
import { started } from '../protocols/handle/client/closing.js'
import { answerTo, refusalTo, signedBy, siteOctets, value, valuesTo } from '../protocols/handle/client/replies.js'
import {
  httpServer,
  type Script,
  type ScriptedServer,
  tcpServer,
  udpServer,
} from '../protocols/handle/client/scripted-server.js'
import { mustDecode } from '../protocols/handle/whole-messages.js'
import { jiexi as process, type Run } from './run.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-handle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const inFolder = (name: string) => path.join(folder, name)

/** The command within this process: an own one for each would take a second. */
async function jiexi(
  args: readonly string[],
  { environment = {} }: { readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<Run> {
  const written = { out: '', err: '' }
  const terminal: Terminal = {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    isWatched: false,
    input: Readable.from([]),
    interrupted: new AbortController().signal,
  }
  const code = await runCommand({ args, environment, terminal })
  return { code, ...written }
}

const url = value(1, 'URL', 'https://example.com/泵')
const admin = value(
  100,
  'HS_ADMIN',
  encodeAdmin({ permissions: 0x7f3, handle: '0.NA/88.1', index: 300, hasTail: false }),
)
const nonce = Buffer.alloc(16, 7)

const holding: Script = (request) => {
  const { body } = mustDecode(request)
  if (body.kind !== 'query' || body.handle !== '88.1/泵') return refusalTo(request, RC.handleNotFound)
  const { indexes, types } = body
  const wanted = [url, admin].filter(
    ({ index, type }) => indexes.length + types.length === 0 || indexes.includes(index) || types.includes(type),
  )
  return wanted.length === 0 ? refusalTo(request, RC.valuesNotFound) : valuesTo(request, wanted)
}

describe('resolve --handle', () => {
  test.each<[string, (script: Script) => Promise<ScriptedServer>]>([
    ['udp', udpServer],
    ['tcp', tcpServer],
    ['http', httpServer],
  ])('over %s', async (_name, serve) => {
    const server = await started(serve(holding))
    const address = formatServerAddress(server.address)
    const found = await process(['resolve', '--handle', address, '88.1/泵'])
    expect(found).toEqual({
      code: 0,
      err: '',
      out: `88.1/泵  2 values, from ${address}\n  1:URL         1110  https://example.com/泵\n  100:HS_ADMIN  1110  300:0.NA/88.1, rights 011111110011\n`,
    })
  })

  test('parts of a record, as JSON', async () => {
    const server = await started(udpServer(holding))
    const address = formatServerAddress(server.address)
    const { code, out } = await jiexi([
      'resolve',
      '--handle',
      address,
      '--type',
      'HS_ADMIN',
      '--json',
      '88.1/泵',
      '88.1/none',
    ])
    expect(code).toBe(1)
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        handle: '88.1/泵',
        outcome: 'found',
        values: [
          {
            index: 100,
            type: 'HS_ADMIN',
            data: { format: 'admin', value: { handle: '0.NA/88.1', index: 300, permissions: '011111110011' } },
            ttl: 86400,
            permissions: '1110',
            timestamp: '2023-11-14T22:13:20Z',
          },
        ],
        server: address,
        authoritative: false,
      },
      { handle: '88.1/none', outcome: 'absent', server: address },
    ])
    expect((await jiexi(['resolve', '--handle', address, '--index', '1', '88.1/泵'])).out).not.toContain('HS_ADMIN')
  })

  test('what is missing is told on standard error, with exit code 1', async () => {
    const server = await started(udpServer(holding))
    const address = formatServerAddress(server.address)
    expect(await jiexi(['resolve', '--handle', address, '88.1/none'])).toEqual({
      code: 1,
      out: '',
      err: `88.1/none does not exist, says ${address}.\n`,
    })
    expect(await jiexi(['resolve', '--handle', address, '--type', 'EMAIL', '88.1/泵'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('has no such values'),
    })
  })

  test('a server that is not there, and one whose words would harm a terminal', async () => {
    expect(await jiexi(['resolve', '--handle', 'tcp://127.0.0.1:1', '88.1/x'])).toMatchObject({
      code: 1,
      out: '',
      err: 'tcp://127.0.0.1:1 is not there: nothing listens at it.\n',
    })
    const rude = await started(tcpServer((request) => refusalTo(request, RC.error, '\u001b[2Jhello')))
    const { code, err } = await jiexi(['resolve', '--handle', formatServerAddress(rude.address), '88.1/x'])
    expect([code, err.includes('\u001b'), err.includes('hello')]).toEqual([1, false, true])
    const json = await jiexi(['resolve', '--json', '--handle', formatServerAddress(rude.address), '88.1/x'])
    expect(JSON.parse(json.out)).toMatchObject({ outcome: 'failed', reason: 'refused', responseCode: 2 })
  })

  test('a certified look-up takes only what the key given has signed', async () => {
    const [theirs, other] = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ]
    const server = await started(tcpServer((request) => signedBy(theirs.privateKey, valuesTo(request, [url]))))
    const ask = (name: string) =>
      jiexi([
        'resolve',
        '--certified',
        '--server-key',
        inFolder(name),
        '--handle',
        formatServerAddress(server.address),
        '88.1/x',
      ])
    writeFileSync(inFolder('right.pub'), theirs.publicKey.export({ format: 'pem', type: 'spki' }))
    writeFileSync(inFolder('wrong.pub'), other.publicKey.export({ format: 'pem', type: 'spki' }))
    expect(await ask('right.pub')).toMatchObject({ code: 0 })
    expect(await ask('wrong.pub')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('signature is not of its key'),
    })
    expect(await ask('none.pub')).toMatchObject({ code: 1, err: expect.stringContaining('cannot be read') })
  })

  test('with --root the server says whom to ask', async () => {
    const node = await started(tcpServer(holding))
    const root = await started(
      udpServer((request) => valuesTo(request, [value(1, 'HS_SITE', siteOctets({ addresses: [node.address] }))])),
    )
    const { out } = await jiexi(['resolve', '--root', '--handle', formatServerAddress(root.address), '88.1/泵'])
    expect(out).toContain(`from ${formatServerAddress(node.address)}`)
  })

  test.each<[string, readonly string[], string]>([
    ['no address', ['--handle', 'ftp://x'], 'write one such as udp://127.0.0.1:2641'],
    ['no port', ['--handle', 'udp://x:70000'], 'no port'],
    [
      'options of the other kind of look-up',
      ['--handle', 'udp://127.0.0.1', '--explain'],
      '--explain does not go with --handle',
    ],
    ['options of this kind without it', ['--type', 'URL'], '--type goes with --handle'],
    ['no index', ['--handle', 'udp://127.0.0.1', '--index', 'x'], 'no index'],
    ['no time', ['--handle', 'udp://127.0.0.1', '--timeout', '-1'], 'seconds'],
  ])('%s: exit code 2', async (_name, options, words) => {
    expect(await jiexi(['resolve', ...options, '88.1/x'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(words),
    })
  })
})

/** Takes every change after a challenge, and keeps what it was asked. */
async function challenging(outcome: (request: Buffer, opCode: number) => Buffer) {
  const asked = new Map<number, Buffer>()
  const proofs: Buffer[] = []
  const server = await started(
    tcpServer((request, place) => {
      const { header } = mustDecode(request)
      if (header.opCode === OP.setUpSession) return refusalTo(request, RC.notSupported)
      if (header.opCode === OP.getSiteInfo) return refusalTo(request, RC.error)
      if (header.opCode !== OP.answerChallenge) {
        asked.set(place + 1, request)
        return answerTo(
          request,
          { kind: 'challenge', nonce },
          { envelope: { sessionId: place + 1 }, header: { responseCode: RC.authenticationNeeded } },
        )
      }
      proofs.push(request)
      return outcome(request, mustDecode(asked.get(request.readUInt32BE(4))!).header.opCode)
    }),
  )
  return {
    server,
    address: formatServerAddress(server.address),
    proofs,
    request: () => [...asked.values()].at(-1)!,
    last: () => mustDecode([...asked.values()].at(-1)!),
  }
}

const valuesOf = (message: ReturnType<typeof mustDecode>): readonly HandleValue[] =>
  message.body.kind === 'handle-values' ? message.body.values : []

describe('handle', () => {
  const done = (request: Buffer, opCode: number) =>
    opCode === OP.create
      ? answerTo(request, { kind: 'handle', handle: '88.1/new' }, { header: { opCode } })
      : answerTo(request, { kind: 'empty' }, { header: { opCode } })

  test('keygen makes files that fit each other, and overwrites none', async () => {
    for (const kind of ['rsa', 'ed25519']) {
      const made = await jiexi(['handle', 'keygen', '--kind', kind, '--out', inFolder(kind), '--json'])
      const { privateKey, publicKey, value: octets } = JSON.parse(made.out)
      expect(statSync(privateKey).mode & 0o777).toBe(0o600)
      const derived = createPublicKey(createPrivateKey(readFileSync(privateKey)))
      expect(derived.equals(createPublicKey(readFileSync(publicKey)))).toBe(true)
      expect(readFileSync(octets).toString('latin1')).toContain('PUB_KEY')
      expect(await jiexi(['handle', 'keygen', '--kind', kind, '--out', inFolder(kind)])).toMatchObject({
        code: 1,
        err: expect.stringContaining('cannot be written'),
      })
    }
    const closed = await jiexi(['handle', 'keygen', '--out', inFolder('closed')], {
      environment: { JIEXI_HANDLE_PASSPHRASE: 'word' },
    })
    expect(closed).toMatchObject({ code: 0, out: expect.stringContaining('encrypted with') })
    expect(readFileSync(inFolder('closed.pem'), 'utf8')).toContain('ENCRYPTED')
  })

  test('create, with values of every kind, proved by a key', async () => {
    const { address, proofs, last, request } = await challenging(done)
    writeFileSync(inFolder('octets'), Buffer.of(0, 1, 255))
    writeFileSync(inFolder('password'), 'password')
    const created = await jiexi(
      [
        'handle',
        'create',
        '88.1/new',
        '--as',
        '300:0.NA/88.1',
        '--key',
        inFolder('closed.pem'),
        '--value',
        '1:URL=https://example.com/?a=1',
        '--file-value',
        `2:BIN=${inFolder('octets')}`,
        '--public-key',
        `300=${inFolder('rsa.pub')}`,
        '--secret',
        `301=${inFolder('password')}`,
        '--admin',
        '300:0.NA/88.1',
        '--ttl',
        '60',
      ],
      { environment: { JIEXI_HANDLE: address, JIEXI_HANDLE_PASSPHRASE: 'word' } },
    )
    expect(created).toEqual({ code: 0, out: '88.1/new  created\n', err: '' })
    expect(valuesOf(last()).map(({ index, type, permissions, ttl }) => [index, type, permissions, ttl])).toEqual([
      [1, 'URL', 14, 60],
      [2, 'BIN', 14, 60],
      [300, 'HS_PUBKEY', 14, 60],
      [301, 'HS_SECKEY', 12, 60],
      [100, 'HS_ADMIN', 14, 60],
    ])
    expect(Buffer.from(valuesOf(last())[1]!.data)).toEqual(Buffer.of(0, 1, 255))
    expect(Buffer.from(valuesOf(last())[2]!.data)).toEqual(readFileSync(inFolder('rsa.hs_pubkey')))
    expect(Buffer.from(valuesOf(last())[4]!.data)).toEqual(Buffer.from(admin.data))
    const { body } = mustDecode(proofs[0]!)
    if (body.kind !== 'challenge-answer') throw new Error('no proof')
    const answer = decodePublicKeyAnswer(body.answer)
    expect([body.type, body.handle, body.index, answer.ok]).toEqual(['HS_PUBKEY', '0.NA/88.1', 300, true])
    const signature = answer.ok ? answer.value.signature : new Uint8Array()
    const { octets } = requestDigest(request(), { major: 2, minor: 11 })
    const key = createPublicKey(readFileSync(inFolder('closed.pub')))
    expect(verify('sha256', Buffer.concat([nonce, octets]), key, signature)).toBe(true)
  })

  test.each<[readonly string[], string, number]>([
    [['create', '88.1/new', '--overwrite', '--value', '1:URL=x'], '88.1/new  created\n', OP.create],
    [['add', '88.1/x', '--value', '1:URL=x', '--value', '2:URL=y'], '88.1/x  added: 1, 2\n', OP.addValues],
    [['modify', '88.1/x', '--value', '1:URL=x'], '88.1/x  modified: 1\n', OP.modifyValues],
    [['remove', '88.1/x', '1', '2'], '88.1/x  removed: 1, 2\n', OP.removeValues],
    [['delete', '88.1/x'], '88.1/x  deleted\n', OP.delete],
    [['home', '88.1'], '88.1  homed\n', OP.homePrefix],
    [['unhome', '0.NA/88.1'], '0.NA/88.1  unhomed\n', OP.unhomePrefix],
  ])('%j', async (args, out, opCode) => {
    const { address, last } = await challenging(done)
    const environment = { JIEXI_HANDLE_SECRET: 'secret' }
    expect(await jiexi(['handle', ...args, '--server', address, '--as', '301:0.NA/88.1'], { environment })).toEqual({
      code: 0,
      out,
      err: '',
    })
    expect(last().header.opCode).toBe(opCode)
    expect(hasFlag(last().header.opFlags, FLAG.overwrite)).toBe(args.includes('--overwrite'))
  })

  test('list and homed tell one a line, as they come', async () => {
    const { address } = await challenging((request, opCode) => {
      const handles = opCode === OP.listHandles ? ['88.1/A', '88.1/B'] : ['0.NA/88.1']
      return answerTo(request, { kind: 'handles', handles }, { header: { opCode } })
    })
    const identity = ['--server', address, '--as', '300:0.NA/88.1', '--key', inFolder('rsa.pem')]
    expect((await jiexi(['handle', 'list', '88.1', ...identity])).out).toBe('88.1/A\n88.1/B\n')
    expect((await jiexi(['handle', 'homed', '--json', ...identity])).out).toBe('{"handle":"0.NA/88.1"}\n')
  })

  test('site tells where the servers are', async () => {
    const server: ScriptedServer = await started(
      tcpServer((request) =>
        answerTo(request, { kind: 'site', octets: siteOctets({ addresses: [server.address], serial: 5 }) }),
      ),
    )
    const address = formatServerAddress(server.address)
    expect((await jiexi(['handle', 'site', '--server', address])).out).toBe(
      `serial 5, 127.0.0.1 (tcp ${server.address.port})\n`,
    )
    expect(JSON.parse((await jiexi(['handle', 'site', '--json', '--server', address])).out)).toMatchObject({
      serial: 5,
      protocolVersion: '2.11',
    })
  })

  test('a refusal says what the server has against it', async () => {
    const { address } = await challenging((request, opCode) =>
      answerTo(
        request,
        { kind: 'error', message: 'no', indexes: [] },
        { header: { opCode, responseCode: RC.insufficientPermissions } },
      ),
    )
    const refused = await jiexi([
      'handle',
      'delete',
      '88.1/x',
      '--server',
      address,
      '--as',
      '300:0.NA/88.1',
      '--key',
      inFolder('rsa.pem'),
    ])
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: `${address} refuses: the administrator may not do that (code 401): "no".\n`,
    })
    const nobody = await jiexi(['handle', 'delete', '88.1/x', '--server', address])
    expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining('it wants to know who asks (code 402)') })
  })

  test.each<[string, readonly string[], string]>([
    ['no server', ['delete', '88.1/x'], 'JIEXI_HANDLE'],
    ['a key of nobody', ['delete', '88.1/x', '--server', 'tcp://x', '--key', 'x'], '--as'],
    ['somebody without a key', ['delete', '88.1/x', '--server', 'tcp://x', '--as', '300:0.NA/88.1'], '--key'],
    ['somebody unreadable', ['delete', '88.1/x', '--server', 'tcp://x', '--as', '0.NA/88.1'], 'write index:handle'],
    ['no values', ['add', '88.1/x', '--server', 'tcp://x'], 'Which values'],
    ['an unreadable value', ['add', '88.1/x', '--server', 'tcp://x', '--value', 'URL=x'], 'index:TYPE'],
    [
      'unreadable rights',
      ['add', '88.1/x', '--server', 'tcp://x', '--admin', '300:0.NA/88.1', '--rights', 'all'],
      'twelve digits',
    ],
    ['an unknown mode', ['delete', '88.1/x', '--server', 'tcp://x', '--session', 'perhaps'], 'auto'],
  ])('%s: exit code 2', async (_name, args, words) => {
    expect(await jiexi(['handle', ...args])).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) })
  })
})
