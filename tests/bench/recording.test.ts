import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { decodeRecording, encodeRecording, headerOf, parseAnswer } from '../../bench/baselines/recording.js'
import { startBareServer } from '../../bench/baselines/run.js'
import { collectAnswers } from '../../bench/load/send-all.js'
import { encodeRequest, lookup } from '../../bench/workload/requests.js'

const ANSWER =
  'HTTP/1.1 200 OK\r\nETag: "v1"\r\ncontent-type: application/json\r\nCache-Status: jiexi; hit; detail=memory\r\n' +
  'Content-Length: 14\r\nDate: Mon, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\n\r\n{"name":"泵"}'
const GONE = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'

test('a recording gives back what went in, without the fields a server adds by itself', () => {
  const recording = encodeRecording(
    new Map([
      ['/a', Buffer.from(ANSWER)],
      ['/ä?x=1', Buffer.from(GONE)],
    ]),
  )
  const [first, second] = [...decodeRecording(recording)]
  expect(first).toMatchObject({ path: '/a', status: 200 })
  expect(first!.body.toString()).toBe('{"name":"泵"}')
  expect(first!.headers.filter((_, index) => index % 2 === 0)).toEqual([
    'ETag',
    'content-type',
    'Cache-Status',
    'Content-Length',
  ])
  expect(headerOf(first!, 'cache-status')).toBe('jiexi; hit; detail=memory')
  expect(headerOf(first!, 'age')).toBeUndefined()
  expect(second).toMatchObject({ path: '/ä?x=1', status: 404 })
  expect([...decodeRecording(Buffer.alloc(0))]).toEqual([])
})

test('the bare server sends the recorded octets again, for GET and POST, and fails loudly on others', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'jiexi-recording-'))
  const file = path.join(folder, 'some.recording')
  writeFileSync(
    file,
    encodeRecording(
      new Map([
        ['/a', Buffer.from(ANSWER)],
        ['/b', Buffer.from(GONE)],
      ]),
    ),
  )
  const bare = await startBareServer(undefined)
  try {
    await bare.load(file)
    const answers = await collectAnswers(bare.port, [
      encodeRequest({ path: '/a' }),
      encodeRequest({ method: 'POST', path: '/b', body: 'x'.repeat(100_000) }),
      lookup('88.1/unrecorded'),
    ])
    expect(answers.map((answer) => parseAnswer(answer).status)).toEqual([200, 404, 500])
    const { headers, body } = parseAnswer(answers[0]!)
    expect({ headers, body: body.toString() }).toEqual({
      headers: parseAnswer(Buffer.from(ANSWER)).headers,
      body: '{"name":"泵"}',
    })
    expect(answers[0]!.length).toBe(Buffer.byteLength(ANSWER) + 'Keep-Alive: timeout=5\r\n'.length)
  } finally {
    await bare.stop()
    rmSync(folder, { recursive: true })
  }
})
