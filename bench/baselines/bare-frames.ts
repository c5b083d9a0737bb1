/**
 * Baseline of the native protocol over TCP: a bare socket server that looks for the ends of messages alone, answers each with
 * the next recorded answer, whatever is asked, with the request's number in it, and joins the answers to what one read brought
 * into one write, from a buffer that is used again. What this runtime can do at most.
 */
import { type AddressInfo, createServer } from 'node:net'
import { answersByHandle, serveRecordedAt } from './recorded-answers.js'

const ENVELOPE_OCTETS = 20
const LENGTH_AT = 16
const REQUEST_ID_AT = 8
const OUTPUT_OCTETS = 256 * 1024

let answers: readonly Buffer[] = []
let output = Buffer.allocUnsafeSlow(OUTPUT_OCTETS)

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0)
  let turn = 0
  socket.on('data', (chunk) => {
    const octets = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    let used = 0
    while (octets.length - at >= ENVELOPE_OCTETS) {
      const end = at + ENVELOPE_OCTETS + octets.readUInt32BE(at + LENGTH_AT)
      if (end > octets.length) break
      const answer = answers[turn]!
      turn = (turn + 1) % answers.length
      answer.copy(output, used)
      octets.copy(output, used + REQUEST_ID_AT, at + REQUEST_ID_AT, at + REQUEST_ID_AT + 4)
      used += answer.length
      at = end
    }
    rest = octets.subarray(at)
    if (used === 0) return
    socket.write(output.subarray(0, used))
    if (socket.writableLength > 0) output = Buffer.allocUnsafeSlow(OUTPUT_OCTETS)
  })
  // A client that is gone is no fault of the server's.
  socket.on('error', () => socket.destroy())
})

server.listen(0, '127.0.0.1', () => {
  serveRecordedAt((server.address() as AddressInfo).port, (recording) => {
    answers = [...answersByHandle(recording).values()]
  })
})
