/** What an answer gives, once it is certain to be one: the right values of the right handle, and nothing else. */
import { foldAscii } from '../../../identifier/characters.js'
import type { Query } from '../codec-body.js'
import type { Message } from '../codec-message.js'
import type { HandleValue } from '../codec-value.js'
import { FLAG, hasFlag, RC } from '../codes.js'
import type { Opened } from './asking.js'
import { refusalOf } from './converse.js'
import type { Server } from './server.js'
import { faultOf } from './verification.js'

export interface Found {
  readonly kind: 'found'
  /** As the server writes it. */
  readonly handle: string
  readonly values: readonly HandleValue[]
  readonly server: Server
  /** By a server that has the handle at first hand. */
  readonly isAuthoritative: boolean
}

/** All three are answers of the server that is responsible. */
export type Resolved =
  | Found
  | { readonly kind: 'absent'; readonly server: Server }
  /** The handle exists, but has none of the values asked for, or none that the asker may read. */
  | { readonly kind: 'no-values'; readonly server: Server }
  /** Only when referrals are not followed. */
  | {
      readonly kind: 'referral'
      /** Empty when `values` say where to go. */
      readonly handle: string
      readonly values: readonly HandleValue[]
      readonly server: Server
    }

export function resolvedFrom({ server, first }: Opened, query: Query): Resolved {
  const { header, body } = first
  if (header.responseCode === RC.handleNotFound) return { kind: 'absent', server }
  if (header.responseCode === RC.valuesNotFound) return { kind: 'no-values', server }
  if (body.kind === 'referral') return { kind: 'referral', handle: body.handle, values: body.values, server }
  if (header.responseCode !== RC.success) throw refusalOf(server, first)
  if (body.kind !== 'handle-values') throw faultOf(server, 'invalid-answer', `answers a look-up with ${body.kind}`)
  mustBeSame(server, query.handle, body.handle)
  const stranger = body.values.find((value) => !isWanted(value, query))
  if (stranger !== undefined)
    throw faultOf(server, 'invalid-answer', `gives value ${stranger.index}, which was not asked for`)
  const isAuthoritative = hasFlag(header.opFlags, FLAG.authoritative)
  return { kind: 'found', handle: body.handle, values: body.values, server, isAuthoritative }
}

/** Servers may know `88.100` for `0.NA/88.100`, and write handles in another case. */
function mustBeSame(server: Server, asked: string, answered: string): void {
  const [a, b] = [foldAscii(asked), foldAscii(answered)]
  if (a === b || `0.na/${a}` === b || a === `0.na/${b}`) return
  throw faultOf(server, 'invalid-answer', `answers for ${JSON.stringify(answered.slice(0, 300))}, another handle`)
}

function isWanted({ index, type }: HandleValue, { indexes, types }: Query): boolean {
  if (indexes.length === 0 && types.length === 0) return true
  return indexes.includes(index) || types.some((wanted) => matches(foldAscii(type), foldAscii(wanted)))
}

function matches(type: string, wanted: string): boolean {
  return type === wanted || (wanted.endsWith('.') && (type.startsWith(wanted) || type === wanted.slice(0, -1)))
}

/** @throws HandleFault unless the server did what was asked */
export function mustSucceed({ server, first }: Pick<Opened, 'server' | 'first'>): Message {
  if (first.header.responseCode !== RC.success) throw refusalOf(server, first)
  return first
}

export interface Created {
  /** With a minted suffix where one was asked for. */
  readonly handle: string
  /** Another record was there before. */
  readonly isOverwritten: boolean
}

export function createdFrom(opened: Opened, asked: string, isMinted: boolean): Created {
  const { body, header } = mustSucceed(opened)
  // Old servers say no more than that it is done.
  const handle = body.kind === 'handle' && body.handle !== '' ? body.handle : asked
  const isRight = isMinted ? foldAscii(handle).startsWith(foldAscii(asked)) : foldAscii(handle) === foldAscii(asked)
  if (!isRight)
    throw faultOf(
      opened.server,
      'invalid-answer',
      `says that it made ${JSON.stringify(handle.slice(0, 300))}, another handle`,
    )
  return { handle, isOverwritten: hasFlag(header.opFlags, FLAG.overwrite) }
}

export function handlesIn(server: Server, message: Message): readonly string[] {
  const { body } = mustSucceed({ server, first: message })
  if (body.kind !== 'handles') throw faultOf(server, 'invalid-answer', `answers a list with ${body.kind}`)
  return body.handles
}
