/** Checks of what people send that would otherwise fail inside the database. */
import { NodeError } from '../platform/errors.js'

/** Postgres stores no NUL, and a lone surrogate has no UTF-8 form. */
const UNSTORABLE = /\0|\p{Surrogate}/u

const MAX_NAME_LENGTH = 300

/** @throws NodeError `request-malformed` when it is blank, too long or not storable */
export function requireText(field: string, text: string, maxLength: number): string {
  const trimmed = text.trim()
  const reason = trimmed === '' ? 'It is empty.' : textFault(trimmed, maxLength)
  if (reason !== undefined) throw malformedField(field, reason)
  return trimmed
}

/** Why a text cannot be stored, or undefined. */
export function textFault(text: string, maxLength: number): string | undefined {
  if (text.length > maxLength) return `It is longer than ${maxLength} characters.`
  if (UNSTORABLE.test(text)) return 'It contains a NUL character or half of a surrogate pair.'
  return undefined
}

/** Whether the database could hold such a name at all; one that it could not hold is simply not there. */
export function isStorable(name: string): boolean {
  return textFault(name, MAX_NAME_LENGTH) === undefined
}

/** The name after which a page starts. @throws NodeError `request-malformed` */
export function requirePageStart(after: string | undefined): string {
  const reason = textFault(after ?? '', MAX_NAME_LENGTH)
  if (reason !== undefined) throw malformedField('after', reason)
  return after ?? ''
}

export function malformedField(field: string, reason: string): NodeError {
  return new NodeError('request-malformed', `${field}: ${reason}`, { faults: [{ field, reason }] })
}
