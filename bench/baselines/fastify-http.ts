/**
 * Baseline `fastify`: the framework the node is built on, with one wildcard route that finds the node's recorded answer
 * by path in a Map and sends the same status, fields and octets. No hooks, no schema, no log.
 */
import { fastify } from 'fastify'
import { answersByPath, serveRecordings } from './recorded-answers.js'
import type { RecordedAnswer } from './recording.js'

interface Prepared {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

let answers = new Map<string, Prepared>()

const app = fastify({ logger: false })
app.get('/*', (request, reply) => {
  const answer = answers.get(request.raw.url!)
  if (!answer) return void reply.code(500).send()
  reply.code(answer.status).headers(answer.headers).send(answer.body)
})
await app.listen({ host: '127.0.0.1', port: 0 })

serveRecordings(app.server, (recording) => {
  answers = new Map([...answersByPath(recording)].map(([path, answer]) => [path, prepared(answer)]))
})

function prepared({ status, headers, body }: RecordedAnswer): Prepared {
  const pairs = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]!] as const] : []))
  return { status, headers: Object.fromEntries(pairs), body }
}
