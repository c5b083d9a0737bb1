import { expect, test } from 'vitest'
import { responseReader } from '../../bench/load/response-reader.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello\r\n\r\nok'
const NOT_MODIFIED = 'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
const EMPTY = 'HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n'
const STREAM = Buffer.from(OK + NOT_MODIFIED + EMPTY + OK)

test.each([1, 2, 3, 7, 64, 1_000])('answers are told apart whatever the chunks: %i octets each', (octets) => {
  const answers = readInChunks(STREAM, octets)
  expect(answers.map(({ status }) => status)).toEqual([200, 304, 404, 200])
  expect(answers.map(({ text }) => text)).toEqual([OK, NOT_MODIFIED, EMPTY, OK])
  expect(answers.map(({ octets }) => octets)).toEqual([OK, NOT_MODIFIED, EMPTY, OK].map((text) => text.length))
})

test('what is neither HTTP/1.1 nor of known length is an error, not a wrong count', () => {
  const read = (text: string) => readInChunks(Buffer.from(text), 1_000)
  expect(() => read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')).toThrow(/Content-Length/)
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
