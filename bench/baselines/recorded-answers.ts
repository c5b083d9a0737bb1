/** The frame of a server that sends recorded answers: its parent orders what to load, and it ends with its parent. */
import { readFileSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { decodeRecording, entriesOf, type RecordedAnswer } from './recording.js'

/**
 * Says its port as the first message, and calls `load` with the recording of each message `{ file }`.
 *
 * @param close what has to be done before it ends
 */
export function serveRecordings(
  server: Server,
  load: (recording: Buffer) => void,
  close: () => Promise<void> = async () => undefined,
): void {
  loadOnOrder(load)
  process.on('disconnect', () => void close().finally(() => process.exit(0)))
  const tellPort = () => process.send!({ port: (server.address() as AddressInfo).port })
  if (server.listening) tellPort()
  else server.listen(0, '127.0.0.1', tellPort)
}

/** The same for a server that listens already, of whatever kind. */
export function serveRecordedAt(port: number, load: (recording: Buffer) => void): void {
  loadOnOrder(load)
  process.on('disconnect', () => process.exit(0))
  process.send!({ port })
}

function loadOnOrder(load: (recording: Buffer) => void): void {
  process.on('message', ({ file }: { readonly file: string }) => {
    try {
      load(readFileSync(file))
      process.send!({ loaded: file })
    } catch (error) {
      process.send!({ error: error instanceof Error ? error.message : String(error) })
    }
  })
}

export function answersByPath(recording: Buffer): Map<string, RecordedAnswer> {
  const answers = new Map<string, RecordedAnswer>()
  for (const answer of decodeRecording(recording)) {
    // A copy of its own: a view would keep all of the recording alive.
    answers.set(answer.path, { ...answer, body: Buffer.from(answer.body) })
  }
  return answers
}

/** Answers that are no HTTP, by what was asked for. */
export function answersByHandle(recording: Buffer): Map<string, Buffer> {
  return new Map(Array.from(entriesOf(recording), ([handle, answer]) => [handle, Buffer.from(answer)]))
}
