/**
 * The least of an HTTP/1.1 reader that a load generator needs: where an answer ends, and its status (RFC 9112 §6.3).
 * Answers must say their Content-Length or have no body by their status; a chunked answer is refused with an error.
 */

export interface ResponseReader {
  /** Takes the first `length` octets of `chunk`, which may be overwritten afterwards. @throws Error when it is not HTTP/1.1 */
  feed(chunk: Buffer, length: number): void
}

export interface AnswerSink {
  /** `octets` are those of head and body together; `answer` is there when `keep` is set. */
  onAnswer(status: number, octets: number, answer: Buffer | undefined): void
  /** Keeps the octets of every answer: for recording, not for load. */
  readonly keep?: boolean
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CONTENT_LENGTH = /\ncontent-length: *(\d+)/i
const MAX_HEAD_OCTETS = 32_768

export function responseReader(sink: AnswerSink): ResponseReader {
  let kept: Buffer[] = []
  let head: Buffer | undefined
  let bodyLeft = 0
  let status = 0
  let octets = 0

  const finish = () => {
    const answer = sink.keep ? Buffer.concat(kept) : undefined
    kept = []
    sink.onAnswer(status, octets, answer)
  }

  /** Consumes a head; returns the index after it, or -1 when it goes on in the next chunk. */
  const readHead = (chunk: Buffer, start: number, length: number): number => {
    const held = head
    const text = held ? Buffer.concat([held, chunk.subarray(start, length)]) : chunk.subarray(start, length)
    const end = text.indexOf(END_OF_HEAD)
    if (end < 0) {
      if (text.length > MAX_HEAD_OCTETS) throw new Error('the head of the answer is longer than 32 KiB')
      head = held ? text : Buffer.from(text)
      return -1
    }
    head = undefined
    const headOctets = end + END_OF_HEAD.length
    status = statusOf(text)
    bodyLeft = bodyOctets(status, text.toString('latin1', 0, end))
    octets = headOctets + bodyLeft
    if (sink.keep) kept.push(Buffer.from(text.subarray(0, headOctets)))
    return start + headOctets - (held?.length ?? 0)
  }

  return {
    feed(chunk, length) {
      let at = 0
      while (at < length) {
        if (bodyLeft === 0) {
          at = readHead(chunk, at, length)
          if (at < 0) return
        }
        const taken = Math.min(bodyLeft, length - at)
        if (sink.keep && taken > 0) kept.push(Buffer.from(chunk.subarray(at, at + taken)))
        bodyLeft -= taken
        at += taken
        if (bodyLeft === 0) finish()
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

function bodyOctets(status: number, head: string): number {
  if (status === 204 || status === 304) return 0
  const length = CONTENT_LENGTH.exec(head)
  if (!length)
    throw new Error(`an answer without Content-Length (status ${status}); the load generator reads no chunked ones`)
  return Number(length[1])
}
