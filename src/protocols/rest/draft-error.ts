/** Why a record cannot be stored, as an error for whoever sent it. */
import { NodeError } from '../../platform/errors.js'
import type { DraftResult } from '../../record/draft.js'

export function draftError({ code, faults }: Extract<DraftResult, { ok: false }>): NodeError {
  const [first] = faults
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see faults)` : ''
  return new NodeError(code, `The record cannot be stored: ${first?.field} ${first?.reason}${more}.`, { faults })
}
