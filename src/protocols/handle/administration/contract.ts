/**
 * What the native protocol and the HTTP API both ask of authentication and administration, whatever carries the request.
 *
 *   Identities      who sends it: proofs by public key, by secret key, by password, by a certificate's key
 *   Administration  what is done: records and prefixes, under the registry's rules and those of HS_ADMIN
 *
 * An outcome that is refused carries the protocol's response code and a sentence for the person who reads it. Broken machinery
 * throws `NodeError`; `refusalOf` (refusals.ts) has the code for it.
 */
import type { KeyObject } from 'node:crypto'
import type { IdentifierRecord } from '../../../record/record.js'
import type { HandleIndex, ProvenIdentity } from '../codec-body.js'
import type { HandleValue } from '../codec-value.js'

export interface Refusal {
  readonly ok: false
  /** Of `RC`. */
  readonly responseCode: number
  /** What is wrong and what to do. */
  readonly message: string
  /** Indexes of the values meant, where it is about some. */
  readonly indexes?: readonly number[]
}

export type Outcome<Value> = { readonly ok: true; readonly value: Value } | Refusal

export interface AnswerTo {
  /** What the challenge gave. */
  readonly nonce: Uint8Array
  /** What the challenged side added: the digest of its request, or a nonce of its own. */
  readonly requestDigest: Uint8Array
}

/** An answer to a challenge, as codec-challenge.ts encodes it. */
export interface Answer extends HandleIndex {
  /** `HS_PUBKEY` or `HS_SECKEY`. Index 0: any value of that type of the handle. */
  readonly type: string
  readonly answer: Uint8Array
  /** Whom to hold back when too many proofs fail: an address. */
  readonly from: string
}

export type Proof = Answer & AnswerTo

/**
 * Refused with `invalidAdmin` (no such handle or value), `authenticationFailed` (it is not the key's), `authenticationError`
 * (nobody can tell: another node's key is needed) or `tooBusy` (too many failures of that address).
 */
export interface Identities {
  prove(proof: Proof): Promise<Outcome<ProvenIdentity>>
  /** Of several challenges that the answer may be to, the place of the one that it is to. */
  proveOneOf(
    answer: Answer,
    challenges: readonly AnswerTo[],
  ): Promise<Outcome<{ readonly identity: ProvenIdentity; readonly place: number }>>
  /** The secret itself was sent: only for channels that nobody else reads. */
  proveByPassword(claim: PasswordClaim): Promise<Outcome<ProvenIdentity>>
  /** The channel itself has proved who holds this key, as TLS does with a client's certificate. */
  proveByKey(identity: HandleIndex, key: KeyObject): Promise<Outcome<ProvenIdentity>>
  /** Whether the key is still the one that was proved: keys of sessions and logins are taken away too. */
  recheck(identity: ProvenIdentity): Promise<Outcome<ProvenIdentity>>
}

export interface PasswordClaim extends HandleIndex {
  readonly password: Uint8Array
  readonly from: string
}

export interface Creation {
  /** With `mint`, what the new suffix is put behind: `88.118.8/` gives `88.118.8/` and a UUID. */
  readonly handle: string
  readonly values: readonly HandleValue[]
  readonly overwrite?: boolean
  readonly mint?: boolean
}

export interface Written {
  /** As registered. */
  readonly handle: string
  /** Whether something that was there was replaced. */
  readonly overwritten: boolean
  /** The version that is there now; for a token, as every door gives one. */
  readonly version: number
  readonly token: string
}

export interface ValuesChange {
  readonly handle: string
  readonly values: readonly HandleValue[]
  /** Of `addValues`: values that have these indexes are replaced. */
  readonly overwrite?: boolean
}

export interface HandlePage {
  /** `0.NA/88.118.8` or `88.118.8`. */
  readonly prefix: string
  /** What `next` of the page before was; absent for the first page. */
  readonly after?: string
  readonly limit: number
}

export interface ListedHandles {
  readonly handles: readonly string[]
  /** Absent on the last page. */
  readonly next?: string
}

/**
 * `by` undefined: nobody has proved who he is. What can be refused without knowing is refused for its own reason; all else
 * with `authenticationNeeded`, so that a challenge is only sent where its answer would help.
 */
export interface Administration {
  create(by: ProvenIdentity | undefined, creation: Creation): Promise<Outcome<Written>>
  /** The whole handle. */
  remove(by: ProvenIdentity | undefined, handle: string): Promise<Outcome<Written>>
  addValues(by: ProvenIdentity | undefined, change: ValuesChange): Promise<Outcome<Written>>
  modifyValues(by: ProvenIdentity | undefined, change: ValuesChange): Promise<Outcome<Written>>
  removeValues(
    by: ProvenIdentity | undefined,
    change: { readonly handle: string; readonly indexes: readonly number[] },
  ): Promise<Outcome<Written>>
  listHandles(by: ProvenIdentity | undefined, page: HandlePage): Promise<Outcome<ListedHandles>>
  /** `0.NA/88.118.8.1` and others below the prefix. */
  listDerivedPrefixes(by: ProvenIdentity | undefined, page: HandlePage): Promise<Outcome<ListedHandles>>
  /** Makes the node responsible for a prefix, or for one it has let go of again. Server administrators only, as the next two. */
  home(by: ProvenIdentity | undefined, prefix: string): Promise<Outcome<undefined>>
  /** The prefix stops resolving; nothing is lost. */
  unhome(by: ProvenIdentity | undefined, prefix: string): Promise<Outcome<undefined>>
  listHomed(by: ProvenIdentity | undefined, page: Omit<HandlePage, 'prefix'>): Promise<Outcome<ListedHandles>>
  /** Whether values that only administrators may read are for him. Undefined means yes. */
  refusedToRead(by: ProvenIdentity | undefined, record: IdentifierRecord): Promise<Refusal | undefined>
}
