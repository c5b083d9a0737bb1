/** The page of a handle in a real browser: what a record holds is shown, and never done. */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HandleRestNode, handleRestNode } from './handle-rest-node.js'

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run']
const QUIET_FLAGS = ['--disable-background-networking', '--disable-component-update', '--disable-sync']
const SCRIPT = '<script>document.title="run"</script><img src=x onerror="document.title=\'run\'">'

let node: HandleRestNode
let browser: Browser
beforeAll(async () => {
  node = await handleRestNode()
  await node.put('88.118.8/page', [
    { index: 1, type: 'URL', data: `${node.url}/` },
    { index: 2, type: 'URL', data: 'javascript:document.title="run"' },
    { index: 3, type: '<b>TYPE</b>', data: SCRIPT },
    { index: 4, type: 'BIN', data: { format: 'base64', value: 'AAEC/w==' } },
    { index: 5, type: 'DESC', data: '离心泵\n'.concat('long'.repeat(200)) },
    { index: 100, type: 'HS_ADMIN', data: { format: 'hex', value: '07f300000003612f620000012c' } },
  ])
  await node.put('88.118.8/to-page', [{ index: 1, type: 'HS_ALIAS', data: '88.118.8/page' }])
  browser = await chromium.launch({
    executablePath: process.env.JIEXI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: [...FLAGS, ...QUIET_FLAGS],
  })
})
afterAll(async () => {
  await browser?.close()
  await node?.close()
})

async function open(
  path: string,
  viewport = { width: 1024, height: 768 },
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport })
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(node.url + path)
  return { page, complaints }
}

test('every value stands in its row, whatever it holds, and nothing of it runs', async () => {
  const { page, complaints } = await open('/88.118.8/page?noredirect')
  const rows = await page
    .locator('tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
  expect(rows.map(([index, type]) => [index, type])).toEqual([
    ['1', 'URL'],
    ['2', 'URL'],
    ['3', '<b>TYPE</b>'],
    ['4', 'BIN'],
    ['5', 'DESC'],
    ['100', 'HS_ADMIN'],
  ])
  expect(rows[2]![3]).toBe(SCRIPT)
  expect(rows[3]![3]).toBe('AAEC/w== (Base64)')
  expect(rows[4]![3]).toMatch(/^离心泵\nlong/)
  expect(rows[5]![3]).toContain('"permissions": "011111110011"')
  expect(rows[0]![2]).toMatch(/^\d{4}-\d\d-\d\dT/)
  expect(await page.title()).toBe('88.118.8/page')
  expect(complaints).toEqual([])
  await page.close()
})

test('its links lead to servers only', async () => {
  const { page } = await open('/88.118.8/page?noredirect')
  const links = await page.locator('a').evaluateAll((all) => all.map((one) => one.getAttribute('href')))
  expect(links).toEqual([`${node.url}/`, '/api/handles/88.118.8/page?pretty'])
  await page.getByText(`${node.url}/`).click()
  await page.getByRole('heading', { name: 'Handles 标识' }).waitFor()
  await page.close()
})

test('it leads to the same record as JSON', async () => {
  const { page } = await open('/88.118.8/page?noredirect')
  await page.getByRole('link', { name: 'As JSON' }).click()
  const shown = JSON.parse((await page.locator('body').textContent()) ?? '')
  expect(shown).toMatchObject({ responseCode: 1, handle: '88.118.8/page' })
  await page.close()
})

test('a browser follows an alias, and the address behind it', async () => {
  const { page } = await open('/88.118.8/to-page')
  expect(page.url()).toBe(`${node.url}/`)
  await page.close()
})

test('it fits a window 360 pixels wide', async () => {
  const { page } = await open('/88.118.8/page?noredirect', { width: 360, height: 640 })
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
  await page.close()
})

test('a script of another site reads the API, and is given no more than anybody', async () => {
  const { page } = await open('/')
  // Its own address is another origin than that of the REST door.
  await page.goto(`${node.rest.url}/v1/templates`)
  const read = (await page.evaluate(
    `fetch(${JSON.stringify(`${node.url}/api/handles/88.118.8/page`)}).then((answer) => answer.json())`,
  )) as { responseCode: number }
  expect(read.responseCode).toBe(1)
  const refused = page.evaluate(
    `fetch(${JSON.stringify(`${node.url}/api/handles/88.118.8/page`)}, { credentials: 'include' }).then(() => 'read', () => 'refused')`,
  )
  expect(await refused).toBe('refused')
  await page.close()
})
