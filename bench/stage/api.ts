/** What the bench asks of the node's interface beside the load: to be set up, and to import. */
import { request } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface Api {
  readonly port: number
  readonly apiKey: string
}

/** An enterprise that holds the prefixes, and a key of it. @throws Error with the node's answer when it refuses */
export async function setUpEnterprise(admin: Api, prefixes: readonly string[]): Promise<Api> {
  const enterpriseId = 'bench'
  await ask(admin, 'POST', '/v1/enterprises', { id: enterpriseId, name: 'Bench' })
  for (const prefix of prefixes) await ask(admin, 'POST', '/v1/prefixes', { prefix, enterpriseId })
  const issued = await ask<{ apiKey: string }>(admin, 'POST', `/v1/enterprises/${enterpriseId}/keys`, {
    scopes: ['read', 'write'],
    label: 'bench',
  })
  return { port: admin.port, apiKey: issued.apiKey }
}

export interface ImportProgress {
  readonly id: string
  readonly state: string
  readonly rows: { readonly created: number }
}

export function openImport(api: Api): Promise<ImportProgress> {
  return ask(api, 'POST', '/v1/imports', { format: 'ndjson' })
}

/** Sends the whole content in one streamed request; resolves with the node's answer to it. */
export async function uploadImport(api: Api, id: string, content: Readable): Promise<ImportProgress> {
  const upload = request({
    host: '127.0.0.1',
    port: api.port,
    method: 'PATCH',
    path: `/v1/imports/${id}/content`,
    headers: {
      authorization: `Bearer ${api.apiKey}`,
      'content-type': 'application/x-ndjson',
      'upload-offset': '0',
    },
  })
  const answered = new Promise<{ status: number; text: string }>((resolve, reject) => {
    upload.on('error', reject)
    upload.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
  })
  // A refusal may come before all is sent, and then says more than the broken sending does.
  pipeline(content, upload).catch(() => undefined)
  const { status, text } = await answered
  if (status >= 300) throw new Error(`The node refused the import with ${status}: ${text}`)
  return JSON.parse(text) as ImportProgress
}

async function ask<Answer>(api: Api, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${api.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`The node refused ${method} ${path} with ${answer.status}: ${text}`)
  return JSON.parse(text) as Answer
}
