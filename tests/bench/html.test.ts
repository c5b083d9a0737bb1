/** The report for people, made from a fixed report for machines and opened from the file system in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formatPage } from '../../bench/report/html/page.js'
import type { Report } from '../../bench/report/report.js'
import { fixedReport, pointOf } from './fixed-report.js'

const CURVE = 'GET memory hit: latency against load'
const HOSTILE = '</script><img src="https://example.com/x.png" onerror="throw 1"><script>throw 2</script>'

let browser: Browser
let folder: string
const complaints: string[] = []
const requested: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'jiexi-html-'))
  browser = await chromium.launch({
    executablePath: process.env.JIEXI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true })
})
afterEach(() => {
  expect(complaints.splice(0)).toEqual([])
  // The file itself, and nothing from anywhere.
  expect(requested.splice(0).filter((url) => !/^file:.*\.html$|^data:/.test(url))).toEqual([])
})

test('it holds the report for machines, unchanged', async () => {
  const report = fixedReport()
  const page = await open(report)
  const inside = await page.locator('#report').textContent()
  expect(JSON.parse(inside!)).toEqual(JSON.parse(JSON.stringify(report)))
})

test('the figures beside the plots are those of the report', async () => {
  const report = fixedReport()
  const page = await open(report)
  const curve = report.latency.map((at) => [at.offeredPerSecond, at.p50, at.p90, at.p99, at.p999, at.max])
  expect(await valuesIn(page, CURVE)).toEqual(curve)
  expect(await valuesIn(page, 'Look-ups with all caches off, by the number of records')).toEqual([
    [10_000, 1, 1],
    [9_000],
    [8_000, 1, 1.5],
  ])
  const memory = report.memoryCache[1]!
  expect(await valuesIn(page, 'Memory of a cached record')).toEqual(
    [memory.residentBytesPerEntry, memory.countedBytesPerEntry, memory.payloadBytesPerEntry, memory.answerOctets].map(
      (bytes) => [bytes],
    ),
  )
  const [first] = await valuesIn(page, 'Throughput against the baselines of the same run')
  expect(first).toEqual([45_000, 60_000, 0.75])
  expect(await valuesIn(page, 'CPU time of a request with several processes, to that with one')).toEqual([
    [24, 20, 1.2],
  ])
})

test('each point lies where the axes say', async () => {
  const report = fixedReport()
  const page = await open(report)
  const drawn = await figure(page, CURVE).evaluate((node) => {
    // A tick's line is drawn before its text.
    const ticks = (axis: string, place: string) =>
      [...node.querySelectorAll(`text.tick.${axis}`)].map((tick) => [
        tick.textContent,
        Number(tick.previousElementSibling!.getAttribute(place)),
      ])
    const points = [...node.querySelectorAll('[data-series="p99"] circle')].map((point) => [
      Number(point.getAttribute('cx')),
      Number(point.getAttribute('cy')),
    ])
    return { x: ticks('x', 'x1'), y: ticks('y', 'y1'), points }
  })
  const x = readerOf(drawn.x, (value) => value)
  const y = readerOf(drawn.y, Math.log)
  const points = report.latency.filter(({ side }) => side === 'node')
  expect(drawn.points.length).toBe(points.length)
  for (const [index, point] of points.entries()) {
    expect(x(drawn.points[index]![0]!) / point.offeredPerSecond).toBeCloseTo(1, 2)
    expect(Math.exp(y(drawn.points[index]![1]!)) / point.p99).toBeCloseTo(1, 2)
  }
  await expect
    .poll(() => figure(page, CURVE).locator('text.axis').allTextContents())
    .toEqual(['offered load, requests a second', 'latency'])
})

test('bars are as long as their ratios, and say in words whether the goal is met', async () => {
  const page = await open(fixedReport())
  const bars = figure(page, 'Throughput against the baselines of the same run')
  const widths = await bars.locator('.bar').evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width))
  const ratios = await bars
    .locator('.bar')
    .evaluateAll((all) => all.map((bar) => Number(bar.getAttribute('data-value'))))
  expect(ratios.slice(0, 2)).toEqual([0.75, 0.9])
  expect(widths[0]! / widths[1]!).toBeCloseTo(0.75 / 0.9, 2)
  expect((await bars.locator('.label').allTextContents())[0]).toBe('0.75 ×, 45,000 answers/s, goal not met')
})

test('it fits a phone, and follows the system into the dark', async () => {
  const page = await open(fixedReport(), { viewport: { width: 375, height: 800 }, colorScheme: 'dark' })
  const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
  expect(overflow).toBeLessThanOrEqual(0)
  const [, ...ground] = /rgb\((\d+), (\d+), (\d+)\)/.exec(
    await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'),
  )!
  for (const part of ground) expect(Number(part)).toBeLessThan(64)
})

test('what a report holds is text, whatever it looks like', async () => {
  const report = fixedReport({ left: [{ name: 'redis', reason: HOSTILE, failed: true }] })
  const page = await open(report)
  expect(await page.locator('img').count()).toBe(0)
  expect(await page.getByText('redis FAILED').textContent()).toBe(`redis FAILED: ${HOSTILE}`)
})

test('local look-ups while other nodes are in trouble have a figure of their own, of all sides', async () => {
  const sides = ['calm', 'black hole']
  const latency = sides.map((side, place) => ({ ...pointOf(side, 0.3, 2_000 + place), name: 'federation' as const }))
  const page = await open({ ...fixedReport(), latency })
  const figure = page.locator('figure', { hasText: 'Other nodes in trouble' })
  for (const side of sides) expect(await figure.textContent()).toContain(side)
})

test('a report with next to nothing in it is a page too', async () => {
  const page = await open(fixedReport({ rows: [], latency: [], visibility: [], memoryCache: [], goals: [], left: [] }))
  expect(await page.locator('h1').textContent()).toBe('Jiexi bench, abc')
  expect(await page.locator('figure').count()).toBe(0)
})

async function open(report: Report, options: BrowserContextOptions = {}): Promise<Page> {
  const file = path.join(folder, 'report.html')
  writeFileSync(file, formatPage(report))
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.on('request', (request) => requested.push(request.url()))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(pathToFileURL(file).href)
  return page
}

function figure(page: Page, title: string) {
  return page.locator('figure', { has: page.getByRole('heading', { name: title, exact: true }) })
}

/** The unrounded figures of its table, row by row. */
function valuesIn(page: Page, title: string): Promise<number[][]> {
  return figure(page, title)
    .locator('tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...row.querySelectorAll('[data-value]')].map((cell) => Number(cell.getAttribute('data-value'))),
      ),
    )
}

/** From a place on an axis to what the ticks say is there; `bend` straightens a logarithmic one. */
function readerOf(ticks: readonly (readonly (string | number | null)[])[], bend: (value: number) => number) {
  const known = ticks.map(([label, place]) => ({ value: bend(tickValue(String(label))), place: Number(place) }))
  const [first, last] = [known[0]!, known.at(-1)!]
  return (place: number) =>
    first.value + ((place - first.place) * (last.value - first.value)) / (last.place - first.place)
}

function tickValue(label: string): number {
  const [number = '', unit = ''] = label.split(' ')
  return Number(number) * ({ k: 1e3, M: 1e6, µs: 1, ms: 1e3, s: 1e6 }[unit] ?? 1)
}
