/**
 * Answers at hand: plain look-ups of records in memory, written straight into the octets that will be sent. No message is
 * decoded, no record, and nothing waits. Whatever is not plain, or not in memory, is `answering`'s.
 */
import { foldAscii } from '../../identifier/characters.js'
import { uint32At } from '../../platform/byte-reader.js'
import type { Clock } from '../../platform/clock.js'
import type { Answer } from '../../record/answer.js'
import { faceOctets } from '../../record/face.js'
import { FaceSearch } from '../../resolution/kept/face-search.js'
import { momentOf } from '../../resolution/moment.js'
import type { Query } from '../../resolution/resolve.js'
import { HANDLE_VALUES, hasRestricted, publicValues, selectedOctets, valueCount } from './codec-face.js'
import { PlainAnswers, PlainQuery } from './codec-resolution.js'
import { FLAG, hasFlag, RC } from './codes.js'
import { handleIdentifier } from './handle-text.js'
import type { ServerFacts } from './server-facts.js'

/** In place of where an answer ends: it is not at hand. */
export const ELSEWHERE = -1
/** In place of where an answer ends: there is no room for it from `at` on. */
export const NO_ROOM = -2

/** Where answers are put. */
export interface Output {
  out: Buffer
  at: number
}

/** What these say is either not this way's to do, or must not be echoed. */
const NOT_HERE = FLAG.authoritative | FLAG.continuous | FLAG.trustedResult
const SESSION_AT = 4

export interface AtHandOptions {
  readonly remembered: (query: Query) => Answer | undefined
  /** The same for octets: the shortest way of all. */
  readonly faces: (search: FaceSearch) => boolean
  readonly facts: ServerFacts
  readonly clock: Clock
  /** Whether there is anybody to whom restricted values are shown. */
  readonly knowsReaders: boolean
}

export class AnswersAtHand {
  /** Of the answer that was written last. */
  responseCode = 0
  private readonly options: AtHandOptions
  private readonly query = new PlainQuery()
  private readonly search = new FaceSearch(HANDLE_VALUES)
  private readonly answers: PlainAnswers

  constructor(options: AtHandOptions) {
    this.options = options
    this.answers = new PlainAnswers(options.facts)
  }

  /** What is written from now on has been sent by this address, and is all here already. */
  begin(source: string): void {
    this.search.source = source
    this.search.moment = momentOf(this.options.clock)
  }

  /** The handle that was asked for last. */
  get handle(): string {
    const { bytes, handleStart, handleEnd } = this.query
    return bytes.toString('utf8', handleStart, handleEnd)
  }

  /** Answers the message from `start` up to `end`, and gives where the answer ends in the output. */
  write(bytes: Buffer, { start, end }: { readonly start: number; readonly end: number }, output: Output): number {
    const { query } = this
    if (!query.readAround(bytes, start, end)) return ELSEWHERE
    if (hasFlag(query.opFlags, NOT_HERE) || uint32At(bytes, start + SESSION_AT) !== 0) return ELSEWHERE
    this.answers.expirationSeconds = this.options.facts.expirationSeconds
    return this.findFace() ? this.writeFace(this.search.face, output) : this.writeRemembered(output)
  }

  /**
   * By the octets of the handle alone, letters folded: a text is another one's spelling only in this, where there is a
   * record of that key (a key read as a handle is itself). What else a handle may be written as is `handleIdentifier`'s.
   */
  private findFace(): boolean {
    const { search, query } = this
    search.key = query.bytes
    search.keyStart = query.handleStart
    search.keyEnd = query.handleEnd
    return this.options.faces(search)
  }

  private writeRemembered(output: Output): number {
    const { query, search } = this
    if (!query.readHandle()) return ELSEWHERE
    const identifier = handleIdentifier(query.handle)
    if (!identifier.ok) return ELSEWHERE
    const answer = this.options.remembered({
      identifier: identifier.value,
      face: HANDLE_VALUES,
      source: search.source,
    })
    if (answer === undefined || answer.kind === 'referral') return ELSEWHERE
    if (answer.kind !== 'found') return this.refuse(RC.handleNotFound, output)
    const face = faceOctets(answer, HANDLE_VALUES)
    search.faceStart = 0
    search.faceEnd = face.length
    return this.writeFace(face, output)
  }

  private writeFace(face: Buffer, output: Output): number {
    const { query, search } = this
    const mayAskForMore = this.options.knowsReaders && !hasFlag(query.opFlags, FLAG.publicOnly)
    if (mayAskForMore && hasRestricted(face, search.faceStart)) return ELSEWHERE
    const all = publicValues(face, search.faceStart, search.faceEnd)
    const isWhole = query.indexes.length + query.types.length === 0
    const values = isWhole ? all : selectedOctets(bufferOf(all), query.indexes, query.types.map(foldAscii))
    if (valueCount(values) === 0) return this.refuse(RC.valuesNotFound, output)
    const end = this.answers.encodeResolutionAnswer(query, values, output)
    if (end < 0) return NO_ROOM
    this.responseCode = RC.success
    return end
  }

  private refuse(responseCode: number, output: Output): number {
    const end = this.answers.encodeResolutionRefusal(this.query, responseCode, output)
    if (end < 0) return NO_ROOM
    this.responseCode = responseCode
    return end
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
