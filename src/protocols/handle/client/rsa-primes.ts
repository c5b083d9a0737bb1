/**
 * The primes of an RSA key of which only modulus and private exponent are known.
 *
 * e·d - 1 is a multiple of the order of every number modulo n; halving it as a square root of 1 other than 1 and -1 turns up gives a
 * factor of n. The public exponent is not in the file, so the usual ones are tried. Source: NIST SP 800-56B, appendix C.
 */

const EXPONENTS = [65_537n, 3n, 17n, 257n]
/** Each try fails for half of all numbers at most. */
const TRIES = 64n

export interface RsaParts {
  readonly e: Uint8Array
  readonly p: Uint8Array
  readonly q: Uint8Array
  readonly dp: Uint8Array
  readonly dq: Uint8Array
  readonly qi: Uint8Array
}

/** Undefined when none of the usual exponents belongs to the key. */
export function primesOf(modulus: Uint8Array, exponent: Uint8Array): RsaParts | undefined {
  const [n, d] = [bigint(modulus), bigint(exponent)]
  if (n < 15n || n % 2n === 0n) return undefined
  for (const e of EXPONENTS) {
    const p = power(power(2n, e, n), d, n) === 2n ? factorOf(n, e * d - 1n) : undefined
    if (p !== undefined) return partsOf({ e, d, p, q: n / p })
  }
  return undefined
}

function factorOf(n: bigint, multiple: bigint): bigint | undefined {
  let odd = multiple
  while (odd % 2n === 0n) odd /= 2n
  for (let base = 2n; base < 2n + TRIES; base++) {
    let root = power(base, odd, n)
    for (let order = odd; order < multiple && root !== 1n && root !== n - 1n; order *= 2n) {
      const square = (root * root) % n
      if (square === 1n) return gcd(root - 1n, n)
      root = square
    }
  }
  return undefined
}

function partsOf({ e, d, p, q }: Readonly<Record<'e' | 'd' | 'p' | 'q', bigint>>): RsaParts {
  const [dp, dq, qi] = [d % (p - 1n), d % (q - 1n), power(q, p - 2n, p)]
  return { e: octets(e), p: octets(p), q: octets(q), dp: octets(dp), dq: octets(dq), qi: octets(qi) }
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus]
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b)
}

function bigint(number: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(number).toString('hex')}`)
}

function octets(number: bigint): Uint8Array {
  const hex = number.toString(16)
  return new Uint8Array(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}
