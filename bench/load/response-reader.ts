/**
 * The least of an HTTP/1.1 reader that a load generator needs: where an answer ends, and its status (RFC 9112 §6, §7.1).
 * Answers must say their Content-Length, come in chunks, or have no body by their status.
 */

export interface ResponseReader {
  /** Takes the first `length` octets of `chunk`, which may be overwritten afterwards. @throws Error when it is not HTTP/1.1 */
  feed(chunk: Buffer, length: number): void
}

export interface AnswerSink {
  /** `octets` are those of head and body together; `answer` is there when `keep` is set, its body without chunk heads. */
  onAnswer(status: number, octets: number, answer: Buffer | undefined): void
  /** Keeps the octets of every answer: for recording, not for load. */
  readonly keep?: boolean
}

/** What the next octet belongs to; the last three are lines around the chunks of a body. */
type Expected = 'head' | 'body' | 'chunk-size' | 'chunk-end' | 'trailer'

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CONTENT_LENGTH = /\ncontent-length: *(\d+)/i
const CHUNKED = /\ntransfer-encoding: *chunked/i
const CHUNK_SIZE = /^([\da-f]{1,8})(?:[ \t]*;.*)?$/i
const MAX_HEAD_OCTETS = 32_768
const LF = 10

export function responseReader(sink: AnswerSink): ResponseReader {
  let kept: Buffer[] = []
  let expected: Expected = 'head'
  let head: Buffer | undefined
  let line = ''
  let isChunked = false
  let bodyLeft = 0
  let status = 0
  let octets = 0

  const finish = () => {
    const answer = sink.keep ? Buffer.concat(kept) : undefined
    kept = []
    expected = 'head'
    sink.onAnswer(status, octets, answer)
  }

  /** Each reads what it can from `start` on, and gives the index after it. */
  const readHead = (chunk: Buffer, start: number, length: number): number => {
    const held = head
    const text = held ? Buffer.concat([held, chunk.subarray(start, length)]) : chunk.subarray(start, length)
    const end = text.indexOf(END_OF_HEAD)
    if (end < 0) {
      if (text.length > MAX_HEAD_OCTETS) throw new Error('the head of the answer is longer than 32 KiB')
      head = held ? text : Buffer.from(text)
      return length
    }
    head = undefined
    octets = end + END_OF_HEAD.length
    if (sink.keep) kept.push(Buffer.from(text.subarray(0, octets)))
    beginBody(text, end)
    return start + octets - (held?.length ?? 0)
  }

  const beginBody = (text: Buffer, end: number) => {
    status = statusOf(text)
    const size = bodyOctets(status, text.toString('latin1', 0, end))
    isChunked = size === 'chunked'
    bodyLeft = size === 'chunked' ? 0 : size
    expected = isChunked ? 'chunk-size' : 'body'
    if (size === 0) finish()
  }

  const readBody = (chunk: Buffer, start: number, length: number): number => {
    const taken = Math.min(bodyLeft, length - start)
    if (sink.keep) kept.push(Buffer.from(chunk.subarray(start, start + taken)))
    bodyLeft -= taken
    octets += taken
    if (bodyLeft === 0) {
      if (isChunked) expected = 'chunk-end'
      else finish()
    }
    return start + taken
  }

  const readLine = (chunk: Buffer, start: number, length: number): number => {
    const found = chunk.indexOf(LF, start)
    const end = found < 0 || found >= length ? length : found + 1
    line += chunk.toString('latin1', start, end)
    octets += end - start
    if (line.length > MAX_HEAD_OCTETS) throw new Error('a line between chunks is longer than 32 KiB')
    if (line.endsWith('\n')) {
      const text = line.trimEnd()
      line = ''
      endLine(text)
    }
    return end
  }

  const endLine = (text: string) => {
    if (expected === 'chunk-size') {
      bodyLeft = Number.parseInt(CHUNK_SIZE.exec(text)?.[1] ?? '', 16)
      if (Number.isNaN(bodyLeft)) throw new Error(`not the size of a chunk: ${JSON.stringify(text.slice(0, 40))}`)
      expected = bodyLeft === 0 ? 'trailer' : 'body'
    } else if (expected === 'chunk-end') expected = 'chunk-size'
    else if (text === '') finish()
  }

  return {
    feed(chunk, length) {
      for (let at = 0; at < length; ) {
        if (expected === 'head') at = readHead(chunk, at, length)
        else if (expected === 'body') at = readBody(chunk, at, length)
        else at = readLine(chunk, at, length)
      }
    },
  }
}

function statusOf(head: Buffer): number {
  if (head.toString('latin1', 0, 9) !== 'HTTP/1.1 ') {
    throw new Error(`not an HTTP/1.1 answer: ${JSON.stringify(head.toString('latin1', 0, 40))}`)
  }
  return (head[9]! - 48) * 100 + (head[10]! - 48) * 10 + (head[11]! - 48)
}

function bodyOctets(status: number, head: string): number | 'chunked' {
  if (status === 204 || status === 304) return 0
  const length = CONTENT_LENGTH.exec(head)
  if (length) return Number(length[1])
  if (CHUNKED.test(head)) return 'chunked'
  throw new Error(`an answer without Content-Length that is not chunked either (status ${status})`)
}
