/** What the node above said of a batch, as the outbox keeps it. */
import type { UpwardChange, UpwardOutcome } from '../../protocols/rest/upward.js'
import { feedKeyOf, type Parcel } from './outbox-batches.js'
import type { Acknowledgement, Refused } from './outbox-store.js'

export function acknowledgementOf(parcel: Parcel, { refused }: Pick<UpwardOutcome, 'refused'>): Acknowledgement {
  const reasons = new Map(refused.map((refusal) => [refusal.place, refusal]))
  return {
    cursor: parcel.cursor,
    walk: parcel.walk,
    taken: parcel.changes.flatMap((change, place) => (reasons.has(place) ? [] : [feedKeyOf(change)])),
    refused: parcel.changes.flatMap((change, place) => {
      const refusal = reasons.get(place)
      return refusal === undefined ? [] : [refusalOf(change, refusal)]
    }),
  }
}

function refusalOf(change: UpwardChange, { code, reason }: Pick<Refused, 'code' | 'reason'>): Refused {
  return { key: feedKeyOf(change), version: change.version, code, reason: reason.replaceAll('\0', '') }
}
