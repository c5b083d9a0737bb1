/**
 * The identifiers of a storm, by number: hot ones that are written all the time, cool ones that hardly are, new ones
 * that are first asked for and then registered, and some that nobody ever registers. What a write puts into a record
 * tells its number, so that every answer says which write it comes from.
 */

import { contentDigest } from '../../src/record/codec.js'
import { type Draft, readDraft } from '../../src/record/draft.js'
import { PREFIX } from './lab.js'
import type { Random } from './random.js'

export interface Catalogue {
  /** Spelling by number. */
  readonly keys: readonly string[]
  readonly hot: Span
  readonly cool: Span
  readonly newborn: Span
  readonly never: Span
}

/** Numbers from `from` up to, not including, `to`. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Sizes {
  readonly hot: number
  readonly cool: number
  readonly newborn: number
  readonly never: number
}

export function catalogue(sizes: Sizes, prefix = PREFIX): Catalogue {
  const keys: string[] = []
  const add = (name: string, count: number): Span => {
    const from = keys.length
    for (let at = 0; at < count; at += 1) keys.push(`${prefix}/${name}-${at}`)
    return { from, to: keys.length }
  }
  const spans = { hot: add('hot', sizes.hot), cool: add('cool', sizes.cool) }
  return { ...spans, newborn: add('new', sizes.newborn), never: add('never', sizes.never), keys }
}

export function pickIn({ from, to }: Span, random: Random): number {
  return from + random.below(to - from)
}

export function recordInput(key: string, number: number) {
  return { template: 'part', attributes: { partNumber: key.slice(key.indexOf('/') + 1), name: `value ${number}` } }
}

/** As a receipt should state it, computed here from what was sent. */
export function expectedDigest(key: string, number: number): string {
  const read = readDraft(recordInput(key, number), 0)
  if (!read.ok) throw new Error(`The lab's own record is refused: ${JSON.stringify(read.faults)}`)
  const { template, values }: Draft = read.value
  return contentDigest(template, values).toString('hex')
}

export function withdrawalReason(number: number): string {
  return `value ${number}`
}

/** Number of the write that a body or a reason comes from; 0 when it names none. */
export function contentIn(text: string): number {
  const at = text.indexOf('value ')
  return at < 0 ? 0 : Number.parseInt(text.slice(at + 6, at + 16), 10) || 0
}
