/** A folder: `<table>/<period>.r<revision>.p<part>.json`, each there whole or not at all, however often it is written. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../platform/errors.js'
import type { Destination } from './destination.js'

export function folderDestination(folder: string): Destination {
  return {
    name: `folder ${folder}`,
    async send({ table, period, revision, part, text }) {
      const file = path.join(folder, table, `${period}.r${revision}.p${part}.json`)
      try {
        await writeWhole(file, text)
        return { kind: 'delivered', detail: file }
      } catch (error) {
        return { kind: 'failed', detail: messageOf(error) }
      }
    },
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  const draft = `${file}.${randomBytes(6).toString('hex')}.draft`
  try {
    const handle = await open(draft, 'wx')
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
