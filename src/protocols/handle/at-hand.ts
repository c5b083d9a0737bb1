/**
 * Answers at hand: plain look-ups of records in memory, written straight into the octets that will be sent. No message is
 * decoded, no record, and nothing waits. Whatever is not plain, or not in memory, is `answering`'s.
 */
import { foldAscii } from '../../identifier/characters.js'
import { uint32At } from '../../platform/byte-reader.js'
import type { Answer, Found } from '../../record/answer.js'
import { faceOctets } from '../../record/face.js'
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

export class AnswersAtHand {
  /** Of the answer that was written last. */
  responseCode = 0
  private readonly query = new PlainQuery()
  private readonly answers: PlainAnswers
  private readonly remembered: (query: Query) => Answer | undefined
  private readonly facts: ServerFacts
  /** Whether there is anybody to whom restricted values are shown. */
  private readonly knowsReaders: boolean

  constructor(options: {
    readonly remembered: (query: Query) => Answer | undefined
    readonly facts: ServerFacts
    readonly knowsReaders: boolean
  }) {
    this.remembered = options.remembered
    this.facts = options.facts
    this.knowsReaders = options.knowsReaders
    this.answers = new PlainAnswers(options.facts)
  }

  /** The handle that was asked for last. */
  get handle(): string {
    return this.query.handle
  }

  /** Answers the message from `start` up to `end`, and gives where the answer ends in the output. */
  write(bytes: Buffer, { start, end }: { readonly start: number; readonly end: number }, output: Output): number {
    const { query } = this
    if (!query.read(bytes, start, end)) return ELSEWHERE
    if (hasFlag(query.opFlags, NOT_HERE) || uint32At(bytes, start + SESSION_AT) !== 0) return ELSEWHERE
    const identifier = handleIdentifier(query.handle)
    if (!identifier.ok) return ELSEWHERE
    const answer = this.remembered({ identifier: identifier.value, face: HANDLE_VALUES })
    if (answer === undefined || answer.kind === 'referral') return ELSEWHERE
    this.answers.expirationSeconds = this.facts.expirationSeconds
    return answer.kind === 'found' ? this.writeFound(answer, output) : this.refuse(RC.handleNotFound, output)
  }

  private writeFound(answer: Found, output: Output): number {
    const { query } = this
    const face = faceOctets(answer, HANDLE_VALUES)
    const mayAskForMore = this.knowsReaders && !hasFlag(query.opFlags, FLAG.publicOnly)
    if (mayAskForMore && hasRestricted(face)) return ELSEWHERE
    const isWhole = query.indexes.length + query.types.length === 0
    const all = publicValues(face)
    const values = isWhole ? all : selectedOctets(all, query.indexes, query.types.map(foldAscii))
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
