/**
 * Requests that a proxy in front might read otherwise than this node, so that one could pass inside of another: each is
 * refused with 400, the connection ends, and nothing that came behind it is carried out.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Enterprise, get, makeEnterprise, put, type TestNode, testNode } from '../../support/node.js'
import { PATIENT } from '../../support/patience.js'
import { answersIn, sendUntilClosed } from './raw-socket.js'

let node: TestNode
let enterprise: Enterprise
let hidden = 0

beforeAll(async () => {
  node = await testNode()
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
  await put(node, enterprise.apiKey, { identifier: '88.118.5/known', name: 'Known' })
  // From memory, so that the lane in front of node:http has something to answer.
  await vi.waitUntil(
    async () => (await get(node, '88.118.5/known')).headers.get('cache-status')?.includes('memory'),
    PATIENT,
  )
})
afterAll(() => node.close())

const RECORD = JSON.stringify({ values: [] })
const LOOKUP = '{"identifiers":[]}'
const POST = 'POST /v1/resolve HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
const GET = 'GET /v1/identifiers/88.118.5/known HTTP/1.1\r\n'
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`

const IN_DOUBT: readonly (readonly [what: string, octets: string])[] = [
  ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['chunks and a length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n12\r\n${LOOKUP}\r\n0\r\n\r\n`],
  ['chunks under HTTP/1.0', `${CHUNKED.replace('1.1', '1.0')}0\r\n\r\n`],
  ['a coding nobody knows', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['a coding nobody knows, of a GET', `${GET}Host: a\r\nTransfer-Encoding: x\r\n\r\n`],
  ['chunks that are not the last coding', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['chunks after another coding', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['identity and a length', `${POST}Transfer-Encoding: identity\r\nContent-Length: 18\r\n\r\n${LOOKUP}`],
  ['two codings', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
  ['the same coding twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a coding in quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`],
  ['a coding after a vertical tab', `${POST}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['two lengths', `${POST}Content-Length: 18\r\nContent-Length: 0\r\n\r\n${LOOKUP}`],
  ['the same length twice', `${POST}Content-Length: 18\r\nContent-Length: 18\r\n\r\n${LOOKUP}`],
  ['a list of lengths', `${POST}Content-Length: 18, 18\r\n\r\n${LOOKUP}`],
  ['a length with a sign', `${POST}Content-Length: +18\r\n\r\n${LOOKUP}`],
  ['a length below zero', `${POST}Content-Length: -1\r\n\r\n`],
  ['a hexadecimal length', `${POST}Content-Length: 0x12\r\n\r\n${LOOKUP}`],
  ['a length in two parts', `${POST}Content-Length: 1 8\r\n\r\n${LOOKUP}`],
  ['an empty length', `${POST}Content-Length:\r\n\r\n`],
  ['a length beyond all numbers', `${POST}Content-Length: 99999999999999999999999\r\n\r\n`],
  ['a folded field', `${GET}Host: a\r\nX-A: b\r\n c\r\n\r\n`],
  ['a field folded by a tab', `${GET}Host: a\r\nX-A: b\r\n\tc\r\n\r\n`],
  ['a folded field at the start', `${GET} Host: a\r\n\r\n`],
  ['bare line feeds', `${GET}Host: a\r\n\r\n`.replaceAll('\r\n', '\n')],
  ['one bare line feed', `${GET}Host: a\nX: y\r\n\r\n`],
  ['a bare line feed at the end', `${GET}Host: a\r\n\n`],
  ['a bare carriage return', `${GET}Host: a\r\nX: a\rY: b\r\n\r\n`],
  ['two carriage returns', `${GET}Host: a\r\r\n\r\n`],
  ['NUL in a field', `${GET}Host: a\r\nX: a\0b\r\n\r\n`],
  ['a field without a name', `${GET}Host: a\r\n: b\r\n\r\n`],
  ['a field without a colon', `${GET}Host: a\r\nfoo\r\n\r\n`],
  ['a space in a name', `${GET}Host: a\r\nX Y: b\r\n\r\n`],
  ['no Host', `${GET}X: y\r\n\r\n`],
  ['two Hosts', `${GET}Host: a\r\nHost: b\r\n\r\n`],
  ['the same Host twice', `${GET}Host: a\r\nHost: a\r\n\r\n`],
  ['a Host with a space', `${GET}Host: a b\r\n\r\n`],
  ['a list of Hosts', `${GET}Host: a, b\r\n\r\n`],
  ['a Host with a path', `${GET}Host: a/b\r\n\r\n`],
  ['a Host with a user', `${GET}Host: u@a\r\n\r\n`],
  ['HTTP/0.9', `${GET.replace(' HTTP/1.1', '')}\r\n`],
  ['HTTP/1.2', `${GET.replace('1.1', '1.2')}Host: a\r\n\r\n`],
  ['HTTP/2.0', `${GET.replace('1.1', '2.0')}Host: a\r\n\r\n`],
  ['HTTP/1.10', `${GET.replace('1.1', '1.10')}Host: a\r\n\r\n`],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a lower-case method', `${GET.replace('GET', 'get')}Host: a\r\n\r\n`],
  ['a tab after the method', `${GET.replace('GET ', 'GET\t')}Host: a\r\n\r\n`],
  ['a space after the version', `${GET.replace('1.1', '1.1 ')}Host: a\r\n\r\n`],
  ['a space in the path', `${GET.replace('known', 'kno wn')}Host: a\r\n\r\n`],
  ['NUL in the path', `${GET.replace('known', 'kno\0wn')}Host: a\r\n\r\n`],
  ['an octet beyond ASCII in the path', `${GET.replace('known', 'kno\xffwn')}Host: a\r\n\r\n`],
  ['a bare line feed in a chunk extension', `${CHUNKED}12;a\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a bare line feed after a chunk size', `${CHUNKED}12\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a bare line feed after a chunk', `${CHUNKED}12\r\n${LOOKUP}\n0\r\n\r\n`],
  ['nothing after a chunk', `${CHUNKED}12\r\n${LOOKUP}XX0\r\n\r\n`],
  ['a chunk size with a prefix', `${CHUNKED}0x12\r\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a chunk size with a space', `${CHUNKED}12 \r\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a chunk size with a sign', `${CHUNKED}-1\r\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a chunk size beyond all numbers', `${CHUNKED}fffffffffffffffff\r\n${LOOKUP}\r\n0\r\n\r\n`],
  ['a length in the trailer', `${CHUNKED}12\r\n${LOOKUP}\r\n0\r\nContent-Length: 5\r\n\r\n`],
  ['a coding in the trailer', `${CHUNKED}12\r\n${LOOKUP}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['bare line feeds for a trailer', `${CHUNKED}12\r\n${LOOKUP}\r\n0\n\n`],
  ['the start of a TLS connection', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03'],
]

test.each(IN_DOUBT)('%s: refused, and the end', async (_what, octets) => {
  const behind = hiddenRegistration()
  const { received, isClosed } = await sendUntilClosed(node.url, octets + behind.octets)
  const answers = answersIn(received)
  expect(isClosed).toBe(true)
  expect(answers).toHaveLength(1)
  expect(answers[0]).toMatchObject({
    status: 400,
    headers: { 'content-type': 'application/problem+json', connection: 'close', 'cache-control': 'no-store' },
  })
  expect(JSON.parse(answers[0]!.body)).toMatchObject({ code: 'request-malformed', status: 400 })
  expect((await get(node, behind.identifier)).status).toBe(404)
})

test.each([
  ['too many octets of fields', `${GET}Host: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
  [
    'too many fields',
    `${GET}Host: a\r\n${Array.from({ length: 300 }, (_, n) => `X${n}: 1\r\n`).join('')}\r\n`,
    431,
    'headers-too-large',
  ],
  [
    'too long a path',
    `GET /v1/identifiers/${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    431,
    'headers-too-large',
  ],
  ['a chunk extension of 20 KB', `${CHUNKED}12;a=${'x'.repeat(20_000)}\r\n${LOOKUP}\r\n0\r\n\r\n`, 413, 'too-large'],
  ['a tunnel', 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 405, 'method-not-allowed'],
])('%s: refused, and the end', async (_what, octets, status, code) => {
  const behind = hiddenRegistration()
  const { received, isClosed } = await sendUntilClosed(node.url, octets + behind.octets)
  const answers = answersIn(received)
  expect([isClosed, answers.map((one) => one.status)]).toEqual([true, [status]])
  expect(JSON.parse(answers[0]!.body)).toMatchObject({ code })
  expect((await get(node, behind.identifier)).status).toBe(404)
})

test('what cannot be read does not take the place of an answer that is still to come', async () => {
  const slow = `PUT /v1/identifiers/88.118.5/slow?wait=visible HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${enterprise.apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${RECORD.length}\r\n\r\n${RECORD}`
  const { received, isClosed } = await sendUntilClosed(node.url, `${slow}nonsense\r\n\r\n`)
  const answers = answersIn(received)
  expect([isClosed, answers[0]?.status]).toEqual([true, 201])
  expect(JSON.parse(answers[0]!.body)).toMatchObject({ outcome: 'created', visible: true })
  expect(answers).toHaveLength(1)
})

test('what RFC 9112 allows is taken, however unusual', async () => {
  for (const octets of [
    `\r\n${GET}Host: a\r\nConnection: close\r\n\r\n`,
    `${GET}host:\t\ta \r\nConnection: close\r\n\r\n`,
    `${GET}Host:\r\nConnection: close\r\n\r\n`,
    `${GET}Host: [::1]:8080\r\nConnection: close\r\n\r\n`,
    `${GET.replace('/v1', 'http://a/v1')}Host: a\r\nConnection: close\r\n\r\n`,
    `${POST}Connection: close\r\nContent-Length: 018\r\n\r\n${LOOKUP}`,
    `${POST}Connection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n12;name="a;b"\r\n${LOOKUP}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
    `${GET}Host: a\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n`,
  ]) {
    const { received, isClosed } = await sendUntilClosed(node.url, octets)
    expect([octets, isClosed, answersIn(received).map(({ status }) => status)]).toEqual([octets, true, [200]])
  }
})

/** A write that would be carried out, were it taken for a request of its own. */
function hiddenRegistration() {
  hidden += 1
  const identifier = `88.118.5/hidden-${hidden}`
  const octets = `PUT /v1/identifiers/${identifier} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${enterprise.apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${RECORD.length}\r\n\r\n${RECORD}`
  return { identifier, octets }
}
