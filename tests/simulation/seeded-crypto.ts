/** Makes `randomInt` of node:crypto follow the seed while something is built that draws from it (the sketch's hash). */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Random } from './random.js'

export function withSeededCrypto<Result>(random: Random, build: () => Result): Result {
  const original = crypto.randomInt
  crypto.randomInt = ((bound: number) => random.below(bound)) as typeof crypto.randomInt
  // Named imports of built-in modules are bound anew only by this.
  syncBuiltinESMExports()
  try {
    return build()
  } finally {
    crypto.randomInt = original
    syncBuiltinESMExports()
  }
}
