/** Outcomes as replies of the native protocol. */
import { RC } from '../codes.js'
import type { Reply } from '../operation.js'
import type { Refusal } from './contract.js'

export const EMPTY: Reply = { responseCode: RC.success, body: { kind: 'empty' } }

export function errorReply(responseCode: number, message: string, indexes: readonly number[] = []): Reply {
  return { responseCode, body: { kind: 'error', message, indexes } }
}

export function refusalReply({ responseCode, message, indexes }: Refusal): Reply {
  return errorReply(responseCode, message, indexes)
}
