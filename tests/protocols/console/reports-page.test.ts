/** What a node received, as its administrator sees it: in a real browser, on a real node. */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestNode, testNode } from '../../support/node.js'

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
const SCRIPT = '<img src=x onerror="window.broken=1">'

let node: TestNode
let browser: Browser
const complaints: string[] = []

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_ROLE: 'top-level' } })
  for (let at = 1; at <= 60; at++) await report(`88.${at}`, at === 60 ? SCRIPT : `operator ${at}`)
  browser = await chromium.launch({
    executablePath: process.env.JIEXI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
  })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await node?.close()
})

test('with the administrator’s key the page lists what was received, a page at a time, and opens a document', async () => {
  const page = await open('en-GB')
  await page.getByLabel('API key of the administrator').fill(node.adminKey)
  await page.getByRole('button', { name: 'Show' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toBe('50 documents shown.')
  await page.getByRole('button', { name: 'Earlier reports' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toBe('60 documents shown.')
  expect(await page.getByRole('button', { name: 'Earlier reports' }).count()).toBe(0)

  const first = page.locator('tbody tr').first()
  expect((await first.locator('td').allTextContents()).slice(0, 5)).toEqual([
    '88.60',
    'T1 Operator',
    'current',
    '1',
    '1',
  ])
  await first.getByRole('button', { name: 'Open' }).click()
  await expect.poll(() => page.locator('#document pre').textContent()).toContain(SCRIPT.replaceAll('"', '\\"'))
  expect(await page.locator('#missing').textContent()).toBe('Not said by the node: data.address')
  expect(await page.evaluate('window.broken')).toBeUndefined()
  expect(page.url()).toBe(`${node.url}/reports`)
  await page.close()
})

test('the list can be narrowed to a node, and the page speaks Chinese', async () => {
  const page = await open('zh-CN')
  await page.getByLabel('管理员的 API 密钥').fill(node.adminKey)
  await page.getByLabel('节点', { exact: true }).fill('88.7')
  await page.getByLabel('数据表').selectOption({ label: 'T1 二级节点主体数据' })
  await page.getByRole('button', { name: '查看' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toBe('已显示 1 份文档。')
  expect(await page.locator('tbody td').nth(1).textContent()).toBe('T1 二级节点主体数据')
  await page.getByRole('button', { name: 'English' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toBe('1 documents shown.')
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Received reports')
  await page.close()
})

test('without a key that may see it, the page says so and shows nothing', async () => {
  const page = await open('en-GB')
  await page.getByRole('button', { name: 'Show' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toMatch(/could not be read\. This needs an API key/)
  expect(await page.locator('table').count()).toBe(0)
  expect(complaints.splice(0).every((text) => text.includes('401'))).toBe(true)
  await page.close()
})

test('a node that receives no reports has no such page', async () => {
  const other = await testNode()
  expect((await fetch(`${other.url}/reports`)).status).toBe(404)
  expect((await fetch(`${other.url}/console/reports.js`)).status).toBe(404)
  await other.close()
})

async function open(locale: string): Promise<Page> {
  const page = await browser.newPage({ locale, timezoneId: 'Asia/Shanghai' })
  page.setDefaultTimeout(10_000)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${node.url}/reports`)
  expect(complaints).toEqual([])
  return page
}

async function report(prefix: string, name: string): Promise<void> {
  const at = '2026-11-25T00:00:00.000Z'
  const response = await fetch(`${node.url}/v1/upward/reports/T1`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      table: 'T1',
      formatVersion: 1,
      node: prefix,
      period: { key: 'current', from: at, to: at, timeZone: 'Asia/Shanghai' },
      revision: 1,
      part: 1,
      isLast: true,
      collectedAt: at,
      missing: [{ field: 'data.address', reason: 'not said' }],
      data: { name },
    }),
  })
  if (response.status !== 201) throw new Error(await response.text())
}
