/**
 * Which import a file belongs to, remembered beside the file, so that the same command goes on after any break.
 * It is written before the import is opened: whatever happens then, the id is known.
 */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'

export interface ImportState {
  readonly id: string
  readonly node: string
  /** As sent when the import was opened. */
  readonly options: Readonly<Record<string, unknown>>
  /** The file as it was: another size or time means other content. */
  readonly bytes: number
  readonly modifiedMs: number
}

export type Wanted = Omit<ImportState, 'id'>

export interface StateFile {
  readonly path: string
  /** What is remembered, when it is this file with these options at this node. */
  readonly resumed: ImportState | undefined
  /** Something is remembered that does not fit any more. */
  readonly outdated: boolean
}

export function newState(wanted: Wanted): ImportState {
  return { id: randomBytes(12).toString('hex'), ...wanted }
}

/** `folder`: for files in folders that cannot be written to. */
export function stateFileOf(file: string, folder: string | undefined): string {
  const name = `${path.basename(file)}.jiexi-import.json`
  return folder === undefined ? path.join(path.dirname(file), name) : path.join(folder, name)
}

export async function findState(file: string, wanted: Wanted): Promise<StateFile> {
  const found = await readState(file)
  if (found === undefined) return { path: file, resumed: undefined, outdated: false }
  const { id, ...remembered } = found
  const same = typeof id === 'string' && isDeepStrictEqual(remembered, plain(wanted))
  return { path: file, resumed: same ? found : undefined, outdated: !same }
}

export async function saveState(file: string, state: ImportState): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(state, null, 2)}\n`)
}

export async function forgetState(file: string): Promise<void> {
  await rm(file, { force: true })
}

async function readState(file: string): Promise<ImportState | undefined> {
  try {
    const state = JSON.parse(await readFile(file, 'utf8')) as unknown
    return typeof state === 'object' && state !== null ? (state as ImportState) : undefined
  } catch {
    return undefined
  }
}

/** As it comes back from the file. */
function plain(wanted: Wanted): unknown {
  return JSON.parse(JSON.stringify(wanted))
}
