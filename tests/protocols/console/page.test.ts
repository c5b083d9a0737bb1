/** The page as people meet it: in a real browser, on a real node. */
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TestNode, testNode } from '../../support/node.js'
import { GONE, HOSTILE, LONG, MACHINE, PART, PREFIX, register, SCRIPT } from './registrations.js'

const CHROMIUM_FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
const QUIET_FLAGS = ['--disable-background-networking', '--disable-component-update', '--disable-sync']

let node: TestNode
let browser: Browser
let context: BrowserContext | undefined
const complaints: string[] = []

beforeAll(async () => {
  node = await testNode({ environment: { JIEXI_DEMO: 'true' } })
  await register(node)
  browser = await chromium.launch({
    executablePath: process.env.JIEXI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: [...CHROMIUM_FLAGS, ...QUIET_FLAGS],
  })
})
afterAll(async () => {
  await browser?.close()
  await node?.close()
})
afterEach(async () => {
  await context?.close()
  context = undefined
  expect(complaints.splice(0)).toEqual([])
})

test('an identifier that is typed in gives its record, its history and the way it took', async () => {
  const page = await open('/')
  await page.getByLabel('Identifier').fill(`  ${PART.toUpperCase()} `)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Clamping unit 夹紧装置' }).waitFor()

  expect(await termsOf(page)).toMatchObject({
    'Part number': 'CU-80',
    'Mass (kg)': '232',
    Version: '2',
    Template: 'Part',
    Prefix: PREFIX,
    URL: 'https://service.example.com/CU-80',
    'Canonical key': PART.toLowerCase(),
  })
  await expect.poll(() => page.locator('.badge').first().textContent()).toBe('Registered')
  await expect
    .poll(() => page.getByRole('status').textContent())
    .toMatch(/^Found: Clamping unit 夹紧装置, version 2, from \w/)
  const steps = await page.locator('.way li').allTextContents()
  expect(steps[0]).toMatch(/^Memory/)
  expect(steps.every((step) => /\d ms$/.test(step))).toBe(true)
  await page.getByRole('heading', { name: 'History' }).waitFor()
  await expect.poll(() => page.locator('#history tbody tr').count()).toBe(2)
  await expect.poll(() => page.title()).toBe('Clamping unit 夹紧装置 · Jiexi')
})

test('the second look-up comes from memory', async () => {
  const page = await open(`/?id=${PART}`)
  await heading(page, 'Clamping unit')
  // The second, or one soon after: memory counts for as long as the feed was read within its bound.
  const askAgain = async () => {
    await page.getByRole('button', { name: 'Resolve' }).click()
    return page.getByRole('status').textContent()
  }
  await expect.poll(askAgain).toMatch(/from memory\.$/)
  await expect.poll(() => page.locator('.way li').allTextContents()).toEqual([expect.stringMatching(/^Memoryhit/)])
})

test('every value can be seen as it is stored', async () => {
  const page = await open(`/?id=${PART}`)
  await page.getByText('All values, as a Handle client sees them').click()
  const table = page.getByRole('region', { name: 'All values' }).locator('tbody tr')
  await table.first().waitFor()
  const rows = await table.evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)))
  expect(rows).toContainEqual(['1', 'URL', 'https://service.example.com/CU-80', '86400', '1110', expect.any(String)])
  expect(rows).toContainEqual(['2', 'BIN', '3 octets in Base64: AAEC', '86400', '1110', expect.any(String)])
  expect(rows).toContainEqual([
    expect.stringMatching(/^2\d{3}$/),
    'partNumber',
    'CU-80',
    '86400',
    '1110',
    expect.any(String),
  ])
})

test('a part leads to its machine, and the back button to the part again', async () => {
  const page = await open(`/?id=${PART}`)
  await page.getByRole('link', { name: MACHINE }).click()
  await heading(page, 'Hydraulic press')
  await expect.poll(() => new URL(page.url()).search).toBe(`?id=${MACHINE}`)
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('record-title')
  await page.goBack()
  await heading(page, 'Clamping unit')
  await expect.poll(() => page.getByLabel('Identifier').inputValue()).toBe(PART)
})

test('an older version can be opened, shared, and left for the newest', async () => {
  const page = await open(`/?id=${PART}`)
  await page.locator('#history').getByRole('link', { name: '1', exact: true }).click()
  await page.getByText('This is version 1; there may be a newer one.').waitFor()
  await expect.poll(async () => (await termsOf(page))['Mass (kg)']).toBe('230')
  expect(page.url()).toMatch(/&version=1$/)
  await page.reload()
  await page.getByText('This is version 1; there may be a newer one.').waitFor()
  await page.getByRole('link', { name: 'Show the newest' }).click()
  await expect.poll(async () => (await termsOf(page))['Mass (kg)']).toBe('232')
})

test('addresses on the web are links, and nothing else is', async () => {
  const page = await open(`/?id=${PART}`)
  const link = page.getByRole('link', { name: 'https://drawings.example.com/CU-80.pdf' })
  expect(await link.getAttribute('rel')).toBe('noopener noreferrer')
  await page.goto(`${node.url}/?id=${HOSTILE}`)
  await page.getByText('javascript:window.broken=1').waitFor()
  await expect.poll(() => page.locator('a[href^="javascript:"]').count()).toBe(0)
})

test('script in a record is shown as text', async () => {
  const page = await open(`/?id=${HOSTILE}`)
  await page.getByRole('heading', { name: SCRIPT }).waitFor()
  await expect.poll(() => page.locator('#result img, #result script').count()).toBe(0)
  await expect.poll(() => page.evaluate('window.broken')).toBeUndefined()
})

test('a malformed identifier is told with its place marked', async () => {
  const page = await open('/')
  await page.getByLabel('Identifier').fill('88.118. 8/JXDY2106023')
  await page.getByRole('button', { name: 'Resolve' }).click()
  await heading(page, 'This is not an identifier')
  await expect.poll(() => page.locator('mark').textContent()).toBe('U+0020')
  await expect
    .poll(() => page.locator('.problem .code').textContent())
    .toMatch(/^88\.118\.U\+00208\/JXDY2106023Position 7/)
  await expect.poll(() => page.getByRole('status').textContent()).toBe('This is not an identifier.')
  await resolve(page, '88.118.8')
  await expect.poll(() => page.locator('.problem p').last().textContent()).not.toBe('')
  forgive(400, 400)
})

test('what is not registered, and what is not ours, is said plainly', async () => {
  const page = await open('/')
  await resolve(page, `${PREFIX}/nothing`)
  await heading(page, 'This identifier is not registered')
  await resolve(page, '11.222.3/x')
  await heading(page, 'The prefix is not served by this node')
  await expect.poll(() => page.locator('.way').count()).toBe(1)
  await expect.poll(() => page.getByText('not at this node').count()).toBe(1)
})

test('a withdrawn identifier says so, when and why, and keeps its history', async () => {
  const page = await open(`/?id=${GONE}`)
  await heading(page, 'This identifier was withdrawn')
  await page.getByText('recalled 召回').first().waitFor()
  await page.locator('#history tbody tr').first().waitFor()
  await page.locator('#history').getByRole('link', { name: '1', exact: true }).click()
  await heading(page, 'Gone part')
})

test('the samples of the demonstration lead to what they promise', async () => {
  const page = await open('/')
  const samples = page.locator('#samples a')
  await samples.first().waitFor()
  const titles: string[] = []
  for (let at = 0; at < (await samples.count()); at++) {
    const before = page.url()
    await samples.nth(at).click()
    expect(page.url()).not.toBe(before)
    await expect.poll(() => page.locator('#result').getAttribute('aria-busy')).toBeNull()
    titles.push((await page.locator('#result h1').textContent()) ?? '')
  }
  expect(titles).toEqual([
    'Nutella',
    'Four-column hydraulic press HP315 四柱液压机',
    'Clamping unit 夹紧装置',
    'This identifier was withdrawn',
    'This is not an identifier',
  ])
  forgive(400)
})

test('an empty question is not asked', async () => {
  const page = await open('/')
  await page.getByRole('button', { name: 'Resolve' }).click()
  await expect.poll(() => page.getByRole('status').textContent()).toBe('Type or paste an identifier first.')
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('identifier')
})

test('the browser says which language; a choice made here is remembered', async () => {
  const page = await open(`/?id=${PART}`, { locale: 'zh-CN' })
  await page.getByRole('heading', { name: '解析路径' }).waitFor()
  expect(await termsOf(page)).toMatchObject({ 零件号: 'CU-80', 数据模板: '零部件' })
  await expect.poll(() => page.evaluate('document.documentElement.lang')).toBe('zh-CN')

  await page.getByRole('button', { name: 'English' }).click()
  expect(await termsOf(page)).toMatchObject({ 'Part number': 'CU-80' })
  await page.reload()
  await page.getByRole('heading', { name: 'The way it took' }).waitFor()
  await page.getByRole('button', { name: '中文' }).click()
  await page.getByRole('heading', { name: '解析路径' }).waitFor()
})

test('a Chinese reader learns in Chinese what is wrong with an identifier', async () => {
  const page = await open('/', { locale: 'zh-CN' })
  await resolve(page, '88.118.8JXDY', '解析')
  await heading(page, '这不是有效的标识')
  await expect.poll(() => page.locator('.problem').textContent()).toContain('缺少前缀与后缀之间的“/”')
  forgive(400)
})

test('everything can be done without a mouse', async () => {
  const page = await open('/')
  const names: string[] = []
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press('Tab')
    names.push(await page.evaluate('document.activeElement.textContent.trim() || document.activeElement.name'))
  }
  expect(names).toEqual(['Jiexi 解析', 'API', '中文', 'id', 'Resolve'])
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.type(PART)
  await page.keyboard.press('Enter')
  await heading(page, 'Clamping unit')
})

test.each(['light', 'dark'] as const)('it fits a window 360 pixels wide (%s)', async (colorScheme) => {
  const page = await open(`/?id=${LONG}`, { colorScheme, viewport: { width: 360, height: 640 } })
  await heading(page, 'A name that is long')
  await page.getByText('All values, as a Handle client sees them').click()
  await page.locator('details td').first().waitFor()
  await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(360)
})

test('what came later wins over what was asked earlier', async () => {
  const page = await open('/')
  const held = withResolver()
  await page.route(`**/v1/identifiers/${encodeURIComponent(MACHINE)}*`, async (route) => {
    await held.promise
    // The page gave up on it meanwhile.
    await route.continue().catch(() => undefined)
  })
  await resolve(page, MACHINE)
  const givenUp = page.waitForEvent('requestfailed')
  await resolve(page, PART)
  await givenUp
  await heading(page, 'Clamping unit')
  held.resolve()
  await page.unrouteAll({ behavior: 'wait' })
  await expect.poll(() => page.locator('#result h1').textContent()).toContain('Clamping unit')
})

test('a node that has gone away is told from an identifier that has', async () => {
  const page = await open('/')
  await context!.setOffline(true)
  await resolve(page, PART)
  await heading(page, 'The node does not answer')
  await context!.setOffline(false)
  await page.getByRole('button', { name: 'Try again' }).click()
  await heading(page, 'Clamping unit')
  complaints.splice(0)
})

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  const made: { resolve?: () => void } = {}
  const promise = new Promise<void>((resolve) => {
    made.resolve = resolve
  })
  return { promise, resolve: () => made.resolve?.() }
}

async function open(address: string, options: BrowserContextOptions = {}): Promise<Page> {
  context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Asia/Shanghai', ...options })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`${node.url}${address}`)
  return page
}

async function resolve(page: Page, identifier: string, button = 'Resolve'): Promise<void> {
  await page.locator('#identifier').fill(identifier)
  await page.getByRole('button', { name: button }).click()
}

async function heading(page: Page, start: string): Promise<void> {
  await page.locator('#result h1').filter({ hasText: start }).waitFor()
}

/** Chromium itself complains of each of these statuses; that is no fault of the page. */
function forgive(...statuses: readonly number[]): void {
  for (const status of statuses) {
    const at = complaints.findIndex((text) => text.includes(`status of ${status}`))
    if (at >= 0) complaints.splice(at, 1)
  }
}

async function termsOf(page: Page): Promise<Record<string, string>> {
  await page.locator('.attributes').waitFor()
  const pairs = await page
    .locator('dl > div')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
  return Object.fromEntries(pairs)
}
