import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signatureKey } from '../../src/protocols/handle/keys.js'
import { decodePublicKey } from '../../src/record/value-types/hs-pubkey.js'
import { type TestNode, testNode } from '../support/node.js'
import { jiexi, type Run } from './run.js'

const PREFIX = '88.118.8'
const folder = mkdtempSync(path.join(os.tmpdir(), 'jiexi-cli-'))
let node: TestNode
let makerKey: string

beforeAll(async () => {
  node = await testNode()
})
afterAll(async () => {
  await node.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the administrator makes an enterprise, a prefix and a key; the key alone is on standard output', async () => {
  expect(await admin('enterprises', 'create', 'maker', '--name', 'Maker & Co')).toMatchObject({ code: 0 })
  expect(await admin('prefixes', 'allot', PREFIX, '--enterprise', 'maker')).toMatchObject({
    code: 0,
    out: `Prefix ${PREFIX} allotted to maker.\n`,
  })
  const created = await admin('keys', 'create', '--enterprise', 'maker', '--scope', 'read,write', '--label', 'line 3')
  expect(created.out).toMatch(/^jx_[a-z2-7]{12}_[\w-]{43}\n$/)
  expect(created.err).toContain('cannot be shown again')
  makerKey = created.out.trim()

  expect((await admin('enterprises', 'list')).out).toMatch(/^maker {2}active {2}\S+ {2}Maker & Co\n$/)
  expect((await admin('prefixes', 'list', '--json')).out).toContain(`{"prefix":"${PREFIX}","enterpriseId":"maker"`)
  expect((await admin('keys', 'list', '--enterprise', 'maker')).out).toContain('read,write  all prefixes')
})

describe('who answers below a prefix', () => {
  test('the holder, with servers of its own, or this node', async () => {
    const { out } = await admin(
      'prefixes',
      'serve',
      PREFIX,
      '--address',
      '203.0.113.7:1304,[2001:db8::7]:1304',
      '--wait',
    )
    expect(out).toContain('referred to tcp 203.0.113.7 port 1304, udp 203.0.113.7 port 1304, tcp 2001:db8::7 port 1304')
    expect((await admin('prefixes', 'list')).out).toContain('self-built')
    expect(await jiexi(['resolve', `${PREFIX}/x`, '--node', node.url])).toMatchObject({
      code: 1,
      err: expect.stringContaining('tcp://203.0.113.7:1304'),
    })
    expect((await admin('prefixes', 'serve', PREFIX, '--hosted', '--wait')).out).toContain('is hosted')
  })

  test.each([
    [[], /Say one of/],
    [['--hosted', '--address', '203.0.113.7'], /Say one of/],
    [['--address', 'example.com'], /not a name/],
  ])('%j is refused', async (options, why) => {
    const { code, err } = await admin('prefixes', 'serve', PREFIX, ...options)
    expect(code).not.toBe(0)
    expect(err).toMatch(why)
  })

  test('a manufacturer registers its public key, by which clients of the Handle System can tell it', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const file = path.join(folder, 'maker.pem')
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }))
    expect(await maker('prefixes', 'key', PREFIX, file)).toMatchObject({
      code: 0,
      out: `The key is value 300 of 0.NA/${PREFIX}, version 4.\n`,
    })
    const { values } = JSON.parse((await maker('resolve', `0.NA/${PREFIX}`, '--json')).out).record
    const { data } = values.find(({ index }: { index: number }) => index === 300)
    const read = decodePublicKey(Buffer.from(data.value, 'base64'))
    expect(read.ok && signatureKey(read.value)!.equals(createPublicKey(privateKey))).toBe(true)
    writeFileSync(file, 'no key')
    expect((await maker('prefixes', 'key', PREFIX, file)).err).toContain('no key in PEM')
  })
})

describe('registering and looking up', () => {
  test('a record from options', async () => {
    const receipt = await maker(
      'register',
      `${PREFIX}/Pump-1`,
      '--template',
      'product',
      '--set',
      'name=Pump = 1',
      '--set',
      'brand=上海',
      '--value',
      '1:URL=https://example.com/?a=1',
    )
    expect(receipt).toEqual({ code: 0, out: `${PREFIX}/Pump-1  created, version 1\n`, err: '' })
    const { code, out } = await anybody('resolve', `${PREFIX}/pump-1`)
    expect(code).toBe(0)
    expect(out).toContain(`${PREFIX}/Pump-1  version 1, template product`)
    expect(out).toMatch(/name {3}Pump = 1/)
    expect(out).toMatch(/1:URL {2}https:\/\/example.com\/\?a=1/)
  })

  test('a write that waits until it is visible everywhere, and look-ups that demand to see it', async () => {
    const options = ['--template', 'product', '--set', 'name=Waited']
    const waited = await maker('register', `${PREFIX}/Waited-1`, ...options, '--wait')
    expect(waited.out).toBe(`${PREFIX}/Waited-1  created, version 1, visible everywhere\n`)
    const { token } = JSON.parse((await maker('register', `${PREFIX}/Waited-1`, ...options, '--json')).out)
    const seen = await anybody(
      'resolve',
      `${PREFIX}/waited-1`,
      '--token',
      token,
      '--min-version',
      '1',
      '--authoritative',
    )
    expect(seen).toMatchObject({ code: 0, out: expect.stringContaining('version 1') })
    const early = await anybody('resolve', `${PREFIX}/waited-1`, '--min-version', '2')
    expect(early).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('has no version 2 yet: its newest is 1'),
    })
    const foreign = await anybody(
      'resolve',
      '--explain',
      `${PREFIX}/waited-1`,
      '--token',
      `${token.slice(0, -8)}00000000`,
    )
    expect(foreign).toMatchObject({ code: 1, err: expect.stringContaining('another history') })
    const withdrawn = await maker('withdraw', `${PREFIX}/Waited-1`, '--reason', 'a & b', '--wait')
    expect(withdrawn.out).toBe(`${PREFIX}/Waited-1  withdrawn, version 2, visible everywhere\n`)
  })

  test('a record from a file, as a look-up gives it', async () => {
    const found = await anybody('resolve', '--json', `${PREFIX}/pump-1`)
    const { record } = JSON.parse(found.out)
    const file = path.join(folder, 'record.json')
    writeFileSync(file, JSON.stringify(record))
    const changed = await maker(
      'register',
      `${PREFIX}/Pump-1`,
      '--file',
      file,
      '--set',
      'name=Pump 2',
      '--if-version',
      '1',
      '--json',
    )
    expect(JSON.parse(changed.out)).toMatchObject({ outcome: 'replaced', version: 2 })
    const again = await anybody('resolve', '--json', `${PREFIX}/pump-1`)
    expect(JSON.parse(again.out).record).toMatchObject({ attributes: { ...record.attributes, name: 'Pump 2' } })
  })

  test('conditions that do not hold fail with the reason', async () => {
    const options = ['--template', 'product', '--set', 'name=x']
    const isNew = await maker('register', `${PREFIX}/Pump-1`, ...options, '--if-new')
    expect(isNew).toMatchObject({ code: 1, out: '', err: expect.stringContaining('is registered, as version 2') })
    const version = await maker('register', `${PREFIX}/Pump-1`, ...options, '--if-version', '1')
    expect(version).toMatchObject({ code: 1, err: expect.stringContaining('demands version 1') })
  })

  test('what is wrong with a record is said field by field', async () => {
    const refused = await maker('register', `${PREFIX}/x`, '--template', 'product', '--set', 'gtin=123')
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('attributes.gtin')
    expect(refused.err).toContain('attributes.name')
    expect(refused.err).not.toContain('see faults')
    const lines = refused.err.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(new Set(lines.map((line) => /attributes\.\w+/.exec(line)?.[0])).size).toBe(2)
  })

  test('many at once, from standard input too: one line each, and exit code 1 when one is missing', async () => {
    const many = await jiexi(['resolve', `${PREFIX}/Pump-1`, '-'], {
      ...at(),
      input: `${PREFIX}/nothing\n\nno-slash\n`,
    })
    expect(many.code).toBe(1)
    const lines = many.out.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/Pump-1 +v2 +product +Pump 2/)
    expect(lines[1]).toContain('is not registered')
    expect(lines[2]).toMatch(/^no-slash/)
  })

  test('thousands go in batches', async () => {
    const input = Array.from({ length: 2_500 }, (_, index) => `${PREFIX}/none-${index}\n`).join('')
    const { out } = await jiexi(['resolve', '--json', '-'], { ...at(), input })
    const results = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(results).toHaveLength(2_500)
    expect(results[2_499]).toMatchObject({ identifier: `${PREFIX}/none-2499`, status: 404 })
  })

  test('explain tells how the answer came about', async () => {
    const { out } = await anybody('resolve', '--explain', `${PREFIX}/Pump-1`)
    expect(out).toContain(`responsible  ${PREFIX}, active`)
    expect(out).toMatch(/outcome +found, from \w+, status 200/)
  })

  test('withdrawing, and the history that stays', async () => {
    const { out } = await maker('withdraw', `${PREFIX}/Pump-1`, '--reason', 'sold out')
    expect(out).toBe(`${PREFIX}/Pump-1  withdrawn, version 3\n`)
    expect(await anybody('resolve', `${PREFIX}/Pump-1`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('sold out'),
    })
    const lines = (await anybody('history', `${PREFIX}/Pump-1`)).out.trimEnd().split('\n')
    expect(
      lines.map((line) =>
        line
          .split(/ {2,}/)
          .slice(0, 3)
          .filter((_, index) => index !== 1),
      ),
    ).toEqual([
      ['v3', 'withdrawn'],
      ['v2', 'registered'],
      ['v1', 'registered'],
    ])
  })

  test('text from a record cannot command the terminal', async () => {
    await maker(
      'register',
      `${PREFIX}/evil`,
      '--template',
      'product',
      '--set',
      'name=\u200eabc',
      '--value',
      '1:TXT=a\u009b2Jb\nc',
    )
    const shown = await anybody('resolve', `${PREFIX}/evil`)
    expect(shown.out).toContain('a\\u{9b}2Jb\\nc')
    const json = await anybody('resolve', '--json', `${PREFIX}/evil`)
    for (const unsafe of ['\u009b', '\u200e']) expect(shown.out + shown.err + json.out).not.toContain(unsafe)
    expect(JSON.parse(json.out).record.values[0].data).toBe('a\u009b2Jb\nc')
  })
})

test('a suspended prefix takes nothing until it is resumed', async () => {
  expect((await admin('prefixes', 'suspend', PREFIX)).out).toContain('is suspended')
  const options = ['--template', 'product', '--set', 'name=x']
  expect((await maker('register', `${PREFIX}/y`, ...options)).err).toContain('is suspended')
  await admin('prefixes', 'resume', PREFIX)
  expect((await maker('register', `${PREFIX}/y`, ...options)).code).toBe(0)
})

test('status', async () => {
  const { code, out } = await anybody('status')
  expect(code).toBe(0)
  expect(out).toMatch(/node +http:\S+ +ready/)
  expect(out).toMatch(/database +external .*reachable/)
  expect(out).toMatch(/look-ups +\d+ from/)
  expect(JSON.parse((await anybody('status', '--json')).out)).toMatchObject({ status: 'ok', redis: { kind: 'none' } })
})

describe('what goes wrong', () => {
  test('no node there: what to do about it', async () => {
    const nobody = await jiexi(['resolve', 'a/b'], { node: 'http://127.0.0.1:9' })
    expect(nobody).toMatchObject({ code: 1, out: '' })
    expect(nobody.err).toMatch(/nothing listens there.*\n?.*JIEXI_NODE/s)
  })

  test('no key, a wrong key', async () => {
    expect((await anybody('enterprises', 'list')).err).toMatch(/API key.*--api-key or JIEXI_API_KEY/s)
    const wrong = await anybody('enterprises', 'list', '--api-key', 'jx_wrong')
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('unknown, revoked or expired') })
  })

  test.each<[string, string[], RegExp]>([
    ['no command', [], /Usage: jiexi/],
    ['an unknown command', ['resovle', 'a/b'], /Did you mean resolve/],
    ['an unknown option', ['resolve', '--jsn', 'a/b'], /Did you mean --json/],
    ['nothing to resolve', ['resolve'], /missing required argument/],
    ['an attribute without a value', ['register', 'a/b', '--set', 'name'], /attribute=text/],
    ['nothing to register', ['register', 'a/b'], /at least one of --template, --set, --value, --file/],
    ['a value without an index', ['register', 'a/b', '--value', 'URL=x'], /index:TYPE=text/],
    ['a version that is no number', ['withdraw', 'a/b', '--if-version', 'x'], /"x" is not a whole number/],
    ['an address that is none', ['status', '--node', 'ftp://x'], /is no address of a node/],
  ])('%s is a usage error', async (_name, args, message) => {
    const { code, err } = await jiexi(args)
    expect(code).toBe(2)
    expect(err).toMatch(message)
  })

  test('a revoked key is refused', async () => {
    const id = makerKey.split('_')[1]!
    expect((await admin('keys', 'revoke', id)).out).toBe(`API key ${id} revoked.\n`)
    expect(await maker('withdraw', `${PREFIX}/y`)).toMatchObject({ code: 1, out: '' })
  })
})

test('--help and its exit code', async () => {
  const { code, out } = await jiexi(['--help'])
  expect(code).toBe(0)
  expect(out).toContain('import')
  expect(out).toContain('Exit codes')
})

function at() {
  return { node: node.url }
}

function admin(...args: string[]): Promise<Run> {
  return jiexi(args, { ...at(), apiKey: node.adminKey })
}

function maker(...args: string[]): Promise<Run> {
  return jiexi(args, { ...at(), apiKey: makerKey })
}

function anybody(...args: string[]): Promise<Run> {
  return jiexi(args, at())
}
