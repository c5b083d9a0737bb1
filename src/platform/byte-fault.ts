/** Why octets are not what they should be, and where: the failed half of what a decoder gives. */

export type ByteFaultReason =
  /** A field goes on beyond the end. */
  | 'cut-off'
  /** A count promises more items than the octets left could hold. */
  | 'too-many'
  | 'too-long'
  | 'not-utf8'
  /** Octets follow where nothing may. */
  | 'left-over'
  | 'bad-value'

export interface ByteFault {
  readonly reason: ByteFaultReason
  /** Zero-based, in the octets given. */
  readonly offset: number
  /** The field's name, as the layout that the decoder documents calls it. */
  readonly field: string
  /** A sentence for people. */
  readonly message: string
}

/** The same shape as `Result` of identifier/, which lies to the right of this folder. */
export type Decoded<Value> = { readonly ok: true; readonly value: Value } | ({ readonly ok: false } & ByteFault)
