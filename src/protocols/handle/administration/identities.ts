/** Who sends a request: proved with a key that a value of his handle holds. */
import { createHash } from 'node:crypto'
import { foldAscii } from '../../../identifier/characters.js'
import type { Clock } from '../../../platform/clock.js'
import type { HandleIndex, ProvenIdentity } from '../codec-body.js'
import { BY_PUBLIC_KEY, BY_SECRET_KEY } from '../codec-challenge.js'
import type { HandleValue } from '../codec-value.js'
import { RC } from '../codes.js'
import type { Answer, AnswerTo, Identities, Outcome, Refusal } from './contract.js'
import { readHandle } from './handle-names.js'
import { type Doubt, doubtOf, sameOctets, unfitSecret, verifyingKey } from './key-proofs.js'
import type { KnownValues } from './known-values.js'
import { refused } from './refusals.js'
import { failureBudget, gate } from './work-limits.js'

export interface IdentitiesOptions {
  readonly values: KnownValues
  readonly clock: Clock
}

/** With index 0 any key will do; more than these are not tried. */
const MAX_KEYS_TRIED = 16
const MAX_PROOFS_RUNNING = 4
const MAX_PROOFS_WAITING = 64

interface Claim extends HandleIndex {
  readonly type: string
  readonly from?: string
}

export function identities({ values, clock }: IdentitiesOptions): Identities {
  const budget = failureBudget(clock)
  const proofs = gate(MAX_PROOFS_RUNNING, MAX_PROOFS_WAITING)

  async function keysOf({ handle, index, type }: Claim): Promise<Outcome<readonly HandleValue[]>> {
    const name = readHandle(handle)
    if (!name.ok) return refused(RC.invalidAdmin, `${handle} is no handle: ${name.message}`)
    const all = await values.valuesOf(name.value, true)
    if (!all.ok) return all
    const keys = all.value.filter((value) => isKey(value, type) && (index === 0 || value.index === index))
    if (keys.length > 0) return { ok: true, value: keys.slice(0, MAX_KEYS_TRIED) }
    return refused(RC.invalidAdmin, `${handle} has no ${type}${index === 0 ? '' : ` at index ${index}`}.`)
  }

  async function proveWith(claim: Claim, doubt: (key: HandleValue) => Doubt | Promise<Doubt>) {
    const { handle, from } = claim
    const failed = (refusal: Refusal): Refusal => {
      if (from !== undefined && refusal.responseCode !== RC.tooBusy) budget.failed(from)
      return refusal
    }
    if (from !== undefined && budget.isSpent(from)) return tooManyFailures()
    const keys = await keysOf(claim)
    if (!keys.ok) return failed(keys)
    // Only the work of proving is bounded here: nobody waits for another's slow look-up.
    const tried = await proofs.pass(() => firstWithoutDoubt(keys.value, doubt))
    if (tried === undefined) return refused(RC.tooBusy, 'Too many proofs are being checked; try again shortly.')
    if (tried.key !== undefined) return { ok: true as const, value: provenBy(handle, tried.key) }
    return failed(refused(RC.authenticationFailed, `${handle} was not proved: ${tried.reason}.`))
  }

  async function proveOneOf(answer: Answer, challenges: readonly AnswerTo[]) {
    let place = -1
    const doubt = async (key: HandleValue): Promise<Doubt> => {
      let last: Doubt = 'there is no challenge'
      for (const [at, challenge] of challenges.entries()) {
        last = await doubtOf(key, { ...answer, ...challenge })
        if (last === undefined) {
          place = at
          return undefined
        }
      }
      return last
    }
    const proven = await proveWith(answer, doubt)
    return proven.ok ? { ok: true as const, value: { identity: proven.value, place } } : proven
  }

  return {
    prove: (proof) => proveWith(proof, (key) => doubtOf(key, proof)),
    proveOneOf,
    proveByPassword({ handle, index, password, from }) {
      const claim = { handle, index, type: BY_SECRET_KEY, from }
      return proveWith(claim, (key) => unfitSecret(key) ?? differs(key.data, password))
    },
    proveByKey({ handle, index }, key) {
      const spki = key.export({ format: 'der', type: 'spki' })
      return proveWith({ handle, index, type: BY_PUBLIC_KEY }, (value) =>
        differs(verifyingKey(value)?.export({ format: 'der', type: 'spki' }) ?? new Uint8Array(0), spki),
      )
    },
    async recheck(identity) {
      const { handle, index, keySha256 } = identity
      const name = readHandle(handle)
      const all = name.ok ? await values.valuesOf(name.value, true) : name
      if (!all.ok) return all
      const isStill = all.value.some((value) => value.index === index && keyDigest(value) === keySha256)
      return isStill
        ? { ok: true, value: identity }
        : refused(RC.authenticationFailed, `The key at ${index}:${handle} is not there any more.`)
    },
  }
}

async function firstWithoutDoubt(
  keys: readonly HandleValue[],
  doubt: (key: HandleValue) => Doubt | Promise<Doubt>,
): Promise<{ readonly key?: HandleValue; readonly reason?: Doubt }> {
  let reason: Doubt
  for (const key of keys) {
    reason = await doubt(key)
    if (reason === undefined) return { key }
  }
  return { reason }
}

function provenBy(handle: string, key: HandleValue): ProvenIdentity {
  return { handle, index: key.index, keySha256: keyDigest(key) }
}

function keyDigest({ type, data }: HandleValue): string {
  return createHash('sha256')
    .update(`${foldAscii(type)}\n`)
    .update(data)
    .digest('hex')
}

function isKey({ type }: HandleValue, wanted: string): boolean {
  const [folded, base] = [foldAscii(type), foldAscii(wanted)]
  const isKeyType = base === foldAscii(BY_PUBLIC_KEY) || base === foldAscii(BY_SECRET_KEY)
  return isKeyType && (folded === base || folded.startsWith(`${base}.`))
}

function differs(one: Uint8Array, other: Uint8Array): Doubt {
  return sameOctets(one, other) ? undefined : 'it is another key'
}

function tooManyFailures(): Refusal {
  return refused(RC.tooBusy, 'Too many proofs from this address have failed; wait a minute.')
}
