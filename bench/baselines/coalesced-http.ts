/**
 * Baseline of a look-up that reaches the database, over HTTP: a bare node:http server that reads the record of the path
 * (coalesced.ts) before it sends the node's recorded answer for it. What a Node process can reach that asks the same
 * database for the same callers; what remains between it and the node is what the node does.
 *
 * Argument: database URL.
 */
import { createServer } from 'node:http'
import { lookupPath } from '../workload/requests.js'
import { coalescedReads } from './coalesced.js'
import { answersByPath, serveRecordings } from './recorded-answers.js'
import type { RecordedAnswer } from './recording.js'

const [url = ''] = process.argv.slice(2)
const reads = coalescedReads(url)
const keyStart = lookupPath('').length
let answers = new Map<string, RecordedAnswer>()

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

serveRecordings(
  server,
  (recording) => {
    answers = answersByPath(recording)
  },
  () => reads.close(),
)
