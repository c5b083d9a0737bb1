import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Enterprise, get, makeEnterprise, put, type TestNode, testNode } from '../support/node.js'
import { PATIENT } from '../support/patience.js'

let node: TestNode
let enterprise: Enterprise

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_LOG_SAMPLE: '0' } })
  enterprise = await makeEnterprise(node, { id: 'pumps', prefix: '88.118.5' })
})

afterAll(() => node.close())

test('a write is logged with who wrote, and without the secret of the key', async () => {
  await put(node, enterprise.apiKey, { identifier: '88.118.5/logged', name: 'Logged' })
  const line = await vi.waitUntil(
    () => node.logLines.find((one) => one.includes('/v1/identifiers/88.118.5/logged')),
    PATIENT,
  )
  expect(JSON.parse(line)).toMatchObject({
    msg: 'request',
    method: 'PUT',
    status: 201,
    complete: true,
    by: enterprise.apiKey.split('_')[1],
  })
  // The secret may hold the sign that stands before it.
  const secret = enterprise.apiKey.split('_').slice(2).join('_')
  expect(secret.length).toBeGreaterThan(20)
  expect(node.logLines.filter((one) => one.includes(secret))).toEqual([])
})

test('look-ups are logged by share: at 0 none is', async () => {
  for (let n = 0; n < 20; n += 1) await get(node, `88.118.5/quiet-${n}`)
  await put(node, enterprise.apiKey, { identifier: '88.118.5/after', name: 'After' })
  await vi.waitUntil(() => node.logLines.find((one) => one.includes('88.118.5/after')), PATIENT)
  expect(node.logLines.filter((one) => one.includes('quiet-'))).toEqual([])
})
