/** Who sends a request of the Handle HTTP API: passwords, challenges, sessions, certificates; and how none of them is taken twice. */
import { verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAuthorization } from '../../../src/protocols/handle-rest/codec-authorization.js'
import { CHALLENGE_SECONDS, sessionIds } from '../../../src/protocols/handle-rest/session-ids.js'
import { manualClock } from '../../support/manual-clock.js'
import { selfSigned } from '../../support/self-signed.js'
import {
  type AdministeredNode,
  AS_JSON,
  administeredNode,
  BY_PASSWORD,
  basic,
  type Challenged,
  challengeIn,
  handleHeader,
  PREFIX,
  prefixValues,
  SECRET,
  secretAnswer,
  signedAnswer,
} from './administered-node.js'
import type { HandleReply } from './handle-rest-node.js'

const HIDDEN = '88.118.8/hidden'
const HOLDER = `300:${PREFIX}`

let node: AdministeredNode
beforeAll(async () => {
  node = await administeredNode()
  await node.put(HIDDEN, [{ index: 1, type: 'NOTE', data: 'for holders', permissions: '1100' }])
})
afterAll(() => node?.close())

type Asked = Parameters<AdministeredNode['askSecurely']>[1]
const ask = (path: string, asked?: Asked) => node.askSecurely(path, asked)
/** What only those who may read get. */
const read = (headers: Record<string, string>, more: Asked = {}) =>
  ask(`/api/handles/${HIDDEN}?publicOnly=false`, { headers, ...more })
const isRead = ({ status, json }: HandleReply) => {
  expect([status, json.responseCode, json.message]).toEqual([200, 1, undefined])
  expect(json.values[0].data.value).toBe('for holders')
}
const isRefused = (reply: HandleReply, told = '') => {
  expect([reply.status, reply.json.responseCode]).toEqual([401, 402])
  expect(reply.text).not.toContain('for holders')
  const challenge = challengeIn(reply)
  expect(challenge.sessionId).toMatch(/^[\w-]+$/)
  expect(Buffer.from(challenge.nonce!, 'base64')).toHaveLength(16)
  if (told !== '') expect(reply.json.message).toContain(told)
}
const challenged = async () => challengeIn(await read({})) as unknown as Challenged

describe('Basic', () => {
  test.each([
    ['all of it percent-encoded', BY_PASSWORD],
    ['the colon alone', basic(`301%3A${PREFIX}`, SECRET)],
    ['no index: any key of the handle', basic(encodeURIComponent(PREFIX), SECRET)],
  ])('is taken with %s', async (_name, headers) => {
    isRead(await read(headers))
  })

  test.each([
    ['a wrong password', basic(`301%3A${PREFIX}`, 'no')],
    ['a password of another', basic(`302%3A${PREFIX}`, SECRET)],
    ['no password', basic(`301%3A${PREFIX}`, '')],
    ['a user that is not there', basic('301%3A0.NA/88.118.77', SECRET)],
    ['the octets of a public key', basic(`300%3A${PREFIX}`, SECRET)],
    ['no handle', basic('301', SECRET)],
    ['no base64', { authorization: 'Basic %' }],
    ['another scheme', { authorization: 'Bearer jx_abc' }],
    ['nothing behind it', { authorization: 'Basic' }],
  ])('is refused, and never taken for nobody: %s', async (_name, headers) => {
    isRefused(await read(headers))
    isRefused(await ask('/api/handles/88.118.8/anything', { headers }))
  })
})

describe('a challenge', () => {
  test.each(['SHA256', 'SHA1'] as const)('is answered with a public key (%s)', async (alg) => {
    isRead(await read(handleHeader(signedAnswer(await challenged(), node.holder, alg))))
  })

  test.each(['PBKDF2WithHmacSHA1', 'HMAC-SHA256', 'HMAC-SHA1', 'SHA256', 'SHA1'])(
    'is answered with a secret key (%s)',
    async (alg) => {
      isRead(await read(handleHeader(await secretAnswer(await challenged(), alg))))
      isRefused(await read(handleHeader(await secretAnswer(await challenged(), alg, 'another secret'))))
    },
  )

  test('makes its session that of who answered it: later requests name it alone', async () => {
    const challenge = await challenged()
    isRefused(await read(handleHeader({ sessionId: challenge.sessionId })))
    isRead(await read(handleHeader(signedAnswer(challenge, node.holder))))
    for (let times = 0; times < 2; times++) isRead(await read(handleHeader({ sessionId: challenge.sessionId })))
  })

  test('is repeated to whoever names a session that nobody has authenticated in', async () => {
    const challenge = await challenged()
    const again = challengeIn(await read(handleHeader({ sessionId: challenge.sessionId })))
    expect(again).toMatchObject(challenge)
  })

  test.each<[string, (answer: ReturnType<typeof signedAnswer>) => Record<string, string>, string]>([
    ['a signature of another key', (answer) => ({ ...answer, signature: 'AAAA' }), 'not proved'],
    ['another identity', (answer) => ({ ...answer, id: '301:0.NA/88.118.8' }), ''],
    ['an identity that is none', (answer) => ({ ...answer, id: 'x/y:z' }), ''],
    ['another nonce of the client', (answer) => ({ ...answer, cnonce: 'AAAA' }), 'not proved'],
    ['no nonce of the client', ({ cnonce, ...answer }) => answer, 'cnonce'],
    ['another session', (answer) => ({ ...answer, sessionId: `${answer.sessionId.slice(0, -2)}xx` }), 'not known'],
    ['no session', ({ sessionId, ...answer }) => answer, 'challenge'],
    ['another type', (answer) => ({ ...answer, type: 'HS_CERT' }), 'type'],
    ['an unknown algorithm', (answer) => ({ ...answer, alg: 'MD2' }), 'alg'],
    ['a signature that is no base64', (answer) => ({ ...answer, signature: '%' }), 'signature'],
  ])('is not answered by %s', async (_name, change, told) => {
    isRefused(await read(handleHeader(change(signedAnswer(await challenged(), node.holder)))), told)
  })

  test('is not answered with more work than a server does for a stranger', async () => {
    const answer = await secretAnswer(await challenged(), 'PBKDF2WithHmacSHA1')
    isRefused(await read(handleHeader({ ...answer, iterations: 999_999_999 })))
    isRefused(await read(handleHeader({ ...answer, length: 999_999_999 })))
  })

  test('with a cnonce of the client tells whether this is the server it means', async () => {
    const cnonce = Buffer.from('what a client says')
    const { nonce, serverAlg, serverSignature } = challengeIn(
      await read(handleHeader({ cnonce: cnonce.toString('base64') })),
    )
    const signed = Buffer.concat([Buffer.from(nonce!, 'base64'), cnonce])
    expect(serverAlg).toBe('SHA256')
    expect(verify('sha256', signed, node.nodeKey.publicKey, Buffer.from(serverSignature!, 'base64'))).toBe(true)
  })

  test('puts nothing of whoever asks into a header', async () => {
    const reply = await read(basic('301%3Ax/"\r\nSet-Cookie: a=b\\中', 'x'))
    isRefused(reply)
    expect(reply.headers['set-cookie']).toBeUndefined()
  })
})

describe('a session', () => {
  const open = async (asked: Asked = {}) => {
    const reply = await ask('/api/sessions', { method: 'POST', ...asked })
    expect([reply.status, reply.headers.location]).toEqual([201, '/api/sessions/this'])
    return reply.json as Challenged & Record<string, unknown>
  }
  const self = (method: string, asked: Asked = {}) => ask('/api/sessions/this', { method, ...asked })

  test('is begun, authenticated, shown and ended', async () => {
    const begun = await open()
    expect(Object.keys(begun)).toEqual(['sessionId', 'nonce'])
    const named = handleHeader({ sessionId: begun.sessionId })
    expect((await self('GET', { headers: named })).json).toEqual(begun)

    const answer = signedAnswer(begun, node.holder)
    const put = await self('PUT', { headers: AS_JSON, body: JSON.stringify(answer) })
    expect([put.status, put.json]).toEqual([200, { ...begun, authenticated: true, id: HOLDER }])
    expect((await self('GET', { headers: named })).json).toEqual(put.json)
    isRead(await read(named))

    const ended = await self('DELETE', { headers: named })
    expect([ended.status, ended.text]).toEqual([204, ''])
    isRefused(await read(named))
    // What began it begins it no second time.
    isRefused(await read(handleHeader(answer)), 'ended')
    isRefused(await self('PUT', { headers: AS_JSON, body: JSON.stringify(answer) }))
  })

  test('is named in the header, and authenticated in the body', async () => {
    const begun = await open()
    const { sessionId, ...answer } = await secretAnswer(begun, 'PBKDF2WithHmacSHA1')
    const headers = { ...AS_JSON, ...handleHeader({ sessionId }) }
    const { status, json } = await self('PUT', { headers, body: JSON.stringify(answer) })
    expect([status, json.authenticated, json.id]).toEqual([200, true, `301:${PREFIX}`])
  })

  test('is authenticated from its beginning with a password or a certificate', async () => {
    const byPassword = await open({ headers: BY_PASSWORD })
    expect(byPassword).toMatchObject({ authenticated: true, id: `301:${PREFIX}` })
    isRead(await read(handleHeader({ sessionId: byPassword.sessionId })))
    const certificate = node.holder
    const byCertificate = await open({ headers: { authorization: 'Handle clientCert="true"' }, certificate })
    expect(byCertificate).toMatchObject({ authenticated: true, id: HOLDER })
    // And goes on without it.
    isRead(await read(handleHeader({ sessionId: byCertificate.sessionId })))
  })

  test('proves the server to whoever gives a cnonce', async () => {
    const cnonce = Buffer.alloc(16, 7)
    const { nonce, serverSignature } = await open({
      headers: AS_JSON,
      body: JSON.stringify({ cnonce: cnonce.toString('base64') }),
    })
    const signed = Buffer.concat([Buffer.from(nonce, 'base64'), cnonce])
    expect(verify('sha256', signed, node.nodeKey.publicKey, Buffer.from(String(serverSignature), 'base64'))).toBe(true)
  })

  test('is nobody else’s once somebody has authenticated in it', async () => {
    const begun = await open()
    await read(handleHeader(signedAnswer(begun, node.holder)))
    isRefused(await read(handleHeader(await secretAnswer(begun, 'SHA256'))), 'another identity')
    isRead(await read(handleHeader({ sessionId: begun.sessionId })))
  })

  test('is over when the key that began it is taken away', async () => {
    const begun = await open()
    isRead(await read(handleHeader(signedAnswer(begun, node.holder))))
    const [other] = [selfSigned([['CN', 'other']])]
    await node.putPrefixRecord(prefixValues(other))
    isRefused(await read(handleHeader({ sessionId: begun.sessionId })))
    await node.putPrefixRecord(prefixValues(node.holder))
    // It does not come to life again.
    isRefused(await read(handleHeader({ sessionId: begun.sessionId })))
  })

  test('that is not named, is made up, or is of another node, is none', async () => {
    isRefused(await self('GET'), 'Name the session')
    for (const sessionId of ['x', 'A'.repeat(48), '-'.repeat(5_000)])
      isRefused(await self('GET', { headers: handleHeader({ sessionId }) }))
    const elsewhere = sessionIds(Buffer.alloc(32), manualClock()).make()
    isRefused(await self('GET', { headers: handleHeader({ sessionId: elsewhere.sessionId }) }))
  })

  test('is not for plain HTTP', async () => {
    expect((await node.ask('/api/sessions', { method: 'POST' })).status).toBe(403)
  })

  test('is refused a body that is none', async () => {
    for (const [body, headers] of [
      ['{', AS_JSON],
      ['[1]', AS_JSON],
      ['{"cnonce":"x"}', { 'content-type': 'text/plain' }],
    ] as const) {
      const { status } = await ask('/api/sessions', { method: 'POST', headers, body })
      expect([400, 401]).toContain(status)
    }
  })
})

describe('a client certificate', () => {
  const headers = { authorization: 'Handle clientCert="true"' }

  test('says by its UID, or else its CN, whose key it holds', async () => {
    isRead(await read(headers, { certificate: node.holder }))
    const other = selfSigned([['CN', HOLDER]])
    await node.putPrefixRecord(prefixValues(other))
    isRead(await read(headers, { certificate: other }))
    isRefused(await read(headers, { certificate: node.holder }))
    await node.putPrefixRecord(prefixValues(node.holder))
  })

  test('of anybody else proves nothing', async () => {
    for (const certificate of [
      selfSigned([['CN', HOLDER]]),
      selfSigned([['CN', 'nobody']]),
      selfSigned([['UID', `301:${PREFIX}`]]),
    ])
      isRefused(await read(headers, { certificate }))
    isRefused(await read(headers), 'certificate')
  })

  test('counts only when the request says so', async () => {
    isRefused(await read({}, { certificate: node.holder }))
  })
})

describe('a session’s id', () => {
  test('is good as long as it may be, and only where it was made', () => {
    const clock = manualClock()
    const ids = sessionIds(Buffer.alloc(32, 1), clock)
    const { sessionId, nonce } = ids.make()
    expect(ids.read(sessionId, CHALLENGE_SECONDS)?.nonce).toEqual(nonce)
    clock.advanceMs(CHALLENGE_SECONDS * 1000)
    expect(ids.read(sessionId, CHALLENGE_SECONDS)).toBeDefined()
    clock.advanceMs(2_000)
    expect(ids.read(sessionId, CHALLENGE_SECONDS)).toBeUndefined()
    expect(ids.read(sessionId, 10 * CHALLENGE_SECONDS)).toBeDefined()
    expect(sessionIds(Buffer.alloc(32, 2), clock).read(sessionId, 10 * CHALLENGE_SECONDS)).toBeUndefined()
    for (let place = 0; place < sessionId.length; place++) {
      const other = sessionId[place] === 'A' ? 'B' : 'A'
      const changed = sessionId.slice(0, place) + other + sessionId.slice(place + 1)
      expect(ids.read(changed, 10 * CHALLENGE_SECONDS)).toBeUndefined()
    }
  })
})

describe('Authorization', () => {
  test.each([
    ['Handle sessionId="a\\"b" , clientCert=true,', { sessionId: 'a"b', usesCertificate: true }],
    ['handle SESSIONID=abc', { sessionId: 'abc', usesCertificate: false }],
    ['Handle sessionId="a", sessionId="b"', { sessionId: 'a' }],
    ['Handle', { sessionId: undefined }],
  ])('is read with what it may have: %s', (header, read) => {
    expect(readAuthorization(header)).toMatchObject({ kind: 'handle', ...read })
  })

  test.each([
    'Handle x',
    'Handle ="a"',
    'Handle a="b',
    'Handle a="b" c="d"',
    `Handle a="${'x'.repeat(9_000)}"`,
    '',
    ' ',
    'Digest a=b',
  ])('that can’t be read says so: %j', (header) => {
    expect(readAuthorization(header)).toMatchObject({ kind: 'unreadable' })
  })
})

describe('whole prefixes', () => {
  const signed = async () => handleHeader(signedAnswer(await challenged(), node.holder))
  const prefixes = async () => (await ask('/api/prefixes', { headers: await signed() })).json.prefixes as string[]

  test('are homed, listed and let go of by server administrators', async () => {
    expect(await prefixes()).toContain(PREFIX)
    for (const path of ['/api/prefixes/0.NA/88.300', '/api/prefixes?prefix=88.301']) {
      const { status, json } = await ask(path, { method: 'POST', headers: await signed() })
      expect([status, json.responseCode]).toEqual([200, 1])
    }
    expect(await prefixes()).toEqual(expect.arrayContaining(['0.NA/88.300', '0.NA/88.301']))
    await ask('/api/prefixes/0.NA%2F88.300', { method: 'DELETE', headers: await signed() })
    expect(await prefixes()).not.toContain('0.NA/88.300')
  })

  test('and by nobody else', async () => {
    for (const [method, path] of [
      ['GET', '/api/prefixes'],
      ['POST', '/api/prefixes/0.NA/88.400'],
      ['DELETE', `/api/prefixes/${PREFIX}`],
    ] as const) {
      expect((await ask(path, { method })).status).toBe(401)
      expect((await ask(path, { method, headers: BY_PASSWORD })).status).toBe(403)
    }
    expect((await ask('/api/prefixes', { method: 'POST', headers: await signed() })).json.responseCode).toBe(4)
  })
})

describe('/api/verifications', () => {
  const check = (id: string, body: object) =>
    ask(`/api/verifications/${id}`, { method: 'POST', headers: AS_JSON, body: JSON.stringify(body) })

  test('says whether an answer to somebody else’s challenge is right', async () => {
    const nonce = Buffer.alloc(16, 3).toString('base64')
    const { id, sessionId, ...answer } = await secretAnswer({ sessionId: '', nonce }, 'PBKDF2WithHmacSHA1')
    expect((await check(id, { nonce, ...answer })).json).toEqual({ responseCode: 1, verified: true })
    expect((await check(id, { nonce: 'AAAA', ...answer })).json).toEqual({ responseCode: 1, verified: false })
    expect((await check(`302:${PREFIX}`, { nonce, ...answer })).json.verified).toBe(false)
    expect((await check(id, answer)).json.responseCode).toBe(4)
    expect((await check('', { nonce, ...answer })).json.responseCode).toBe(4)
  })
})

test('nothing of all this was a fault of the node', () => {
  expect(node.failures).toEqual([])
})

test('whoever fails again and again is held back', async () => {
  const statuses: number[] = []
  for (let times = 0; times < 100 && statuses.at(-1) !== 503; times++)
    statuses.push((await read(basic(`301%3A${PREFIX}`, `guess ${times}`))).status)
  expect(statuses.at(-1)).toBe(503)
  expect((await read(BY_PASSWORD)).headers['retry-after']).toBeDefined()
})
