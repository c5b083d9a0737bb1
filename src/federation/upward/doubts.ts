/**
 * Whether the node above fails because of what is in a batch, or for reasons of its own. What it fails on is told again.
 * From the second time on an empty batch is told before each further try: only when that was taken, and the batch fails
 * straight afterwards, it counts against the batch. So a node that is away, or fails on everything, makes nothing suspect.
 */
import { feedKeyOf, type Parcel } from './outbox-batches.js'

export interface Doubts {
  /** A change that was never refused is told in vain. */
  readonly isOpen: boolean
  /** An empty batch is to be told next. */
  readonly wantsProbe: boolean
  taken(parcel: Parcel): void
  /** For what has nothing to do with a batch. Gives whether a smaller one may get through, for want of time there. */
  failed(parcel: Parcel): boolean
  /** Gives whether that is because of what is in the batch: of several changes it is not known which. */
  broken(parcel: Parcel): boolean
  /** What was told in vain is told no more. */
  settle(parcel: Parcel): void
  settleAll(): void
}

const TRIES_BEFORE_PROBES = 2
const TRIES_OF_WHOLE = 3
/** Against a single change: it must not be set aside by chance, on a line that fails every now and then. */
const TRIES_OF_ONE = 6

/** What was refused before is doubted apart from the rest, which is told in between. */
export function doubts(): Doubts {
  const [ofNew, ofAgain] = [doubt(TRIES_OF_ONE), doubt(1)]
  const of = ({ isAgain }: Parcel) => (isAgain ? ofAgain : ofNew)
  return {
    get isOpen() {
      return ofNew.isOpen
    },
    get wantsProbe() {
      return ofNew.wantsProbe || ofAgain.wantsProbe
    },
    taken(parcel) {
      ofNew.answered()
      ofAgain.answered()
      if (parcel.changes.length > 0) of(parcel).settle()
    },
    failed: (parcel) => of(parcel).failed(),
    broken: (parcel) => of(parcel).broken(parcel),
    settle: (parcel) => of(parcel).settle(),
    settleAll() {
      ofNew.settle()
      ofAgain.settle()
    },
  }
}

function doubt(triesOfOne: number) {
  let failures = 0
  let breaks = 0
  /** Something else was taken just now. */
  let isAnswering = false
  let suspect = ''
  let against = 0

  function countAgainst({ changes: [change, ...others] }: Parcel): boolean {
    if (change === undefined) return false
    if (others.length > 0) return true
    const name = `${feedKeyOf(change)} ${change.version}`
    against = name === suspect ? against + 1 : 1
    suspect = name
    return against >= triesOfOne
  }

  return {
    get isOpen() {
      return breaks > 0
    },
    get wantsProbe() {
      return breaks >= TRIES_BEFORE_PROBES && !isAnswering
    },
    answered() {
      isAnswering = true
    },
    failed() {
      isAnswering = false
      failures += 1
      return failures >= TRIES_OF_WHOLE
    },
    broken(parcel: Parcel) {
      const counts = isAnswering && breaks >= TRIES_BEFORE_PROBES
      isAnswering = false
      breaks += 1
      return counts && countAgainst(parcel)
    },
    settle() {
      failures = breaks = against = 0
      isAnswering = false
      suspect = ''
    },
  }
}
