/**
 * A search for a face by octets: the door has the identifier as octets and wants octets, and neither a text nor an object is
 * made in between. One such object serves any number of searches.
 */
import type { Face } from '../../record/face.js'
import type { Moment } from '../moment.js'

const NOTHING: Buffer = Buffer.alloc(0)
/** Nothing is known to be right then. */
const NEVER: Moment = { monotonicMs: Number.NaN, wallMs: Number.NaN }

export class FaceSearch {
  /** The identifier from `keyStart` up to `keyEnd`: ASCII, and its letters in whatever case. */
  key = NOTHING
  keyStart = 0
  keyEnd = 0
  /** Address of who asks. */
  source = ''
  /** Since which the question has been here: as of then an answer is right. Telling the time for each would be a tenth of it. */
  moment: Moment = NEVER
  /** Entries that were found valid in another generation of change knowledge do not count here. */
  generation = 0
  /** What was found: octets that are never written to. */
  face = NOTHING
  faceStart = 0
  faceEnd = 0
  readonly id: Face['id']

  constructor(face: Face) {
    this.id = face.id
  }
}

/** Every octet with its letter folded: a table is faster than comparing. */
export const FOLDED = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet,
)
