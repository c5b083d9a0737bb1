/**
 * Answers of the node by path, kept in a file for the bare server to send again.
 *
 *   entry = u32 octets of path, u32 octets of answer, path, answer (head and body as they were on the wire)
 */

export interface RecordedAnswer {
  readonly path: string
  readonly status: number
  /** Names and values in turn, without the fields that node:http adds by itself. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** Node's server writes these by itself. */
const ADDED_BY_THE_SERVER = new Set(['date', 'connection', 'keep-alive'])

export function encodeRecording(answers: ReadonlyMap<string, Buffer>): Buffer {
  const pieces: Buffer[] = []
  for (const [path, answer] of answers) {
    const name = Buffer.from(path)
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32BE(name.length, 0)
    lengths.writeUInt32BE(answer.length, 4)
    pieces.push(lengths, name, answer)
  }
  return Buffer.concat(pieces)
}

export function* decodeRecording(recording: Buffer): Iterable<RecordedAnswer> {
  for (const [path, answer] of entriesOf(recording)) yield { path, ...parseAnswer(answer) }
}

/** The first answer as it was on the wire. @throws Error when there is none */
export function firstAnswerOf(recording: Buffer): Buffer {
  for (const [, answer] of entriesOf(recording)) return answer
  throw new Error('The recording is empty.')
}

/** What each answer is of, and the answer as it was on the wire. */
export function* entriesOf(recording: Buffer): Iterable<readonly [string, Buffer]> {
  let at = 0
  while (at < recording.length) {
    const bodyAt = at + 8 + recording.readUInt32BE(at)
    const end = bodyAt + recording.readUInt32BE(at + 4)
    yield [recording.toString('utf8', at + 8, bodyAt), recording.subarray(bodyAt, end)]
    at = end
  }
}

export function parseAnswer(answer: Buffer): Omit<RecordedAnswer, 'path'> {
  const headEnd = answer.indexOf('\r\n\r\n')
  const [statusLine = '', ...fields] = answer.toString('latin1', 0, headEnd).split('\r\n')
  const headers = fields
    .map((field) => field.split(/: */, 1).concat(field.replace(/^[^:]*: */, '')))
    .filter(([name = '']) => !ADDED_BY_THE_SERVER.has(name.toLowerCase()))
  return { status: Number(statusLine.split(' ')[1]), headers: headers.flat(), body: answer.subarray(headEnd + 4) }
}

/** The value of a header of an answer, or undefined. */
export function headerOf(answer: Pick<RecordedAnswer, 'headers'>, name: string): string | undefined {
  const at = answer.headers.findIndex((field, index) => index % 2 === 0 && field.toLowerCase() === name.toLowerCase())
  return at < 0 ? undefined : answer.headers[at + 1]
}
