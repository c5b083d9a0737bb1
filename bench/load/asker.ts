/** One connection, one request at a time, whose answers are read: to ask, not to load. */
import { parseAnswer, type RecordedAnswer } from '../baselines/recording.js'
import { openHttpSocket } from './http-socket.js'

export interface Asker {
  /** @throws Error when the connection is lost */
  ask(request: Buffer): Promise<Omit<RecordedAnswer, 'path'>>
  close(): void
}

export async function openAsker(port: number): Promise<Asker> {
  let take: (answer: Buffer) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const socket = await openHttpSocket({
    port,
    keep: true,
    onAnswer: (_status, _octets, answer) => take(answer!),
    onLost: (error) => fail(error),
  })
  return {
    ask: async (request) => {
      const answered = new Promise<Buffer>((resolve, reject) => {
        take = resolve
        fail = reject
      })
      socket.send(request)
      return parseAnswer(await answered)
    },
    close: () => socket.close(),
  }
}
