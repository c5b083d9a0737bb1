/** Seeded randomness: the same seed gives the same run on every machine. */

/** The next number of a stream, uniform in [0, 1) with 53 random bits. */
export type Random = () => number

/**
 * xoshiro128** of Blackman and Vigna, its four words filled by splitmix32.
 *
 * @param seed any integer; taken modulo 2^32
 */
export function randomStream(seed: number): Random {
  let state = seed >>> 0
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0
    return mix32(state)
  }
  let a = word()
  let b = word()
  let c = word()
  let d = word()
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return result
  }
  return () => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000
}

/** A seed for lane `lane` of `seed`, so that streams made from one seed do not run alongside each other. */
export function laneSeed(seed: number, lane: number): number {
  return mix32((seed ^ mix32(lane + 0x9e3779b9)) >>> 0)
}

/** The finaliser of MurmurHash3: each bit in moves about half of the bits out. */
function mix32(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
