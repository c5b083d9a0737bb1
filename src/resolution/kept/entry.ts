/**
 * One kept answer as bytes, in a segment:
 *
 *   entry  = hash size kind answer-size version stamp answer *face
 *   hash   = 4 octets            ; of the key, seeded per process
 *   size   = 4 octets            ; of the whole entry
 *   kind   = 4 octets            ; ordinal of KINDS
 *   answer-size = 4 octets
 *   version = stamp = 8 octets   ; IEEE 754
 *   answer = *OCTET              ; record/codec.ts; begins with the key's field
 *   face   = id length *OCTET    ; 4 octets each
 *
 * Numbers are little-endian.
 */
import { type Answer, answerWith, type Found } from '../../record/answer.js'
import { decodeAnswer } from '../../record/codec.js'
import type { Face, Faces } from '../../record/face.js'
import type { IdentifierRecord } from '../../record/record.js'
import { type FaceSearch, FOLDED } from './face-search.js'
import type { Segment } from './segments.js'

export const ENTRY_HEAD_BYTES = 32
export const FACE_HEAD_BYTES = 8

const KINDS = ['found', 'withdrawn', 'absent', 'referral'] as const satisfies readonly Answer['kind'][]
const HASH = 0
const SIZE = 4
const KIND = 8
const ANSWER_SIZE = 12
const VERSION = 16
const STAMP = 24

/** What an entry is made of. */
export interface EntryParts {
  readonly hash: number
  readonly answer: Answer
  readonly encoded: Uint8Array
  readonly face?: { readonly id: number; readonly octets: string } | undefined
}

export function entryBytes({ encoded, face }: Pick<EntryParts, 'encoded' | 'face'>): number {
  return ENTRY_HEAD_BYTES + encoded.length + (face === undefined ? 0 : FACE_HEAD_BYTES + face.octets.length)
}

/** Appends; the segment must have room for it. */
export function writeEntry(segment: Segment, parts: EntryParts): void {
  const { bytes, used: at } = segment
  const { hash, answer, encoded, face } = parts
  const size = entryBytes(parts)
  bytes.writeUInt32LE(hash, at + HASH)
  bytes.writeUInt32LE(size, at + SIZE)
  bytes.writeUInt32LE(KINDS.indexOf(answer.kind), at + KIND)
  bytes.writeUInt32LE(encoded.length, at + ANSWER_SIZE)
  bytes.writeDoubleLE(answer.version, at + VERSION)
  bytes.writeDoubleLE(answer.stamp, at + STAMP)
  bytes.set(encoded, at + ENTRY_HEAD_BYTES)
  segment.used += size
  if (face !== undefined) writeFace(segment, segment.used - FACE_HEAD_BYTES - face.octets.length, face)
}

/** Appends an entry that stands elsewhere, with one face more if given; the segment must have room for both. */
export function copyEntry(segment: Segment, source: Segment, from: number, face?: EntryParts['face']): void {
  const size = entrySize(source, from)
  const at = segment.used
  source.bytes.copy(segment.bytes, at, from, from + size)
  segment.used += size
  if (face === undefined) return
  const faceBytes = FACE_HEAD_BYTES + face.octets.length
  segment.bytes.writeUInt32LE(size + faceBytes, at + SIZE)
  writeFace(segment, segment.used, face)
  segment.used += faceBytes
}

function writeFace({ bytes }: Segment, at: number, { id, octets }: NonNullable<EntryParts['face']>): void {
  bytes.writeUInt32LE(id, at)
  bytes.writeUInt32LE(octets.length, at + 4)
  bytes.write(octets, at + FACE_HEAD_BYTES, 'latin1')
}

export const entryHash = ({ bytes }: Segment, at: number): number => bytes.readUInt32LE(at + HASH)
export const entrySize = ({ bytes }: Segment, at: number): number => bytes.readUInt32LE(at + SIZE)
export const entryVersion = ({ bytes }: Segment, at: number): number => bytes.readDoubleLE(at + VERSION)
export const entryStamp = ({ bytes }: Segment, at: number): number => bytes.readDoubleLE(at + STAMP)

/** Whether the entry is of this key. In UTF-8 only ASCII has as many octets as characters. */
export function entryIsOf({ bytes }: Segment, at: number, key: string): boolean {
  let start = at + ENTRY_HEAD_BYTES + 1
  let length = bytes[start++]!
  if (length > 0x7f) length = (length & 0x7f) | (bytes[start++]! << 7)
  if (length < key.length) return false
  if (length > key.length) return bytes.toString('utf8', start, start + length) === key
  for (let index = 0; index < length; index++) if (bytes[start + index] !== key.charCodeAt(index)) return false
  return true
}

/** The same for a key as octets, with letters in whatever case; both must be ASCII. */
export function entryIsAsked({ bytes }: Segment, at: number, { key, keyStart, keyEnd }: FaceSearch): boolean {
  let start = at + ENTRY_HEAD_BYTES + 1
  let length = bytes[start++]!
  if (length > 0x7f) length = (length & 0x7f) | (bytes[start++]! << 7)
  if (length !== keyEnd - keyStart) return false
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== FOLDED[key[keyStart + index]!]) return false
  }
  return true
}

/** False when there is no such face. */
export function placeFace(segment: Segment, at: number, search: FaceSearch): boolean {
  const face = facePlace(segment, at, search.id)
  if (face < 0) return false
  search.face = segment.bytes
  search.faceStart = face + FACE_HEAD_BYTES
  search.faceEnd = search.faceStart + uint32At(segment.bytes, face + 4)
  return true
}

/** Octets of a kept face. */
export function faceIn(segment: Segment, at: number, id: number): string | undefined {
  const face = facePlace(segment, at, id)
  if (face < 0) return undefined
  const start = face + FACE_HEAD_BYTES
  return segment.bytes.toString('latin1', start, start + segment.bytes.readUInt32LE(face + 4))
}

/** The same where they stand: what is written into a segment stays. */
export function faceView(segment: Segment, at: number, id: number): Buffer | undefined {
  const face = facePlace(segment, at, id)
  if (face < 0) return undefined
  const start = face + FACE_HEAD_BYTES
  return segment.bytes.subarray(start, start + segment.bytes.readUInt32LE(face + 4))
}

/** Where the face's head stands; -1 when there is none. */
function facePlace({ bytes }: Segment, at: number, id: number): number {
  const end = at + uint32At(bytes, at + SIZE)
  for (let face = at + ENTRY_HEAD_BYTES + uint32At(bytes, at + ANSWER_SIZE); face < end; ) {
    if (uint32At(bytes, face) === id) return face
    face += FACE_HEAD_BYTES + uint32At(bytes, face + 4)
  }
  return -1
}

/** As `readUInt32LE`, which checks what is certain here. */
function uint32At(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

export function answerIn(segment: Segment, at: number, { key, keepFace }: KeptBy): Answer {
  if (segment.bytes.readUInt32LE(at + KIND) === 0) return new KeptFound(segment, at, { key, keepFace })
  return answerWith(decoded(segment, at), { tier: 'memory' })
}

export interface KeptBy {
  readonly key: string
  keepFace(face: Face, octets: string): void
}

function decoded({ bytes }: Segment, at: number): Answer {
  const start = at + ENTRY_HEAD_BYTES
  return decodeAnswer(bytes.subarray(start, start + bytes.readUInt32LE(at + ANSWER_SIZE)))
}

/** A hit that is answered from a face never needs the record: it is decoded when first asked for. */
class KeptFound implements Found, Faces {
  readonly kind = 'found'
  readonly tier = 'memory'
  readonly key: string
  readonly version: number
  readonly stamp: number
  readonly #segment: Segment
  readonly #at: number
  readonly #by: KeptBy
  #decoded: Found | undefined

  constructor(segment: Segment, at: number, by: KeptBy) {
    this.key = by.key
    this.version = entryVersion(segment, at)
    this.stamp = entryStamp(segment, at)
    this.#segment = segment
    this.#at = at
    this.#by = by
  }

  get record(): IdentifierRecord {
    return this.#found().record
  }

  get prefix(): string {
    return this.#found().prefix
  }

  get faces(): Faces {
    return this
  }

  find({ id }: Face): string | undefined {
    return faceIn(this.#segment, this.#at, id)
  }

  view({ id }: Face): Buffer | undefined {
    return faceView(this.#segment, this.#at, id)
  }

  keep(face: Face, octets: string): void {
    this.#by.keepFace(face, octets)
  }

  #found(): Found {
    this.#decoded ??= decoded(this.#segment, this.#at) as Found
    return this.#decoded
  }
}
