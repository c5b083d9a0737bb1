/** Sends each request once, a bounded number at a time: to warm caches, to record answers, to look at a sample. */
import { type HttpSocket, openHttpSockets } from './http-socket.js'

const CONNECTIONS = 32

/** The answers in the order of the requests, as they were on the wire. @throws Error when a connection is lost */
export async function collectAnswers(port: number, requests: readonly Buffer[]): Promise<Buffer[]> {
  const answers: Buffer[] = []
  await sendEach(port, requests, {
    keep: true,
    onAnswer: (index, answer) => {
      answers[index] = answer!
    },
  })
  return answers
}

/** Sends and forgets. */
export async function sendAll(port: number, requests: readonly Buffer[]): Promise<void> {
  await sendEach(port, requests, { keep: false, onAnswer: () => undefined })
}

async function sendEach(
  port: number,
  requests: readonly Buffer[],
  sink: { readonly keep: boolean; onAnswer(index: number, answer: Buffer | undefined): void },
): Promise<void> {
  let sockets: HttpSocket[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      let sent = 0
      let answered = 0
      const carried: number[] = []
      const sendNext = (connection: number) => {
        if (sent === requests.length) return
        carried[connection] = sent
        sent += 1
        sockets[connection]!.send(requests[carried[connection]!]!)
      }
      openHttpSockets(Math.min(CONNECTIONS, requests.length), (connection) => ({
        port,
        keep: sink.keep,
        onAnswer: (_status, _octets, answer) => {
          sink.onAnswer(carried[connection]!, answer)
          answered += 1
          if (answered === requests.length) resolve()
          else sendNext(connection)
        },
        onLost: reject,
      })).then((opened) => {
        sockets = opened
        for (const connection of opened.keys()) sendNext(connection)
        if (requests.length === 0) resolve()
      }, reject)
    })
  } finally {
    for (const socket of sockets) socket.close()
  }
}
