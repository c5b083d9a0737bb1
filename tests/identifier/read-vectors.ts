/** Vector files: one case a line, fields separated by TAB, lines that begin with "#" are comment. */
import { readFileSync } from 'node:fs'

const FOLDER = new URL('../vectors/identifier/', import.meta.url)

export function readVectors(file: string): readonly (readonly string[])[] {
  return readFileSync(new URL(file, FOLDER), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t'))
}

export interface InvalidVector {
  readonly text: string
  readonly reason: string
  readonly position: number
}

export function readInvalid(file: string): readonly InvalidVector[] {
  return readVectors(file).map(([text, reason, position]) => ({
    text: JSON.parse(text!) as string,
    reason: reason!,
    position: Number(position),
  }))
}
