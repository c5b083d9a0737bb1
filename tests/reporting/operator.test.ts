import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readOperator, watchedOperator } from '../../src/reporting/operator.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'jiexi-operator-'))
})
afterAll(() => rm(folder, { recursive: true }))

const GOOD = { subject: { name: '省二级节点', industry: { section: 'I', division: '65' } } }

test('all that is wrong with the file is told at once, each fault with its place', async () => {
  const file = await write('bad.json', {
    subject: { nmae: 'x', industry: { section: 'Z' } },
    applications: [{ name: 'a', type: '9', description: 'd', developer: 'e' }],
    resolution: [{ codeType: 'Handle', prefixes: [], tcpPort: 70_000 }],
  })
  const error = await readOperator(file).catch((caught: Error) => caught)
  const { message } = error as Error
  for (const field of ['nmae', 'section', 'applications[0].type', 'resolution[0].prefixes', 'resolution[0].tcpPort'])
    expect(message).toContain(field)
  expect(message).toContain(file)
})

test.each([
  ['no JSON', '{"subject": '],
  ['no object', '[]'],
])('a file that is %s is refused with its name', async (_what, text) => {
  const file = path.join(folder, 'broken.json')
  await writeFile(file, text)
  await expect(readOperator(file)).rejects.toThrow(/JIEXI_OPERATOR_FILE: .*broken\.json cannot be/)
})

test('a start with a file that is not there fails', async () => {
  const file = path.join(folder, 'nowhere.json')
  await expect(watchedOperator(file, { warn: () => undefined })).rejects.toThrow(/ENOENT/)
})

test('a file that changes is read anew; one that cannot be used leaves the former in force, and is told of once', async () => {
  const warnings: string[] = []
  const file = await write('operator.json', GOOD)
  const find = await watchedOperator(file, { warn: (message) => warnings.push(message) })
  expect(await find()).toEqual(GOOD)
  await write('operator.json', { subject: { name: 7 } })
  expect(await find()).toEqual(GOOD)
  expect(await find()).toEqual(GOOD)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('subject.name')
  const better = { subject: { name: '省级综合型二级节点' } }
  await write('operator.json', better)
  expect(await find()).toEqual(better)
})

async function write(name: string, content: unknown): Promise<string> {
  const file = path.join(folder, name)
  await writeFile(file, JSON.stringify(content))
  return file
}
