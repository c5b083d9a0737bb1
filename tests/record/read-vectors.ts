import { readFileSync } from 'node:fs'

const FOLDER = new URL('../vectors/record/', import.meta.url)

/** The cases of a vector file: a JSON object whose member `cases` is the list. */
export function readVectors<Case>(file: string): readonly Case[] {
  const { cases } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as { readonly cases: readonly Case[] }
  if (cases.length === 0) throw new Error(`${file} has no cases`)
  return cases
}
