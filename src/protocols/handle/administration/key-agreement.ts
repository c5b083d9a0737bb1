/**
 * The server's half of a Diffie-Hellman key agreement, with the client's numbers.
 *
 * They come from anybody: the modulus must be a prime of a size that is safe and can be worked with, the base and the client's
 * public number must not be 0, 1 or their negatives, for which everybody would know the secret.
 */
import { checkPrime, createDiffieHellman, createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { type HandlePublicKey, magnitude, withSign } from '../../../record/value-types/hs-pubkey.js'

type DiffieHellmanKey = Extract<HandlePublicKey, { kind: 'dh' }>

const LEAST_BITS = 1_024
/** The work grows with the cube. */
const MAX_BITS = 3_072
const MAX_KNOWN_PRIMES = 64

const isPrime = promisify(checkPrime)

export type Agreement =
  | { readonly ok: true; readonly publicKey: HandlePublicKey; readonly secret: Buffer }
  | { readonly ok: false; readonly reason: string }

/** Remembers the primes it has tested: clients use few. */
export function keyAgreement(): (theirs: DiffieHellmanKey) => Promise<Agreement> {
  const primes = new Set<string>()

  async function isKnownPrime(p: Uint8Array): Promise<boolean> {
    const name = createHash('sha256').update(p).digest('base64')
    if (primes.has(name)) return true
    const copy = new Uint8Array(p)
    if (!(await isPrime(copy))) return false
    if (primes.size >= MAX_KNOWN_PRIMES) primes.delete(primes.values().next().value!)
    primes.add(name)
    return true
  }

  return async ({ p, g, y }) => {
    const [prime, base, theirs] = [magnitude(p), magnitude(g), magnitude(y)]
    const fault = numbersFault(prime, base, theirs)
    if (fault !== undefined) return { ok: false, reason: fault }
    if (!(await isKnownPrime(prime))) return { ok: false, reason: 'the modulus is no prime' }
    const own = createDiffieHellman(prime, base)
    const publicNumber = own.generateKeys()
    const secret = own.computeSecret(theirs)
    return { ok: true, publicKey: { kind: 'dh', flags: 0, y: withSign(publicNumber), p, g }, secret }
  }
}

function numbersFault(prime: Uint8Array, base: Uint8Array, theirs: Uint8Array): string | undefined {
  const bits = prime.length * 8 - (prime.length === 0 ? 0 : Math.clz32(prime[0]!) - 24)
  if (bits < LEAST_BITS || bits > MAX_BITS) {
    return `the modulus has ${bits} bits: ${LEAST_BITS} to ${MAX_BITS} are taken`
  }
  const modulus = numberOf(prime)
  for (const [name, octets] of [
    ['base', base],
    ['public number', theirs],
  ] as const) {
    if (octets.length > prime.length) return `the ${name} is not below the modulus`
    const number = numberOf(octets)
    if (number < 2n || number > modulus - 2n) return `the ${name} is not between 1 and the modulus less 1`
  }
  return undefined
}

function numberOf(octets: Uint8Array): bigint {
  return octets.length === 0 ? 0n : BigInt(`0x${Buffer.from(octets).toString('hex')}`)
}
