/**
 * Baseline of the look-ups: a bare node:http server that finds the node's recorded answer by path in a Map and sends the
 * same status, fields and octets. What remains between it and the node is what the node does.
 */
import { createServer, type ServerResponse } from 'node:http'
import { answersByPath, serveRecordings } from './recorded-answers.js'
import type { RecordedAnswer } from './recording.js'

let answers = new Map<string, RecordedAnswer>()

const server = createServer((request, response) => {
  if (request.method !== 'POST') return send(response, answers.get(request.url!))
  request.resume()
  request.on('end', () => send(response, answers.get(request.url!)))
})

function send(response: ServerResponse, answer: RecordedAnswer | undefined): void {
  if (!answer) {
    response.writeHead(500, ['Content-Length', '0'])
    response.end()
    return
  }
  response.writeHead(answer.status, answer.headers as string[])
  response.end(answer.body)
}

serveRecordings(server, (recording) => {
  answers = answersByPath(recording)
})
