/**
 * What every scheme's parser gives: one identifier, one canonical key.
 *
 *   handle  88.118.8/JXDY2106023     key 88.118.8/jxdy2106023   prefix 88.118.8
 *   vaa     VAA08810012345678/abc    key 88.100.12345678/abc    prefix 88.100.12345678
 *   oid     1.2.156.3000.7           key urn:oid:1.2.156.3000.7 prefix urn:oid:1.2.156.3000
 */
export type Scheme = 'handle' | 'vaa' | 'oid'

export interface Identifier {
  /** The scheme it was written in; a VAA code and its handle share one key. */
  readonly scheme: Scheme
  /** Canonical form: the cache key, the database key, and what equality means. */
  readonly key: string
  /** Canonical prefix: the part that decides who is responsible. For an OID, its parent arc. */
  readonly prefix: string
  /** The text in this scheme's usual spelling, letters as written; given back as `identifier` once registered. */
  readonly spelling: string
}

/** Why a text is no identifier, and where. */
export interface IdentifierFault {
  /** Stable, machine-readable: `empty`, `no-slash`, `bad-prefix`, `empty-suffix`, `too-long`, … */
  readonly reason: string
  /** Zero-based, in UTF-16 code units of the text given. */
  readonly position: number
  /** A sentence for people: what is wrong and what to do. */
  readonly message: string
}
