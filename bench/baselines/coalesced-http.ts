/**
 * Baseline of a look-up that reaches the database, over HTTP: a bare node:http server that reads the record of the path
 * (coalesced.ts) before it sends the node's recorded answer for it. What a Node process can reach that asks the same
 * database for the same callers; what remains between it and the node is what the node does.
 *
 * Argument: database URL. Messages as of bare-http.ts.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { lookupPath } from '../workload/requests.js'
import { coalescedReads } from './coalesced.js'
import { decodeRecording, type RecordedAnswer } from './recording.js'

const [url = ''] = process.argv.slice(2)
const reads = coalescedReads(url)
const keyStart = lookupPath('').length
let answers = new Map<string, RecordedAnswer>()

function load(file: string): void {
  answers = new Map()
  for (const answer of decodeRecording(readFileSync(file))) {
    // A copy of its own: a view would keep all of the recording alive.
    answers.set(answer.path, { ...answer, body: Buffer.from(answer.body) })
  }
}

const server = createServer((request, response) => {
  const answer = answers.get(request.url!)
  reads.lookUp(request.url!.slice(keyStart)).then(
    () => {
      response.writeHead(answer?.status ?? 500, (answer?.headers ?? ['Content-Length', '0']) as string[])
      response.end(answer?.body)
    },
    () => {
      response.writeHead(500, ['Content-Length', '0'])
      response.end()
    },
  )
})

server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }))
process.on('message', ({ file }: { readonly file: string }) => {
  load(file)
  process.send!({ loaded: answers.size })
})
process.on('disconnect', () => void reads.close().finally(() => process.exit(0)))
