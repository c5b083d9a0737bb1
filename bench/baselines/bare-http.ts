/**
 * Baseline of the look-ups: a bare node:http server that finds the node's recorded answer by path in a Map and sends the
 * same status, fields and octets. What remains between it and the node is what the node does.
 *
 * Says its port as the first message, loads the recording of each message `{ file }`, and ends with its parent.
 */
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeRecording, type RecordedAnswer } from './recording.js'

let answers = new Map<string, RecordedAnswer>()

function load(file: string): void {
  answers = new Map()
  for (const answer of decodeRecording(readFileSync(file))) {
    // A copy of its own: a view would keep all of the recording alive.
    answers.set(answer.path, { ...answer, body: Buffer.from(answer.body) })
  }
}

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

server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))
process.on('message', ({ file }: { readonly file: string }) => {
  load(file)
  process.send!({ loaded: answers.size })
})
process.on('disconnect', () => process.exit(0))
