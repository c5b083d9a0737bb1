import { once } from 'node:events'
import http from 'node:http'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Enterprise, get, makeEnterprise, type TestNode, testNode } from '../../support/node.js'

const PREFIX = '88.118.8'
const CSV = { format: 'csv', template: 'product' }
const HEADER = 'identifier,name\n'

let node: TestNode
let maker: Enterprise

beforeAll(async () => {
  node = await testNode()
  maker = await makeEnterprise(node, { id: 'maker', prefix: PREFIX })
})
afterAll(() => node.close())

describe('from a file to look-ups', () => {
  test('open, send, read: the identifiers resolve at once', async () => {
    expect((await get(node, `${PREFIX}/first-1`)).status).toBe(404)
    const opened = await open({ ...CSV, id: 'first', source: { name: 'first.csv' } })
    expect(opened.status).toBe(201)
    expect(opened.headers.get('location')).toBe('/v1/imports/first')
    expect(await opened.json()).toMatchObject({ id: 'first', state: 'open', offset: 0, source: { name: 'first.csv' } })

    const sent = await send('first', `${HEADER}${PREFIX}/First-1,Pump\n${PREFIX}/First-2,泵\n`)
    expect(sent.status).toBe(200)
    expect(await sent.json()).toMatchObject({
      state: 'finished',
      rows: { done: 2, created: 2, replaced: 0, unchanged: 0, withdrawn: 0, failed: 0 },
      errors: 0,
      enterpriseId: 'maker',
    })
    const found = await get(node, `${PREFIX}/first-1`)
    expect(await found.json()).toMatchObject({
      identifier: `${PREFIX}/First-1`,
      version: 1,
      attributes: { name: 'Pump' },
    })

    await open({ ...CSV, id: 'second', mode: 'upsert' })
    await send('second', `${HEADER}${PREFIX}/First-1,Better pump\n`)
    expect(await (await get(node, `${PREFIX}/first-1`)).json()).toMatchObject({ version: 2 })
  })

  test('its token demands to see what it has written, and with wait=visible every replica shows it', async () => {
    const opened = await open({ ...CSV, id: 'seen', mode: 'upsert' })
    expect(await opened.json()).not.toHaveProperty('token')
    const startedAtMs = performance.now()
    const sent = await sendAndWait('seen', `${HEADER}${PREFIX}/Seen-1,Pump\n`)
    expect(performance.now() - startedAtMs).toBeGreaterThan(1_000)
    const job = (await sent.json()) as { token: string }
    expect(job).toMatchObject({ state: 'finished', visible: true, token: expect.stringMatching(/^\d+-[\da-f]{8}$/) })
    expect(sent.headers.get('jiexi-token')).toBe(job.token)
    const status = await call('/v1/imports/seen')
    expect([status.headers.get('jiexi-token'), await status.json()]).toMatchObject([job.token, { token: job.token }])
    expect((await get(node, `${PREFIX}/seen-1`, { 'jiexi-token': job.token })).status).toBe(200)
    const tried = await open({ ...CSV, id: 'tried', dryRun: true })
    expect(tried.status).toBe(201)
    const dry = await sendAndWait('tried', `${HEADER}${PREFIX}/Tried-1,Pump\n`)
    expect(await dry.json()).not.toHaveProperty('token')
  })

  test('opening again gives the same import, or a conflict', async () => {
    expect((await open({ ...CSV, id: 'again' })).status).toBe(201)
    expect((await open({ ...CSV, id: 'again' })).status).toBe(200)
    const other = await open({ ...CSV, id: 'again', dryRun: true })
    expect([other.status, await codeOf(other)]).toEqual([409, 'import-conflict'])
  })

  test('the list is newest first, in pages', async () => {
    for (const id of ['list-1', 'list-2', 'list-3']) await open({ ...CSV, id })
    const first = (await (await call('/v1/imports?limit=2')).json()) as { items: { id: string }[]; next: string }
    expect(first.items.map(({ id }) => id)).toEqual(['list-3', 'list-2'])
    const second = (await (await call(`/v1/imports?limit=1&after=${first.next}`)).json()) as typeof first
    expect(second.items.map(({ id }) => id)).toEqual(['list-1'])
  })
})

describe('row errors', () => {
  const bad = `${HEADER}${PREFIX}/bad-1,\n"no ""slash"", here",x\n88.1/x,y\n`

  test('as CSV for spreadsheets, as NDJSON for programs', async () => {
    await open({ ...CSV, id: 'bad' })
    expect(await (await send('bad', bad)).json()).toMatchObject({ rows: { failed: 3 }, errors: 3 })
    const csv = await call('/v1/imports/bad/errors')
    expect(csv.headers.get('content-type')).toContain('text/csv')
    const rows = parse(await csv.text(), { columns: true }) as Record<string, string>[]
    expect(rows.map(({ row, line, field, identifier }) => [row, line, field, identifier])).toEqual([
      ['1', '2', 'name', `${PREFIX}/bad-1`],
      ['2', '3', 'identifier', 'no "slash", here'],
      ['3', '4', 'identifier', '88.1/x'],
    ])
    const ndjson = await call('/v1/imports/bad/errors', { headers: { accept: 'application/x-ndjson' } })
    const lines = (await ndjson.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ row, line, reason }) => [String(row), String(line), reason])).toEqual(
      rows.map(({ row, line, reason }) => [row, line, reason]),
    )
    expect((await call('/v1/imports/bad/errors', { headers: { accept: 'image/png' } })).status).toBe(406)
  })

  test('tens of thousands of them are streamed', async () => {
    await open({ ...CSV, id: 'many' })
    await send('many', `${HEADER}${'x\n'.repeat(30_000)}`)
    const text = await (await call('/v1/imports/many/errors')).text()
    const rows = parse(text, { columns: true }) as Record<string, string>[]
    expect(rows.map(({ row }) => Number(row))).toEqual(Array.from({ length: 30_000 }, (_, index) => index + 1))
  })

  test('ndjson is read strictly', async () => {
    await open({ format: 'ndjson', id: 'strict' })
    const sent = await send('strict', `{"identifier":"${PREFIX}/s","identifier":"${PREFIX}/t"}\n`, {
      'content-type': 'application/x-ndjson',
    })
    expect(await sent.json()).toMatchObject({ rows: { failed: 1 } })
    expect(await (await call('/v1/imports/strict/errors')).text()).toContain('twice')
  })
})

describe('breaks', () => {
  test('a connection cut in the midst: GET names the offset, and the rest goes on from there', async () => {
    const text = HEADER + Array.from({ length: 5_000 }, (_, row) => `${PREFIX}/cut-${row},Pump ${row}\n`).join('')
    await open({ ...CSV, id: 'cut', source: { bytes: Buffer.byteLength(text) } })
    const request = http.request(`${node.url}/v1/imports/cut/content`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${maker.apiKey}`,
        'upload-offset': '0',
        'content-length': Buffer.byteLength(text),
      },
    })
    request.on('error', () => undefined)
    request.write(text.slice(0, 100_000))
    while (((await stateOf('cut')).state as string) === 'open') await new Promise((resolve) => setTimeout(resolve, 5))
    // Meanwhile some of it is read.
    for (let asked = 0; asked < 10; asked += 1) await stateOf('cut')
    request.destroy()

    let job = await stateOf('cut')
    while (job.state !== 'interrupted' || job.offset === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      job = await stateOf('cut')
    }
    expect(job.offset).toBeLessThanOrEqual(100_000)
    const wrong = await send('cut', text)
    expect([wrong.status, await codeOf(wrong), wrong.headers.get('upload-offset')]).toEqual([
      409,
      'import-conflict',
      String(job.offset),
    ])
    const done = await send('cut', text.slice(job.offset), { 'upload-offset': String(job.offset) })
    expect(await done.json()).toMatchObject({ state: 'finished', rows: { done: 5_000, created: 5_000 } })
  })

  test('a body that is refused in its midst is answered while it is still being sent', async () => {
    await open({ ...CSV, id: 'refused' })
    const request = http.request(`${node.url}/v1/imports/refused/content`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${maker.apiKey}`, 'upload-offset': '0' },
    })
    request.on('error', () => undefined)
    request.write('identifer,name\n')
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    expect(response.statusCode).toBe(422)
    const body: Buffer[] = []
    for await (const piece of response) body.push(piece)
    expect(Buffer.concat(body).toString()).toContain('the nearest that is there: \\"identifer\\"')
    request.destroy()
    expect(await stateOf('refused')).toMatchObject({ state: 'halted', halted: { code: 'record-invalid' } })
  })
})

describe('what is refused', () => {
  test.each<[string, Record<string, string>, number, string]>([
    ['no offset', { 'upload-offset': '' }, 400, 'request-malformed'],
    ['an offset that is no number', { 'upload-offset': '-1' }, 400, 'request-malformed'],
    ['an odd Upload-Complete', { 'upload-complete': 'yes' }, 400, 'request-malformed'],
    ['compressed content', { 'content-encoding': 'gzip' }, 415, 'media-type-unsupported'],
    [
      'content that is of another format',
      { 'content-type': 'text/tab-separated-values' },
      415,
      'media-type-unsupported',
    ],
    ['no key', { authorization: '' }, 401, 'not-authenticated'],
  ])('%s', async (_name, headers, status, code) => {
    await open({ ...CSV, id: 'odd' })
    const sent = await send('odd', HEADER, headers)
    expect([sent.status, await codeOf(sent)]).toEqual([status, code])
  })

  test('options that do not fit name their fields', async () => {
    const refused = await open({ format: 'xlsx', mode: 'create' })
    expect(refused.status).toBe(400)
    expect(((await refused.json()) as { faults: { field: string }[] }).faults.map(({ field }) => field)).toContain(
      'format',
    )
  })

  test('the imports of others are not there', async () => {
    expect((await call('/v1/imports/%00')).status).toBe(404)
    await open({ ...CSV, id: 'private' })
    const other = await makeEnterprise(node, { id: 'other', prefix: '88.118.9' })
    const headers = { authorization: `Bearer ${other.apiKey}` }
    for (const path of ['/v1/imports/private', '/v1/imports/private/errors'])
      expect((await call(path, { headers })).status).toBe(404)
    expect((await send('private', HEADER, headers)).status).toBe(404)
    expect(await (await call('/v1/imports', { headers })).json()).toEqual({ items: [], next: null })
  })
})

test('the OpenAPI document describes the operations', async () => {
  const { paths } = (await (await fetch(`${node.url}/docs/json`)).json()) as { paths: Record<string, object> }
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/v1/imports', '/v1/imports/{id}', '/v1/imports/{id}/content', '/v1/imports/{id}/errors']),
  )
})

interface JobJson {
  readonly state: string
  readonly offset: number
}

function call(path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  const headers = { authorization: `Bearer ${maker.apiKey}`, ...init.headers }
  return fetch(node.url + path, { ...init, headers })
}

function open(options: object): Promise<Response> {
  return call('/v1/imports', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(options),
  })
}

function send(id: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const all = { 'upload-offset': '0', 'content-type': 'text/csv', authorization: `Bearer ${maker.apiKey}`, ...headers }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
  return fetch(`${node.url}/v1/imports/${id}/content`, { method: 'PATCH', headers: given, body })
}

function sendAndWait(id: string, body: string): Promise<Response> {
  const headers = { 'upload-offset': '0', 'content-type': 'text/csv' }
  return call(`/v1/imports/${id}/content?wait=visible`, { method: 'PATCH', headers, body })
}

async function stateOf(id: string): Promise<JobJson> {
  return (await (await call(`/v1/imports/${id}`)).json()) as JobJson
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}
