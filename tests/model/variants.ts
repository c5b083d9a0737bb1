/** The protocol with one thing wrong, each by a name that coherence.pml knows. The search must find each. */
export interface Variant {
  readonly name: string
  readonly wrong: string
  /** The least that shows it. */
  readonly writers: 2 | 3
  readonly crash?: true
}

export const VARIANTS: readonly Variant[] = [
  { name: 'REDELIVER', wrong: 'feed rows are applied again at every poll that brings them', writers: 3 },
  { name: 'OWNSEEN', wrong: 'an own write goes into the exact map and counts as delivered', writers: 2 },
  {
    name: 'OWNLATE',
    wrong: 'an own write goes into the exact map, however late its acknowledgement comes',
    writers: 2,
  },
  { name: 'XMINPOLL', wrong: 'the next poll reads from the xmin of the snapshot', writers: 3, crash: true },
  { name: 'XMINSTAMP', wrong: 'a fill is stamped with the xmin of a snapshot', writers: 2, crash: true },
  { name: 'XMAXSTAMP', wrong: 'a fill is stamped with the next transaction id', writers: 2 },
  { name: 'POLLEND', wrong: 'freshness counts from the end of a poll', writers: 2 },
  { name: 'NOFRESH', wrong: 'freshness is not looked at', writers: 2 },
  { name: 'TRUSTL2', wrong: 'what Redis gives is not validated', writers: 2 },
  { name: 'SEQFEED', wrong: 'the next poll reads behind the highest id seen', writers: 2 },
  { name: 'BLINDL1', wrong: 'what the database gives is kept without being validated', writers: 2 },
  { name: 'ROWBYROW', wrong: 'rows of one poll go into the exact map one by one, in the order of ids', writers: 2 },
  { name: 'JOINOLD', wrong: 'a look-up joins a flight however long ago that began', writers: 2 },
  { name: 'WAITSHORT', wrong: 'a write that waits is acknowledged T after its commit, not later', writers: 2 },
  { name: 'JOINOVERTAKEN', wrong: 'a look-up joins a flight from before an own write', writers: 2 },
]
