/**
 * Baseline of the native protocol over UDP: a bare dgram socket that finds the node's recorded answer by the handle, where the
 * request has it, in a Map, writes the request's number into its packets and sends them. Nothing else is read or checked.
 */
import dgram from 'node:dgram'
import { packetsOf } from '../../src/protocols/handle/codec-packets.js'
import { answersByHandle, serveRecordedAt } from './recorded-answers.js'

const HANDLE_LENGTH_AT = 44
const HANDLE_AT = 48
const REQUEST_ID_AT = 8

let answers = new Map<string, readonly Buffer[]>()

const socket = dgram.createSocket('udp4')
socket.on('message', (request, source) => {
  const end = HANDLE_AT + request.readUInt32BE(HANDLE_LENGTH_AT)
  const packets = answers.get(request.toString('latin1', HANDLE_AT, end)) ?? []
  for (const packet of packets) {
    request.copy(packet, REQUEST_ID_AT, REQUEST_ID_AT, REQUEST_ID_AT + 4)
    socket.send(packet, source.port, source.address)
  }
})
socket.bind(0, '127.0.0.1', () => {
  serveRecordedAt(socket.address().port, (recording) => {
    answers = new Map(Array.from(answersByHandle(recording), ([handle, answer]) => [handle, packetsOf(answer, false)]))
  })
})
