/** TCP connections are shared by those who ask at once, kept while they are of use, and never cost an answer. */
import { expect, test } from 'vitest'
import { clientAt, started } from './closing.js'
import { answerTo, handleIn, value, valuesTo } from './replies.js'
import { type Script, tcpServer, udpServer } from './scripted-server.js'

const url = value(1, 'URL', 'https://example.com/x')
const right: Script = (request) => valuesTo(request, [url])
const many = (count: number) => Array.from({ length: count }, (_, place) => `88.1/${place}`)

test('a connection that stays open carries all further requests, many at once, answered in any order', async () => {
  const server = await started(
    tcpServer(async (request) => {
      // The even ones first.
      if (Number(handleIn(request).slice(5)) % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 30))
      return valuesTo(request, [url])
    }),
  )
  const client = clientAt(server.address)
  await client.resolve('88.1/0')
  const answers = await Promise.all(many(64).map((handle) => client.resolve(handle)))
  expect(answers.map((answer) => answer.kind === 'found' && answer.handle)).toEqual(many(64))
  expect(server.connections()).toBe(1)
})

test('a server that closes after each answer is asked on a connection for each, and loses nothing', async () => {
  const server = await started(tcpServer((request) => ({ messages: [valuesTo(request, [url])], closes: true })))
  const client = clientAt(server.address)
  for (const handle of many(3)) await client.resolve(handle)
  const answers = await Promise.all(many(40).map((handle) => client.resolve(handle)))
  expect(answers.every(({ kind }) => kind === 'found')).toBe(true)
})

test('a request lost on a connection that was used before is asked once more on a fresh one', async () => {
  const server = await started(
    tcpServer((request, place) => (place === 1 ? { messages: [], resets: true } : valuesTo(request, [url]))),
  )
  const client = clientAt(server.address)
  await client.resolve('88.1/0')
  expect(await client.resolve('88.1/1')).toMatchObject({ kind: 'found' })
  expect([server.connections(), server.requests.length]).toEqual([2, 3])
  // With the same id, so that the server may know it again.
  expect(server.requests[1]).toEqual(server.requests[2])
})

test('a change is never sent on a connection that its server may be closing', async () => {
  const server = await started(tcpServer((request) => answerTo(request, { kind: 'empty' })))
  const client = clientAt(server.address)
  await client.delete('88.1/0')
  await client.delete('88.1/1')
  expect(server.connections()).toBe(2)
})

test('idle connections end after their time', async () => {
  let closed = 0
  const server = await started(tcpServer(right))
  const client = clientAt(server.address, { limits: { idleMs: 50 } })
  await client.resolve('88.1/0')
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      if (server.open() > 0) return
      closed = server.connections()
      clearInterval(look)
      resolve()
    }, 5)
  })
  expect(closed).toBe(1)
  expect(await client.resolve('88.1/1')).toMatchObject({ kind: 'found' })
})

test('no more exchanges run at once than are allowed; the others wait, and too many are refused', async () => {
  let running = 0
  let most = 0
  const server = await started(
    udpServer(async (request) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 100))
      running--
      return valuesTo(request, [url])
    }),
  )
  const client = clientAt(server.address, { limits: { maxInFlight: 4, maxWaiting: 10, udpRetryMs: [15_000] } })
  const outcomes = await Promise.allSettled(many(20).map((handle) => client.resolve(handle)))
  expect(most).toBe(4)
  expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(14)
  for (const outcome of outcomes.slice(14))
    expect(outcome).toMatchObject({ reason: { reason: 'overloaded', code: 'overloaded' } })
  expect(await client.resolve('88.1/again')).toMatchObject({ kind: 'found' })
})

test('request ids are not to be guessed: none comes twice, and they follow no order', async () => {
  const server = await started(udpServer(right))
  const client = clientAt(server.address)
  for (const handle of many(100)) await client.resolve(handle)
  const ids = server.requests.map((request) => request.readUInt32BE(8))
  expect(new Set(ids).size).toBe(100)
  expect(ids.every((id) => id > 0 && id < 2 ** 31)).toBe(true)
  expect([...ids].sort((a, b) => a - b)).not.toEqual(ids)
})

test('a handle that has no UTF-8 is no request', async () => {
  const server = await started(udpServer(right))
  await expect(clientAt(server.address).resolve('88.1/\ud800')).rejects.toMatchObject({
    name: 'HandleFault',
    reason: 'request-malformed',
  })
})
