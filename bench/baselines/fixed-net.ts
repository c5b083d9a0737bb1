/**
 * Baseline `net`: a bare socket server that writes the first recorded answer, octet for octet, for every request whatever
 * it asks. Nothing is parsed but the end of a head, so requests must have no body. What HTTP costs in this runtime at least.
 */
import { createServer } from 'node:net'
import { serveRecordings } from './recorded-answers.js'
import { firstAnswerOf } from './recording.js'

const END_OF_HEAD = '\r\n\r\n'

let answer = Buffer.alloc(0)

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.on('data', (chunk) => {
    const text = rest + chunk.toString('latin1')
    const heads = text.split(END_OF_HEAD)
    rest = heads.pop()!
    for (let request = 0; request < heads.length; request += 1) socket.write(answer)
  })
  // A client that is gone is no fault of the server's.
  socket.on('error', () => socket.destroy())
})

serveRecordings(server, (recording) => {
  answer = Buffer.from(firstAnswerOf(recording))
})
