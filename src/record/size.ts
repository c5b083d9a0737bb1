/**
 * What an answer costs in memory, for caches that are bounded in bytes. An estimate from V8's layout on 64 bits with
 * uncompressed pointers (Node): an object is its header of 3 words and a word a property, a text is a header of
 * 2 words and one or two octets a character, a number that is no small integer is boxed.
 */
import type { Answer } from './answer.js'
import type { IdentifierRecord, Value } from './record.js'

const WORD = 8
const TEXT_HEADER = 2 * WORD
const BOXED_NUMBER = 2 * WORD
/** `Uint8Array` with its ArrayBuffer and their handles, the octets themselves not counted. */
const OCTETS_HEADER = 200
/** kind, key, prefix, version, tier, stamp, and one property more by kind. */
const ANSWER_OBJECT = (3 + 7) * WORD + 2 * BOXED_NUMBER
const STALENESS_OBJECT = (3 + 3) * WORD + BOXED_NUMBER
const RECORD_OBJECT = (3 + 8) * WORD + 2 * BOXED_NUMBER
const VALUE_OBJECT = (3 + 6) * WORD + BOXED_NUMBER
const REFERENCE_OBJECT = (3 + 2) * WORD
const ARRAY_HEADER = (4 + 2) * WORD
/** Room that V8 makes for the first element pushed. */
const ARRAY_SLOTS = 17

export function sizeOfAnswer(answer: Answer): number {
  const common = ANSWER_OBJECT + sizeOfText(answer.key) + sizeOfText(answer.prefix)
  return common + (answer.stale === undefined ? 0 : STALENESS_OBJECT) + sizeOfOutcome(answer)
}

function sizeOfOutcome(answer: Answer): number {
  switch (answer.kind) {
    case 'found':
      return sizeOfRecord(answer.record)
    case 'withdrawn':
      return 2 * WORD + BOXED_NUMBER + sizeOfText(answer.spelling) + sizeOfText(answer.reason)
    case 'referral':
      return sizeOfArray(answer.locations, sizeOfText)
    case 'absent':
      return 0
  }
}

function sizeOfRecord({ key, spelling, prefix, template, values }: IdentifierRecord): number {
  const texts = sizeOfText(key) + sizeOfText(spelling) + sizeOfText(prefix) + sizeOfText(template)
  return RECORD_OBJECT + texts + sizeOfArray(values, sizeOfValue)
}

function sizeOfValue({ type, data, references }: Value): number {
  const dataBytes = typeof data === 'string' ? sizeOfText(data) : OCTETS_HEADER + data.length
  const referenceBytes = references === undefined ? 0 : sizeOfArray(references, sizeOfReference)
  return VALUE_OBJECT + sizeOfText(type) + dataBytes + referenceBytes
}

function sizeOfReference({ handle }: { readonly handle: string }): number {
  return REFERENCE_OBJECT + sizeOfText(handle)
}

/** V8 keeps a text with any character beyond Latin-1 in two octets a code unit. */
function sizeOfText(text: string): number {
  return TEXT_HEADER + text.length * (BEYOND_LATIN1.test(text) ? 2 : 1)
}

const BEYOND_LATIN1 = /[^\0-\u00ff]/

function sizeOfArray<Item>(items: readonly Item[], sizeOfItem: (item: Item) => number): number {
  let bytes = ARRAY_HEADER + Math.max(items.length, ARRAY_SLOTS) * WORD
  for (const item of items) bytes += sizeOfItem(item)
  return bytes
}
