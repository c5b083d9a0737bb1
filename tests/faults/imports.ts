/** Bulk import: files that are sent by Upload-Offset, and on from where the node says it stands whenever that breaks off. */
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { recordInput } from './catalogue.js'
import { fieldOf, HttpLine, type Reply } from './http-line.js'
import { IMPORT_PREFIX, type Lab } from './lab.js'
import type { Random } from './random.js'

export interface ImportRun {
  readonly number: number
  readonly rows: number
  uploads: number
  /** Octets that a node said were done with, in the order it was said. */
  readonly offsets: number[]
  /** Rows that a node said were done with. */
  acknowledgedRows: number
  /** As the node says it at the end. */
  created: number
  failed: number
  isFinished: boolean
}

export interface ImportsOptions {
  readonly lab: Lab
  readonly imports: ImportRun[]
  readonly random: Random
  readonly signal: AbortSignal
}

const ROWS = 100_000
const PIECE_BYTES = 16_384
/** Slowly enough to be hit. */
const PIECE_EVERY_MS = 12
const RETRY_MS = 100
const PATIENCE_MS = 5_000
const GIVE_UP_AFTER_MS = 120_000

/** Resolves when the import that was under way at the signal has come to its end. */
export async function runImports(options: ImportsOptions): Promise<void> {
  const { imports, lab, signal } = options
  const lines = lab.nodes.map(({ port }) => new HttpLine(port))
  while (!signal.aborted) {
    const number = imports.length + 1
    const run: ImportRun = {
      ...{ number, rows: ROWS, uploads: 0, offsets: [], acknowledgedRows: 0, created: 0, failed: 0, isFinished: false },
    }
    imports.push(run)
    await untilFinished({ ...options, lines }, run)
  }
  for (const line of lines) line.close()
}

export function importedKey(number: number, row: number): string {
  return `${IMPORT_PREFIX}/import-${number}-${row}`
}

interface Client extends ImportsOptions {
  readonly lines: readonly HttpLine[]
}

async function untilFinished(client: Client, run: ImportRun): Promise<void> {
  const { lab, lines, random } = client
  const file = fileOf(run)
  const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS
  while (performance.now() < giveUpAtMs) {
    const node = random.below(lines.length)
    const job = await open(client, run, lines[node]!)
    if (run.isFinished) return
    if (job?.state === 'running') {
      // Its lease is that of an upload which is gone, and runs out.
      await delay(RETRY_MS * 5)
    } else if (job) {
      run.uploads += 1
      await upload({ port: lab.nodes[node]!.port, apiKey: lab.apiKey, run }, file.subarray(job.offset))
    }
    await delay(RETRY_MS)
  }
}

interface Job {
  readonly state: string
  readonly offset: number
  readonly rows: { readonly done: number; readonly created: number; readonly failed: number }
}

/** Opening it again tells how far it is. */
async function open(client: Client, run: ImportRun, line: HttpLine): Promise<Job | undefined> {
  const body = JSON.stringify({ id: idOf(run), format: 'csv', template: 'part' })
  const headers = [`Authorization: Bearer ${client.lab.apiKey}`]
  const reply = await line.ask({ method: 'POST', path: '/v1/imports', headers, body }, PATIENCE_MS)
  if (typeof reply === 'string' || reply.status >= 300) return undefined
  return note(run, reply)
}

function note(run: ImportRun, reply: Pick<Reply, 'body' | 'head' | 'status'>): Job {
  const job = JSON.parse(reply.body) as Job
  run.offsets.push(Number(fieldOf(reply, 'upload-offset') ?? job.offset))
  run.acknowledgedRows = job.rows.done
  run.created = job.rows.created
  run.failed = job.rows.failed
  run.isFinished = job.state === 'finished'
  return job
}

/** Sends the rest of the file; however it ends, the next `open` tells what came of it. */
function upload(to: { port: number; apiKey: string; run: ImportRun }, rest: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const request = http.request({
      ...{ host: '127.0.0.1', port: to.port, method: 'PATCH', path: `/v1/imports/${idOf(to.run)}/content` },
      headers: {
        authorization: `Bearer ${to.apiKey}`,
        'content-type': 'text/csv',
        'content-length': rest.length,
        'upload-offset': to.run.offsets.at(-1) ?? 0,
      },
      timeout: PATIENCE_MS,
    })
    let isOver = false
    const end = () => {
      isOver = true
      request.destroy()
      resolve()
    }
    request.on('timeout', end)
    request.on('error', end)
    request.on('close', end)
    request.on('response', (response) => {
      response.resume()
      response.on('end', end)
    })
    void sendSlowly(request, rest, () => isOver)
  })
}

async function sendSlowly(request: http.ClientRequest, rest: Buffer, isOver: () => boolean): Promise<void> {
  for (let at = 0; at < rest.length && !isOver(); at += PIECE_BYTES) {
    if (!request.write(rest.subarray(at, at + PIECE_BYTES)))
      await Promise.race([new Promise((resolve) => request.once('drain', resolve)), delay(PATIENCE_MS)])
    await delay(PIECE_EVERY_MS)
  }
  if (!isOver()) request.end()
}

function fileOf({ number, rows }: ImportRun): Buffer {
  const lines = ['identifier,partNumber,name']
  for (let row = 1; row <= rows; row += 1) {
    const key = importedKey(number, row)
    const { partNumber, name } = recordInput(key, number).attributes
    lines.push(`${key},${partNumber},${name}`)
  }
  return Buffer.from(`${lines.join('\n')}\n`)
}

function idOf({ number }: ImportRun): string {
  return `kills-${number}`
}
