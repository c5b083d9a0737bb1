import { expect, test } from 'vitest'
import { responseReader } from '../../bench/load/response-reader.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nok'
const NOT_MODIFIED = 'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
const EMPTY = 'HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n'
const CHUNKED_HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const CHUNKED = `${CHUNKED_HEAD}5\r\nhello\r\n4;name=value\r\n\r\nok\r\n0\r\nTrailer: x\r\n\r\n`
const ANSWERS = [OK, NOT_MODIFIED, CHUNKED, EMPTY, OK]

test.each([1, 2, 3, 7, 64, 1_000])('answers are told apart whatever the chunks: %i octets each', (octets) => {
  const answers = readInChunks(Buffer.from(ANSWERS.join('')), octets)
  expect(answers.map(({ status }) => status)).toEqual([200, 304, 200, 404, 200])
  expect(answers.map(({ text }) => text)).toEqual([OK, NOT_MODIFIED, `${CHUNKED_HEAD}hello\r\nok`, EMPTY, OK])
  expect(answers.map(({ octets }) => octets)).toEqual(ANSWERS.map((text) => text.length))
})

test('what is neither HTTP/1.1 nor of known length is an error, not a wrong count', () => {
  const read = (text: string) => readInChunks(Buffer.from(text), 1_000)
  expect(() => read('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')).toThrow(/Content-Length/)
  expect(() => read(`${CHUNKED_HEAD}five\r\n`)).toThrow(/not the size of a chunk: "five"/)
  expect(() => read('SSH-2.0-OpenSSH_9.2\r\n\r\n')).toThrow(/not an HTTP\/1\.1 answer/)
  expect(() => readInChunks(Buffer.from('x'.repeat(40_000)), 40_000)).toThrow(/longer than/)
})

function readInChunks(stream: Buffer, octets: number) {
  const answers: { status: number; octets: number; text: string | undefined }[] = []
  const reader = responseReader({
    keep: true,
    onAnswer: (status, octets, answer) => answers.push({ status, octets, text: answer?.toString() }),
  })
  // One buffer for all chunks, as the socket has it: what is kept must be a copy.
  const chunk = Buffer.alloc(octets)
  for (let at = 0; at < stream.length; at += octets) reader.feed(chunk, stream.copy(chunk, 0, at, at + octets))
  return answers
}
